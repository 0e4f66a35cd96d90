// An event as it stands on the wire, before it is believed: the fields of `readstates.v1.Event` and
// of all its kinds side by side, each at its default until met. Every encoding is read into this
// one form, so that the rules of what is acceptable stand once, in `problem`.

package import ReadStateCore

/// The kinds of events; raw values are their field numbers in `events.proto`.
package enum EventKind: UInt8, CaseIterable, Hashable, Sendable {
    case none = 0
    case messageSent = 4
    case messageRead = 5
    case markedUnread = 6
    case messageDeleted = 7
    case mentionChanged = 8
    case readMany = 9
    case channelJoined = 10
    case channelLeft = 11
    case userErased = 12
}

/// One event's fields, unchecked. Its list is kept at the end of somebody's array of entries.
package struct EventFields: Hashable, Sendable {
    /// Most entries of an event's list (docs/contract.md, "Limits").
    package static let listLimit = 1_000
    /// `MENTION_EVERYONE`, the last one there is.
    static let largestMention: UInt32 = 3

    package var user: UInt64 = 0
    package var channel: UInt64 = 0
    package var op: UInt64 = 0
    /// `message_id`, or `head_id` of `channel_joined`.
    package var message: UInt64 = 0
    package var kind = EventKind.none
    /// `own` of `message_sent`, `mentioned` of `mention_changed`.
    package var flag = false
    /// The number of the enum `Mention`, known or not.
    package var mention: UInt32 = 0
    package var older: UInt32 = 0
    package var olderMentions: UInt32 = 0
    /// Where in the array of entries the list begins, and how long it is. Beyond `listLimit`
    /// entries are only counted.
    package var list = EntryRange(start: 0, count: 0)

    package init(listStart: Int) { list.start = UInt32(truncatingIfNeeded: listStart) }

    /// Where the list is in the array of entries.
    var listIndices: Range<Int> { Int(list.start)..<Int(list.start) + Int(list.count) }

    /// Another kind than before: what the earlier one said is void (protobuf's rule for a oneof).
    mutating func begin(_ kind: EventKind, entries: inout [Entry]) {
        if self.kind == kind { return }
        if self.kind != .none {
            message = 0
            flag = false
            mention = 0
            older = 0
            olderMentions = 0
            entries.removeLast(entries.count - Int(list.start))
            list.count = 0
        }
        self.kind = kind
    }

    mutating func add(_ entry: Entry, to entries: inout [Entry]) {
        if Int(list.count) < Self.listLimit { entries.append(entry) }
        list.count += 1
    }

    /// Why this event cannot be believed, if it cannot. `entries` holds its list.
    func problem(entries: borrowing [Entry]) -> DeadLetterReason? {
        guard isID(user), op <= largestID, channel <= largestID else { return .badID }
        switch kind {
        case .none:
            return .unknownKind
        case .messageSent:
            guard mention <= Self.largestMention else { return .unknownMention }
            return isID(channel) && isID(message) ? nil : .badID
        case .messageRead, .mentionChanged:
            return isID(channel) && isID(message) ? nil : .badID
        case .markedUnread:
            return isID(channel) && isID(message) ? listProblem(entries) : .badID
        case .messageDeleted:
            return isID(channel) ? listProblem(entries) : .badID
        case .readMany:
            return listProblem(entries)
        case .channelJoined:
            return isID(channel) && message <= largestID ? nil : .badID
        case .channelLeft:
            return isID(channel) ? nil : .badID
        case .userErased:
            return nil
        }
    }

    private func listProblem(_ entries: borrowing [Entry]) -> DeadLetterReason? {
        guard Int(list.count) <= Self.listLimit else { return .listTooLong }
        for index in listIndices {
            guard isID(entries[index].first) else { return .badID }
            if kind == .readMany && !isID(entries[index].second) { return .badID }
        }
        return nil
    }

    private func isID(_ value: UInt64) -> Bool { value &- 1 < largestID }

    /// The event; only where there is no `problem`.
    func event(at offset: Offset) -> Event {
        Event(
            offset: offset, user: UserID(user), channel: ChannelID(namesChannel ? channel : 0),
            op: MessageID(op), kind: eventKind)
    }

    /// `read_many` and `user_erased` name no single channel; one that is given there says nothing.
    private var namesChannel: Bool { kind != .readMany && kind != .userErased }

    private var eventKind: Event.Kind {
        let id = MessageID(message)
        switch kind {
        case .messageSent: return .messageSent(id, mention: mention != 0, own: flag)
        case .messageRead: return .messageRead(id)
        case .markedUnread:
            return .markedUnread(id, unread: list, older: older, olderMentions: olderMentions)
        case .messageDeleted: return .messageDeleted(list)
        case .mentionChanged: return .mentionChanged(id, mentioned: flag)
        case .readMany: return .readMany(list)
        case .channelJoined: return .channelJoined(head: id)
        case .channelLeft: return .channelLeft
        case .userErased: return .userErased
        case .none: preconditionFailure("an event without a kind has a problem")
        }
    }
}
