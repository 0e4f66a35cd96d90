// The reference fold against logs whose read states were worked out by hand.

import TestSupport
import Testing

@Suite struct ReferenceFoldTests {
    private func fold(_ lines: String...) throws -> ReferenceFold {
        var fold = ReferenceFold()
        try fold.apply(lines: lines.map { #"{"user_id":"7","channel_id":"9","# + $0 + "}" })
        return fold
    }

    private func expect(
        _ fold: ReferenceFold, read: UInt64, last: UInt64, unread: Int, mentions: Int,
        at location: SourceLocation = #_sourceLocation
    ) {
        var expected = ReferenceFold.Expected()
        expected.lastRead = read
        expected.lastMessage = last
        expected.unreadCount = unread
        expected.mentionCount = mentions
        #expect(fold[7, 9] == expected, sourceLocation: location)
    }

    /// A read below the newest message leaves what came after it; a duplicate counts once.
    @Test func readsAndDuplicates() throws {
        let sent = #""message_sent":{"message_id":"10","mention":"MENTION_USER"}"#
        let later = #""message_sent":{"message_id":"20"}"#
        let read = #""message_read":{"message_id":"15"}"#
        expect(try fold(sent, later, sent, later), read: 0, last: 20, unread: 2, mentions: 1)
        expect(try fold(sent, later, read, sent), read: 15, last: 20, unread: 1, mentions: 0)
    }

    /// A mark-unread goes back, and a read accepted before it is void.
    @Test func markUnreadVoidsEarlierReads() throws {
        expect(
            try fold(
                #""message_sent":{"message_id":"10"}"#, #""message_read":{"message_id":"10"}"#,
                #""op_id":"30","marked_unread":{"message_id":"10","unread":["#
                    + #"{"message_id":"10","mention":true}]}"#,
                #""op_id":"25","message_read":{"message_id":"12"}"#),
            read: 9, last: 10, unread: 1, mentions: 1)
    }

    /// A snapshot may know of newer messages than the channel does.
    @Test func snapshotsTellOfMessages() throws {
        expect(
            try fold(
                #""message_sent":{"message_id":"10"}"#,
                #""op_id":"40","marked_unread":{"message_id":"10","unread":["#
                    + #"{"message_id":"10","mention":false},"#
                    + #"{"message_id":"30","mention":false}]}"#),
            read: 9, last: 30, unread: 2, mentions: 0)
    }

    /// A deleted message does not come back with a late `message_sent`.
    @Test func deletedStaysDeleted() throws {
        expect(
            try fold(
                #""message_deleted":{"message_ids":["10"]}"#,
                #""message_sent":{"message_id":"10"}"#,
                #""message_sent":{"message_id":"11"}"#,
                #""mention_changed":{"message_id":"11","mentioned":true}"#),
            read: 0, last: 11, unread: 1, mentions: 1)
    }

    /// After leaving nothing counts until the next join, whose head is read.
    @Test func leavingAndJoining() throws {
        expect(
            try fold(
                #""message_sent":{"message_id":"10"}"#, #""channel_left":{}"#,
                #""message_sent":{"message_id":"11"}"#, #""channel_joined":{"head_id":"12"}"#,
                #""message_sent":{"message_id":"13"}"#),
            read: 12, last: 13, unread: 1, mentions: 0)
    }

    /// An own message reads all before it and never counts.
    @Test func ownMessagesRead() throws {
        expect(
            try fold(
                #""message_sent":{"message_id":"10"}"#,
                #""message_sent":{"message_id":"11","own":true}"#),
            read: 11, last: 11, unread: 0, mentions: 0)
    }

    /// Reads of many channels are one step; an erased user has no state left.
    @Test func manyAndErased() throws {
        var fold = try fold(
            #""message_sent":{"message_id":"10"}"#,
            #""read_many":{"entries":[{"channel_id":"9","message_id":"10"}]}"#)
        expect(fold, read: 10, last: 10, unread: 0, mentions: 0)
        try fold.apply(line: #"{"user_id":"7","user_erased":{}}"#)
        #expect(fold.all.isEmpty)
    }

    /// The trace is whole, and its read states are those that were worked out when it was taken.
    @Test func theTraceIsWhole() throws {
        var fold = ReferenceFold()
        try fold.apply(lines: try Trace.lines())
        let all = fold.all.values
        #expect(fold.eventCount == 300_000)
        #expect(fold.users.count == 1_116)
        #expect(fold.all.count == 1_285)
        #expect(all.reduce(0) { $0 + $1.unreadCount } == 75_640)
        #expect(all.reduce(0) { $0 + $1.mentionCount } == 339)
        #expect(all.map(\.unreadCount).max() == 919)
    }

    /// A kind that the fold does not know is an error, not nothing.
    @Test func unknownKinds() {
        #expect(throws: ReferenceFold.Unreadable.self) { try fold(#""message_boiled":{}"#) }
    }
}
