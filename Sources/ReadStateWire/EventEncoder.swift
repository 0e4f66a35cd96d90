// From an event to its bytes, for those who write to the topic: `publish`, `load`, `demo`, tests.
// What is written is canonical: fields in the order of their numbers, defaults left out.

package import ReadStateCore

extension EventFields {
    /// The fields of a decoded event, whose list is in `entries` of its batch. A mention's kind
    /// (user, role, everyone) is not kept by the core; it comes out as `MENTION_USER`.
    package init(_ event: Event) {
        self.init(listStart: 0)
        user = event.user.rawValue
        channel = event.channel.rawValue
        op = event.op.rawValue
        if let range = event.entryRange { list = range }
        switch event.kind {
        case .messageSent(let id, let mention, let own):
            (kind, message, self.mention, flag) = (.messageSent, id.rawValue, mention ? 1 : 0, own)
        case .messageRead(let id):
            (kind, message) = (.messageRead, id.rawValue)
        case .markedUnread(let id, _, let older, let olderMentions):
            (kind, message) = (.markedUnread, id.rawValue)
            (self.older, self.olderMentions) = (older, olderMentions)
        case .messageDeleted:
            kind = .messageDeleted
        case .mentionChanged(let id, let mentioned):
            (kind, message, flag) = (.mentionChanged, id.rawValue, mentioned)
        case .readMany:
            kind = .readMany
        case .channelJoined(let head):
            (kind, message) = (.channelJoined, head.rawValue)
        case .channelLeft:
            kind = .channelLeft
        case .userErased:
            kind = .userErased
        }
    }
}

