// The rules applied to plain dictionaries: what a cache must be indistinguishable from.

import ReadStateCore
import TestSupport

/// All users' states, held as plainly as possible.
struct PlainStates {
    var window: Int
    private(set) var users: [UserID: [ChannelID: ReadState]] = [:]

    init(window: Int) { self.window = window }

    /// Applies an event; true if it changed anything.
    mutating func apply(_ event: Event, entries: [Entry]) -> Bool {
        switch event.kind {
        case .userErased:
            return users.removeValue(forKey: event.user) != nil
        case .readMany(let range):
            var changed = false
            for entry in entries[Int(range.start)..<Int(range.start + range.count)] {
                let read = change(event.user, ChannelID(entry.first)) {
                    $0.read(MessageID(entry.second), op: event.op)
                }
                changed = read || changed
            }
            return changed
        default:
            let window = window
            return change(event.user, event.channel) {
                $0.apply(event, entries: entries.span, window: window)
            }
        }
    }

    private mutating func change(
        _ user: UserID, _ channel: ChannelID, _ body: (inout ReadState) -> Bool
    ) -> Bool {
        var state = self[user, channel]
        guard body(&state) else { return false }
        users[user, default: [:]][channel] = state
        return true
    }

    subscript(user: UserID, channel: ChannelID) -> ReadState {
        users[user]?[channel] ?? ReadState()
    }

    func count(of user: UserID) -> Int { users[user]?.count ?? 0 }
    mutating func put(_ state: ReadState, _ user: UserID, _ channel: ChannelID) {
        users[user, default: [:]][channel] = state
    }
    mutating func forget(_ user: UserID) { users[user] = nil }

    func summary(_ user: UserID, _ channel: ChannelID) -> ReadStateSummary {
        let state = self[user, channel]
        return ReadStateSummary(
            channel: channel, lastRead: state.lastRead, lastMessage: state.lastMessage,
            unreadCount: state.unreadCount, mentionCount: state.mentionCount, exact: state.exact)
    }
}

extension SeededNumbers {
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
