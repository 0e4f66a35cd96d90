// The rules applied to plain dictionaries: what a cache must be indistinguishable from.

import ReadStateCore

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

/// A small deterministic generator (SplitMix64), so that a seed is all there is to repeat a run.
struct Random: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