/// Writes events at the end of a buffer.
package enum EventEncoder {
    /// `readstates.v1.Event` as protobuf; `entries` holds the event's list at `fields.list`.
    package static func protobuf(
        _ fields: EventFields, entries: borrowing [Entry], into bytes: inout [UInt8]
    ) {
        ProtobufWriter.fixed64(1, fields.user, into: &bytes)
        ProtobufWriter.fixed64(2, fields.channel, into: &bytes)
        ProtobufWriter.fixed64(3, fields.op, into: &bytes)
        guard fields.kind != .none else { return }
        let body = ProtobufWriter.begin(UInt32(fields.kind.rawValue), into: &bytes)
        switch fields.kind {
        case .messageSent:
            ProtobufWriter.fixed64(1, fields.message, into: &bytes)
            ProtobufWriter.varint(2, UInt64(fields.mention), into: &bytes)
            ProtobufWriter.bool(3, fields.flag, into: &bytes)
        case .messageRead, .channelJoined:
            ProtobufWriter.fixed64(1, fields.message, into: &bytes)
        case .markedUnread:
            ProtobufWriter.fixed64(1, fields.message, into: &bytes)
            protobufList(fields, entries, into: &bytes)
            ProtobufWriter.varint(3, UInt64(fields.older), into: &bytes)
            ProtobufWriter.varint(4, UInt64(fields.olderMentions), into: &bytes)
        case .messageDeleted, .readMany:
            protobufList(fields, entries, into: &bytes)
        case .mentionChanged:
            ProtobufWriter.fixed64(1, fields.message, into: &bytes)
            ProtobufWriter.bool(2, fields.flag, into: &bytes)
        case .channelLeft, .userErased, .none:
            break
        }
        ProtobufWriter.end(body, into: &bytes)
    }

    private static func protobufList(
        _ fields: EventFields, _ entries: borrowing [Entry], into bytes: inout [UInt8]
    ) {
        if fields.list.count == 0 { return }
        let deleted = fields.kind == .messageDeleted
        let packed = deleted ? ProtobufWriter.begin(1, into: &bytes) : 0
        for index in fields.listIndices {
            let entry = entries[index]
            if deleted {
                ProtobufWriter.appendFixed64(entry.first, to: &bytes)
                continue
            }
            let unread = fields.kind == .markedUnread
            let message = ProtobufWriter.begin(unread ? 2 : 1, into: &bytes)
            ProtobufWriter.fixed64(1, entry.first, into: &bytes)
            if unread {
                ProtobufWriter.bool(2, entry.second != 0, into: &bytes)
            } else {
                ProtobufWriter.fixed64(2, entry.second, into: &bytes)
            }
            ProtobufWriter.end(message, into: &bytes)
        }
        if deleted { ProtobufWriter.end(packed, into: &bytes) }
    }

    /// The JSON form in snake_case, on one line.
    package static func json(
        _ fields: EventFields, entries: borrowing [Entry], into bytes: inout [UInt8]
    ) {
        JSONWriter.begin(into: &bytes)
        JSONWriter.id("user_id", fields.user, into: &bytes)
        if fields.channel != 0 { JSONWriter.id("channel_id", fields.channel, into: &bytes) }
        if fields.op != 0 { JSONWriter.id("op_id", fields.op, into: &bytes) }
        if let name = name(of: fields.kind) {
            JSONWriter.open(name, "{", into: &bytes)
            jsonBody(fields, entries, into: &bytes)
            JSONWriter.close("}", into: &bytes)
        }
        JSONWriter.close("}", into: &bytes)
    }

    private static func name(of kind: EventKind) -> StaticString? {
        switch kind {
        case .none: return nil
        case .messageSent: return "message_sent"
        case .messageRead: return "message_read"
        case .markedUnread: return "marked_unread"
        case .messageDeleted: return "message_deleted"
        case .mentionChanged: return "mention_changed"
        case .readMany: return "read_many"
        case .channelJoined: return "channel_joined"
        case .channelLeft: return "channel_left"
        case .userErased: return "user_erased"
        }
    }

    private static func jsonBody(
        _ fields: EventFields, _ entries: borrowing [Entry], into bytes: inout [UInt8]
    ) {
        switch fields.kind {
        case .none, .channelLeft, .userErased:
            break
        case .messageSent:
            JSONWriter.id("message_id", fields.message, into: &bytes)
            switch fields.mention {
            case 1: JSONWriter.string("mention", "MENTION_USER", into: &bytes)
            case 2: JSONWriter.string("mention", "MENTION_ROLE", into: &bytes)
            case 3: JSONWriter.string("mention", "MENTION_EVERYONE", into: &bytes)
            default: break
            }
            if fields.flag { JSONWriter.bool("own", true, into: &bytes) }
        case .messageRead:
            JSONWriter.id("message_id", fields.message, into: &bytes)
        case .markedUnread:
            JSONWriter.id("message_id", fields.message, into: &bytes)
            jsonList("unread", fields, entries, into: &bytes)
            if fields.older != 0 { JSONWriter.number("older", Int64(fields.older), into: &bytes) }
            if fields.olderMentions != 0 {
                JSONWriter.number("older_mentions", Int64(fields.olderMentions), into: &bytes)
            }
        case .messageDeleted:
            jsonList("message_ids", fields, entries, into: &bytes)
        case .mentionChanged:
            JSONWriter.id("message_id", fields.message, into: &bytes)
            JSONWriter.bool("mentioned", fields.flag, into: &bytes)
        case .readMany:
            jsonList("entries", fields, entries, into: &bytes)
        case .channelJoined:
            JSONWriter.id("head_id", fields.message, into: &bytes)
        }
    }

    private static func jsonList(
        _ name: StaticString, _ fields: EventFields, _ entries: borrowing [Entry],
        into bytes: inout [UInt8]
    ) {
        JSONWriter.open(name, "[", into: &bytes)
        for index in fields.listIndices {
            let entry = entries[index]
            switch fields.kind {
            case .messageDeleted:
                JSONWriter.idElement(entry.first, into: &bytes)
                continue
            case .readMany:
                JSONWriter.open("{", into: &bytes)
                JSONWriter.id("channel_id", entry.first, into: &bytes)
                JSONWriter.id("message_id", entry.second, into: &bytes)
            default:
                JSONWriter.open("{", into: &bytes)
                JSONWriter.id("message_id", entry.first, into: &bytes)
                if entry.second != 0 { JSONWriter.bool("mention", true, into: &bytes) }
            }
            JSONWriter.close("}", into: &bytes)
        }
        JSONWriter.close("]", into: &bytes)
    }
}
