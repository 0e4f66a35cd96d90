// From a query to the bytes of a request, for the client.

import ReadStateCore

/// Writes requests at the end of a buffer.
package enum QueryEncoder {
    /// In the encoding that the query's address names.
    package static func encode(_ query: Query, into bytes: inout [UInt8]) {
        switch query.address.encoding {
        case .json: json(query, into: &bytes)
        case .protobuf: protobuf(query, into: &bytes)
        }
    }

    private static func protobuf(_ query: Query, into bytes: inout [UInt8]) {
        ProtobufWriter.string(1, query.address.id, into: &bytes)
        ProtobufWriter.string(2, query.address.replyTo, into: &bytes)
        ProtobufWriter.int64(3, query.deadlineUnixMilliseconds, into: &bytes)
        if let minOffset = query.minOffset {
            // Its absence is not 0.
            ProtobufWriter.presentVarint(4, UInt64(bitPattern: minOffset.rawValue), into: &bytes)
        }
        switch query.question {
        case .get(let user, let channel):
            let body = ProtobufWriter.begin(5, into: &bytes)
            ProtobufWriter.fixed64(1, user.rawValue, into: &bytes)
            ProtobufWriter.fixed64(2, channel.rawValue, into: &bytes)
            ProtobufWriter.end(body, into: &bytes)
        case .list(let user, let unreadOnly, let after, let limit):
            let body = ProtobufWriter.begin(6, into: &bytes)
            ProtobufWriter.fixed64(1, user.rawValue, into: &bytes)
            ProtobufWriter.bool(2, unreadOnly, into: &bytes)
            ProtobufWriter.fixed64(3, after.rawValue, into: &bytes)
            ProtobufWriter.varint(4, UInt64(clamping: limit), into: &bytes)
            ProtobufWriter.end(body, into: &bytes)
        case .totals(let user):
            let body = ProtobufWriter.begin(7, into: &bytes)
            ProtobufWriter.fixed64(1, user.rawValue, into: &bytes)
            ProtobufWriter.end(body, into: &bytes)
        }
    }

    private static func json(_ query: Query, into bytes: inout [UInt8]) {
        JSONWriter.begin(into: &bytes)
        JSONWriter.string("id", query.address.id, into: &bytes)
        JSONWriter.string("reply_to", query.address.replyTo, into: &bytes)
        if query.deadlineUnixMilliseconds != 0 {
            JSONWriter.int64("deadline_unix_ms", query.deadlineUnixMilliseconds, into: &bytes)
        }
        if let minOffset = query.minOffset {
            JSONWriter.int64("min_offset", minOffset.rawValue, into: &bytes)
        }
        switch query.question {
        case .get(let user, let channel):
            JSONWriter.open("get", "{", into: &bytes)
            JSONWriter.id("user_id", user.rawValue, into: &bytes)
            JSONWriter.id("channel_id", channel.rawValue, into: &bytes)
        case .list(let user, let unreadOnly, let after, let limit):
            JSONWriter.open("list", "{", into: &bytes)
            JSONWriter.id("user_id", user.rawValue, into: &bytes)
            if unreadOnly { JSONWriter.bool("unread_only", true, into: &bytes) }
            if after.rawValue != 0 {
                JSONWriter.id("after_channel_id", after.rawValue, into: &bytes)
            }
            JSONWriter.number("limit", Int64(limit), into: &bytes)
        case .totals(let user):
            JSONWriter.open("totals", "{", into: &bytes)
            JSONWriter.id("user_id", user.rawValue, into: &bytes)
        }
        JSONWriter.close("}", into: &bytes)
        JSONWriter.close("}", into: &bytes)
    }
}
