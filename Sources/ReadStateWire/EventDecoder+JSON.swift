// The JSON form of an event (schemas/readstates/v1/event.schema.json). Names become the numbers of
// `events.proto`, by which fields that come twice are found.

import ReadStateCore

extension EventDecoder {
    mutating func readJSON(
        _ value: RawSpan, into fields: inout EventFields, entries: inout [Entry]
    ) -> DeadLetterReason? {
        guard let document = json.parse(value) else { return .malformedJSON }
        guard var members = document.object(at: JSONDocument.root) else { return .malformedJSON }
        var seen = FieldSet()
        while let member = document.nextMember(&members) {
            let number = Self.eventField(document.name(at: member.name))
            if number == 0 { continue }
            guard seen.insert(number) else { return .duplicateField }
            if let kind = EventKind(rawValue: UInt8(number)) {
                if fields.kind != .none { return .severalKinds }
                fields.kind = kind
                let problem = Self.readBody(
                    document, at: member.value, into: &fields, entries: &entries)
                if let problem { return problem }
                continue
            }
            guard let id = document.unsigned(at: member.value) else { return .badID }
            switch number {
            case 1: fields.user = id
            case 2: fields.channel = id
            default: fields.op = id
            }
        }
        return nil
    }

    /// The number of a field of `Event`; 0 if there is none of that name.
    private static func eventField(_ name: RawSpan) -> UInt32 {
        switch name {
        case "user_id", "userId": return 1
        case "channel_id", "channelId": return 2
        case "op_id", "opId": return 3
        case "message_sent", "messageSent": return 4
        case "message_read", "messageRead": return 5
        case "marked_unread", "markedUnread": return 6
        case "message_deleted", "messageDeleted": return 7
        case "mention_changed", "mentionChanged": return 8
        case "read_many", "readMany": return 9
        case "channel_joined", "channelJoined": return 10
        case "channel_left", "channelLeft": return 11
        case "user_erased", "userErased": return 12
        default: return 0
        }
    }

    private static func readBody(
        _ document: borrowing JSONDocument, at place: Int, into fields: inout EventFields,
        entries: inout [Entry]
    ) -> DeadLetterReason? {
        guard var members = document.object(at: place) else { return .badField }
        var seen = FieldSet()
        while let member = document.nextMember(&members) {
            let number = bodyField(document.name(at: member.name), of: fields.kind)
            if number == 0 { continue }
            guard seen.insert(number) else { return .duplicateField }
            let value = member.value
            switch (fields.kind, number) {
            case (.messageDeleted, 1), (.readMany, 1), (.markedUnread, 2):
                let problem = readList(document, at: value, into: &fields, entries: &entries)
                if let problem { return problem }
            case (_, 1):
                guard let id = document.unsigned(at: value) else { return .badID }
                fields.message = id
            case (.messageSent, 2):
                guard let mention = mention(document, at: value) else { return .unknownMention }
                fields.mention = mention
            case (.messageSent, 3), (.mentionChanged, 2):
                guard let flag = document.bool(at: value) else { return .badField }
                fields.flag = flag
            default:
                guard let count = document.uint32(at: value) else { return .badField }
                if number == 3 { fields.older = count } else { fields.olderMentions = count }
            }
        }
        return nil
    }

    /// The number of a field of a kind's message; 0 if there is none of that name.
    private static func bodyField(_ name: RawSpan, of kind: EventKind) -> UInt32 {
        switch kind {
        case .none, .channelLeft, .userErased:
            return 0
        case .messageRead:
            return isMessageID(name) ? 1 : 0
        case .messageSent:
            switch name {
            case "mention": return 2
            case "own": return 3
            default: return isMessageID(name) ? 1 : 0
            }
        case .markedUnread:
            switch name {
            case "unread": return 2
            case "older": return 3
            case "older_mentions", "olderMentions": return 4
            default: return isMessageID(name) ? 1 : 0
            }
        case .messageDeleted:
            switch name {
            case "message_ids", "messageIds": return 1
            default: return 0
            }
        case .mentionChanged:
            switch name {
            case "mentioned": return 2
            default: return isMessageID(name) ? 1 : 0
            }
        case .readMany:
            switch name {
            case "entries": return 1
            default: return 0
            }
        case .channelJoined:
            switch name {
            case "head_id", "headId": return 1
            default: return 0
            }
        }
    }

    private static func isMessageID(_ name: RawSpan) -> Bool {
        "message_id" ~= name || "messageId" ~= name
    }

    /// The number of the enum `Mention`, given by name or by number; nil if it is neither.
    private static func mention(_ document: borrowing JSONDocument, at place: Int) -> UInt32? {
        guard let name = document.string(at: place) else { return document.uint32(at: place) }
        switch name {
        case "MENTION_NONE": return 0
        case "MENTION_USER": return 1
        case "MENTION_ROLE": return 2
        case "MENTION_EVERYONE": return 3
        default: return nil
        }
    }

    private static func readList(
        _ document: borrowing JSONDocument, at place: Int, into fields: inout EventFields,
        entries: inout [Entry]
    ) -> DeadLetterReason? {
        guard var list = document.array(at: place) else { return .badField }
        while let element = document.nextElement(&list) {
            var entry = Entry(0, 0)
            if fields.kind == .messageDeleted {
                guard let id = document.unsigned(at: element) else { return .badID }
                entry.first = id
            } else {
                let problem = readEntry(
                    document, at: element, hasChannel: fields.kind == .readMany, into: &entry)
                if let problem { return problem }
            }
            fields.add(entry, to: &entries)
        }
        return nil
    }

    /// `{"message_id":…,"mention":…}`, or with a channel `{"channel_id":…,"message_id":…}`.
    private static func readEntry(
        _ document: borrowing JSONDocument, at place: Int, hasChannel: Bool,
        into entry: inout Entry
    ) -> DeadLetterReason? {
        guard var members = document.object(at: place) else { return .badField }
        var seen = FieldSet()
        while let member = document.nextMember(&members) {
            let number = entryField(document.name(at: member.name), hasChannel: hasChannel)
            if number == 0 { continue }
            guard seen.insert(number) else { return .duplicateField }
            if number == 2 && !hasChannel {
                guard let mention = document.bool(at: member.value) else { return .badField }
                entry.second = mention ? 1 : 0
                continue
            }
            guard let id = document.unsigned(at: member.value) else { return .badID }
            if number == 1 { entry.first = id } else { entry.second = id }
        }
        return nil
    }

    private static func entryField(_ name: RawSpan, hasChannel: Bool) -> UInt32 {
        if isMessageID(name) { return hasChannel ? 2 : 1 }
        if hasChannel { return "channel_id" ~= name || "channelId" ~= name ? 1 : 0 }
        return "mention" ~= name ? 2 : 0
    }
}
