// The messages in protobuf's text form, as `protoc --decode` prints them, from what was decoded
// here.

import ReadStateCore
import TestSupport

@testable import ReadStateWire

extension EventFields {
    /// The text form of an event; `entries` holds its list.
    func text(_ entries: [Entry]) -> String {
        var text = ""
        func line(_ indent: String, _ name: String, _ value: UInt64) {
            if value != 0 { text += "\(indent)\(name): \(value)\n" }
        }
        line("", "user_id", user)
        line("", "channel_id", channel)
        line("", "op_id", op)
        guard let name = Self.names[kind] else { return text }
        text += "\(name) {\n"
        switch kind {
        case .messageSent, .messageRead, .markedUnread, .mentionChanged:
            line("  ", "message_id", message)
        case .channelJoined: line("  ", "head_id", message)
        default: break
        }
        if kind == .messageSent && mention != 0 {
            let names = ["", "MENTION_USER", "MENTION_ROLE", "MENTION_EVERYONE"]
            let number = "\(Int32(bitPattern: mention))"
            text += "  mention: \(mention < 4 ? names[Int(mention)] : number)\n"
        }
        for entry in entries[listIndices] {
            if kind == .messageDeleted {
                text += "  message_ids: \(entry.first)\n"
                continue
            }
            text += kind == .markedUnread ? "  unread {\n" : "  entries {\n"
            line("    ", kind == .markedUnread ? "message_id" : "channel_id", entry.first)
            if kind == .markedUnread && entry.second != 0 { text += "    mention: true\n" }
            if kind == .readMany { line("    ", "message_id", entry.second) }
            text += "  }\n"
        }
        line("  ", "older", UInt64(older))
        line("  ", "older_mentions", UInt64(olderMentions))
        if flag { text += kind == .messageSent ? "  own: true\n" : "  mentioned: true\n" }
        return text + "}\n"
    }

    private static let names: [EventKind: String] = [
        .messageSent: "message_sent", .messageRead: "message_read",
        .markedUnread: "marked_unread", .messageDeleted: "message_deleted",
        .mentionChanged: "mention_changed", .readMany: "read_many",
        .channelJoined: "channel_joined", .channelLeft: "channel_left",
        .userErased: "user_erased",
    ]

    /// A random event that is acceptable.
    static func random(
        _ numbers: inout SeededNumbers, longestList: Int = 12
    ) -> (EventFields, [Entry]) {
        var fields = EventFields(listStart: 0)
        var entries: [Entry] = []
        fields.user = numbers.id()
        if numbers.chance(2) { fields.op = numbers.id() }
        fields.kind = EventKind.allCases[1 + numbers.below(EventKind.allCases.count - 1)]
        if fields.kind != .readMany && fields.kind != .userErased { fields.channel = numbers.id() }
        switch fields.kind {
        case .messageSent:
            fields.mention = UInt32(numbers.below(4))
            fields.flag = numbers.chance(4)
        case .mentionChanged:
            fields.flag = numbers.chance(2)
        case .markedUnread:
            fields.older = UInt32(truncatingIfNeeded: numbers.next() >> UInt64(numbers.below(64)))
            fields.olderMentions = UInt32(numbers.below(300))
        default: break
        }
        switch fields.kind {
        case .messageSent, .messageRead, .markedUnread, .mentionChanged:
            fields.message = numbers.id()
        case .channelJoined: fields.message = numbers.chance(3) ? 0 : numbers.id()
        default: break
        }
        if [.markedUnread, .messageDeleted, .readMany].contains(fields.kind) {
            for _ in 0..<numbers.below(longestList + 1) {
                let second: UInt64
                switch fields.kind {
                case .markedUnread: second = UInt64(numbers.below(2))
                case .readMany: second = numbers.id()
                default: second = 0
                }
                fields.add(Entry(numbers.id(), second), to: &entries)
            }
        }
        return (fields, entries)
    }
}
