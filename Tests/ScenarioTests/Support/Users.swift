// Many users with little each: what makes commits, loads and handovers long.

enum ManyUsers {
    /// Two messages, one of them a mention, and a read between them, for each of `count` users.
    static func lines(_ count: Int) -> [String] {
        let kinds = [
            #""message_sent":{"message_id":"101"}"#, #""message_read":{"message_id":"101"}"#,
            #""message_sent":{"message_id":"102","mention":"MENTION_USER"}"#,
        ]
        return kinds.flatMap { kind in
            (1...count).map { #"{"user_id":"\#($0)","channel_id":"9",\#(kind)}"# }
        }
    }

    /// One message more for each of `count` users.
    static func moreLines(_ count: Int) -> [String] {
        (1...count).map {
            #"{"user_id":"\#($0)","channel_id":"9","message_sent":{"message_id":"103"}}"#
        }
    }
}
