// Makes events without end: users with a few channels each (one of them with very many), some far
// hotter than others, and every kind of event, with duplicates, late acks, deletions, edits, people
// who leave and come back, and users who are erased. The same seed makes the same events. Nothing
// here knows the rules; it only sees to it that no more than some hundreds of messages are unread
// at a time, since the fold that answers are compared with knows no window.

import TestSupport

extension SeededNumbers {
    /// True in so many of 1,000 cases.
    mutating func chance(_ perMille: Int) -> Bool {
        Int.random(in: 0..<1_000, using: &self) < perMille
    }

    /// A number of the range.
    mutating func among(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
}

/// A maker of events in their JSON form.
struct EventMaker {
    private struct Channel {
        /// The newest messages that were sent, ascending.
        var messages: [UInt64] = []
        /// Messages since the last read that nothing can void.
        var sinceRead = 0
    }

    /// So many unread messages are read at last: far below the window's 1,000 ids.
    private static let unreadLimit = 300
    private static let users = 2_000
    /// The first user has so many channels, the others up to `channels`.
    private static let channelsOfTheFirst = 2_000
    private static let channels = 8

    private var random: SeededNumbers
    private var clock: UInt64 = 1_000_000_000_000
    private var states: [[Channel]]
    private var recent: [String] = []

    init(seed: UInt64) {
        random = SeededNumbers(seed: seed)
        states = (0..<Self.users).map { index in
            let count = index == 0 ? Self.channelsOfTheFirst : 1 + index % Self.channels
            return Array(repeating: Channel(), count: count)
        }
    }

    /// The next event.
    mutating func next() -> String {
        // Produced twice: mostly a new one, sometimes an old one.
        if random.chance(30), let again = recent.randomElement(using: &random) { return again }
        let line = make()
        if recent.count < 256 {
            recent.append(line)
        } else {
            recent[random.chance(900) ? random.among(0...31) : random.among(0...255)] = line
        }
        return line
    }

    private mutating func make() -> String {
        clock += UInt64(random.among(1...5_000))
        // A tenth of the events is one user's, a third belongs to some thirty.
        let user =
            random.chance(100)
            ? 1 : random.chance(350) ? random.among(2...31) : random.among(0...Self.users - 1)
        let channel = random.among(0...states[user].count - 1)
        let subject = #"{"user_id":"\#(user + 1)""#
        let place = #"\#(subject),"channel_id":"\#(1 + channel * 7)""#
        if states[user][channel].sinceRead >= Self.unreadLimit {
            return place + read(all: user, channel)
        }
        switch random.among(0...999) {
        case ..<580: return place + send(user, channel)
        case ..<800: return place + op() + read(some: user, channel)
        case ..<850: return place + markUnread(user, channel)
        case ..<890: return place + delete(user, channel)
        case ..<930:
            let id = some(user, channel)
            return place
                + #","mention_changed":{"message_id":"\#(id)","mentioned":\#(random.chance(500))}}"#
        case ..<960: return subject + op() + readMany(user)
        case ..<975:
            states[user][channel] = Channel()
            return place + #","channel_left":{}}"#
        case ..<998:
            let head = random.chance(300) ? 0 : some(user, channel)
            return place + #","channel_joined":{"head_id":"\#(head)"}}"#
        default:
            for index in states[user].indices { states[user][index] = Channel() }
            return subject + #","user_erased":{}}"#
        }
    }

    // MARK: Kinds

    private mutating func send(_ user: Int, _ channel: Int) -> String {
        states[user][channel].sinceRead += 1
        states[user][channel].messages.append(clock)
        if states[user][channel].messages.count > 80 {
            states[user][channel].messages.removeFirst(40)
        }
        let mention = ["MENTION_USER", "MENTION_ROLE", "MENTION_EVERYONE"]
        var line = #","message_sent":{"message_id":"\#(clock)""#
        if random.chance(200) { line += #","mention":"\#(mention[random.among(0...2)])""# }
        if random.chance(60) { line += #","own":true"# }
        return line + "}}"
    }

    private mutating func read(some user: Int, _ channel: Int) -> String {
        #","message_read":{"message_id":"\#(some(user, channel))"}}"#
    }

    private mutating func read(all user: Int, _ channel: Int) -> String {
        states[user][channel].sinceRead = 0
        return #","message_read":{"message_id":"\#(clock)"}}"#
    }

    private mutating func markUnread(_ user: Int, _ channel: Int) -> String {
        let id = some(user, channel)
        let unread = states[user][channel].messages.filter { $0 >= id }.suffix(40).map {
            #"{"message_id":"\#($0)","mention":\#(random.chance(200))}"#
        }
        let list = unread.joined(separator: ",")
        let marked = #""marked_unread":{"message_id":"\#(id)","unread":[\#(list)]}"#
        return #","op_id":"\#(clock)",\#(marked)}"#
    }

    private mutating func delete(_ user: Int, _ channel: Int) -> String {
        let ids = (0...random.among(0...2)).map { _ in #""\#(some(user, channel))""# }
        return #","message_deleted":{"message_ids":[\#(ids.joined(separator: ","))]}}"#
    }

    private mutating func readMany(_ user: Int) -> String {
        let first = random.among(0...states[user].count - 1)
        let entries = states[user].indices[first...].prefix(5).map { channel in
            let newest = states[user][channel].messages.last ?? clock
            return #"{"channel_id":"\#(1 + channel * 7)","message_id":"\#(newest)"}"#
        }
        return #","read_many":{"entries":[\#(entries.joined(separator: ","))]}}"#
    }

    /// When the action was accepted: mostly now, sometimes a while before, sometimes not told.
    private mutating func op() -> String {
        if random.chance(300) { return "" }
        let before = random.chance(100) ? UInt64(random.among(1...100_000)) : 0
        return #","op_id":"\#(clock - before)""#
    }

    /// Mostly a recent message: old ones say nothing new. Sometimes one that nobody has seen yet.
    private mutating func some(_ user: Int, _ channel: Int) -> UInt64 {
        let messages = states[user][channel].messages
        guard !messages.isEmpty, !random.chance(30) else { return clock }
        return messages[max(0, messages.count - 1 - random.among(0...11))]
    }
}
