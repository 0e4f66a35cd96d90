// Answers, in the encoding of their query. A list of up to 10,000 states is written as it is found:
// `ListReplyWriter` appends each state; there is no array in between.

package import ReadStateCore

/// Writes replies at the end of a buffer.
package enum ReplyWriter {
    /// What every answer that is not an error says of itself.
    package struct Header {
        package var address: ReplyAddress
        package var partition: PartitionID
        /// What the answer includes of the partition's log; -1: nothing yet.
        package var appliedOffset: Offset

        package init(address: ReplyAddress, partition: PartitionID, appliedOffset: Offset) {
            self.address = address
            self.partition = partition
            self.appliedOffset = appliedOffset
        }
    }

    /// An answer to `get`.
    package static func state(
        _ state: ReadStateSummary, user: UserID, header: borrowing Header,
        into bytes: inout [UInt8]
    ) {
        begin(header, into: &bytes)
        switch header.address.encoding {
        case .json:
            JSONWriter.name("state", into: &bytes)
            json(state, user: user, into: &bytes)
            JSONWriter.close("}", into: &bytes)
        case .protobuf:
            protobuf(4, state, user: user, into: &bytes)
        }
    }

    /// An answer to `totals`.
    package static func totals(
        _ totals: UserTotals, user: UserID, header: borrowing Header, into bytes: inout [UInt8]
    ) {
        begin(header, into: &bytes)
        switch header.address.encoding {
        case .json:
            JSONWriter.open("totals", "{", into: &bytes)
            JSONWriter.id("user_id", user.rawValue, into: &bytes)
            JSONWriter.number("unread_channels", Int64(totals.unreadChannels), into: &bytes)
            JSONWriter.number("mention_count", Int64(count(totals.mentionCount)), into: &bytes)
            JSONWriter.bool("exact", totals.exact, into: &bytes)
            JSONWriter.close("}", into: &bytes)
            JSONWriter.close("}", into: &bytes)
        case .protobuf:
            let body = ProtobufWriter.begin(6, into: &bytes)
            ProtobufWriter.fixed64(1, user.rawValue, into: &bytes)
            ProtobufWriter.varint(2, UInt64(count(totals.unreadChannels)), into: &bytes)
            ProtobufWriter.varint(3, UInt64(count(totals.mentionCount)), into: &bytes)
            ProtobufWriter.bool(4, totals.exact, into: &bytes)
            ProtobufWriter.end(body, into: &bytes)
        }
    }

    /// An answer that is none.
    package static func error(
        _ code: QueryErrorCode, message: String, address: ReplyAddress, into bytes: inout [UInt8]
    ) {
        switch address.encoding {
        case .json:
            JSONWriter.begin(into: &bytes)
            JSONWriter.string("id", address.id, into: &bytes)
            JSONWriter.bool("ok", false, into: &bytes)
            JSONWriter.open("error", "{", into: &bytes)
            JSONWriter.string("code", Array(code.rawValue.utf8), into: &bytes)
            JSONWriter.string("message", Array(message.utf8), into: &bytes)
            JSONWriter.close("}", into: &bytes)
            JSONWriter.close("}", into: &bytes)
        case .protobuf:
            ProtobufWriter.string(1, address.id, into: &bytes)
            let body = ProtobufWriter.begin(7, into: &bytes)
            ProtobufWriter.string(1, Array(code.rawValue.utf8), into: &bytes)
            ProtobufWriter.string(2, Array(message.utf8), into: &bytes)
            ProtobufWriter.end(body, into: &bytes)
        }
    }

    /// Everything before the result.
    static func begin(_ header: borrowing Header, into bytes: inout [UInt8]) {
        switch header.address.encoding {
        case .json:
            JSONWriter.begin(into: &bytes)
            JSONWriter.string("id", header.address.id, into: &bytes)
            JSONWriter.bool("ok", true, into: &bytes)
            JSONWriter.number("partition", Int64(header.partition.rawValue), into: &bytes)
            JSONWriter.int64("applied_offset", header.appliedOffset.rawValue, into: &bytes)
        case .protobuf:
            ProtobufWriter.string(1, header.address.id, into: &bytes)
            ProtobufWriter.int64(2, Int64(header.partition.rawValue), into: &bytes)
            ProtobufWriter.int64(3, header.appliedOffset.rawValue, into: &bytes)
        }
    }

    /// One state as a JSON object.
    static func json(_ state: ReadStateSummary, user: UserID, into bytes: inout [UInt8]) {
        JSONWriter.open("{", into: &bytes)
        JSONWriter.id("user_id", user.rawValue, into: &bytes)
        JSONWriter.id("channel_id", state.channel.rawValue, into: &bytes)
        JSONWriter.id("last_read_id", state.lastRead.rawValue, into: &bytes)
        JSONWriter.id("last_message_id", state.lastMessage.rawValue, into: &bytes)
        JSONWriter.bool("unread", state.unread, into: &bytes)
        JSONWriter.number("unread_count", Int64(count(state.unreadCount)), into: &bytes)
        JSONWriter.number("mention_count", Int64(count(state.mentionCount)), into: &bytes)
        JSONWriter.bool("exact", state.exact, into: &bytes)
        JSONWriter.close("}", into: &bytes)
    }

    /// One state as field `number`.
    static func protobuf(
        _ number: UInt32, _ state: ReadStateSummary, user: UserID, into bytes: inout [UInt8]
    ) {
        let body = ProtobufWriter.begin(number, into: &bytes)
        ProtobufWriter.fixed64(1, user.rawValue, into: &bytes)
        ProtobufWriter.fixed64(2, state.channel.rawValue, into: &bytes)
        ProtobufWriter.fixed64(3, state.lastRead.rawValue, into: &bytes)
        ProtobufWriter.fixed64(4, state.lastMessage.rawValue, into: &bytes)
        ProtobufWriter.bool(5, state.unread, into: &bytes)
        ProtobufWriter.varint(6, UInt64(count(state.unreadCount)), into: &bytes)
        ProtobufWriter.varint(7, UInt64(count(state.mentionCount)), into: &bytes)
        ProtobufWriter.bool(8, state.exact, into: &bytes)
        ProtobufWriter.end(body, into: &bytes)
    }

    /// Counts are uint32 on the wire. One that is not so small is told as the most there is.
    private static func count(_ value: Int) -> UInt32 { UInt32(clamping: value) }
}
