// Makes a partition's log: users with a few channels each (one of them perhaps with very many),
// some hotter than others, and every kind of event, with duplicates, late acks, deletions and
// edits. Ids are small numbers that grow with time, as snowflakes do; nothing here knows the rules.

import ReadStateCore

/// A maker of one partition's records.
struct LogMaker {
    private struct Channel {
        var id: ChannelID
        var messages: [UInt64] = []
    }
    private struct User {
        var id: UserID
        var channels: [Channel]
    }

    private var users: [User]
    private var clock: UInt64 = 10
    private var recent: [(Event, [Entry])] = []
    private let isHot: Bool
    /// Some runs only send and read, so that their windows overflow often.
    private let isPlain: Bool

    /// The users of one partition; with `channels` channels each, and one with `most`.
    init(
        _ users: [UserID], channels: Int, most: Int, isHot: Bool, random: inout Random
    ) {
        self.isHot = isHot
        isPlain = random.chance(300)
        var made: [User] = []
        for (index, id) in users.enumerated() {
            let count = index == 0 ? most : 1 + random.below(channels)
            made.append(
                User(
                    id: id, channels: (0..<count).map { Channel(id: ChannelID(UInt64(1 + $0 * 3))) }
                )
            )
        }
        self.users = made
    }

    /// Adds a record to the log; returns what the two folds disagree on, if they do.
    mutating func add(
        to truth: inout Truth, _ weights: FaultWeights, _ tally: inout Tally, _ random: inout Random
    ) -> String? {
        if random.chance(weights[.deadLetter]) {
            tally.count(.deadLetter)
            truth.append(.bad)
            return nil
        }
        if random.chance(10) {
            truth.append(.tombstone)
            return nil
        }
        if !recent.isEmpty, random.chance(weights[.producedTwice]) {
            tally.count(.producedTwice)
            let (event, list) = recent[random.below(recent.count)]
            return truth.append(event, list: list)
        }
        let (event, list) = make(&random)
        if recent.count == 16 { recent.removeFirst() }
        recent.append((event, list))
        return truth.append(event, list: list)
    }

    private mutating func make(_ random: inout Random) -> (Event, [Entry]) {
        let u = isHot && random.chance(600) ? 0 : random.below(users.count)
        let c = random.below(users[u].channels.count)
        clock += UInt64(1 + random.below(3))
        var list: [Entry] = []
        let kind = kind(u, c, &list, &random)
        var op = MessageID(random.chance(700) ? clock : 0)
        // An action that was accepted earlier than its place in the log says.
        if op != .none, random.chance(100) {
            op = MessageID(max(1, clock - UInt64(random.below(9))))
        }
        if case .markedUnread = kind { op = MessageID(max(op.rawValue, clock - 3)) }
        let ofUser: Bool
        switch kind {
        case .readMany, .userErased: ofUser = true
        default: ofUser = false
        }
        let event = Event(
            offset: .zero, user: users[u].id,
            channel: ofUser ? ChannelID(0) : users[u].channels[c].id, op: op, kind: kind)
        return (event, list)
    }

    private mutating func kind(
        _ u: Int, _ c: Int, _ list: inout [Entry], _ random: inout Random
    ) -> Event.Kind {
        let messages = users[u].channels[c].messages
        let range = EntryRange(start: 0, count: 0)
        let draw = isPlain ? random.below(800) : random.below(1_000)
        // Mostly a recent message: old ones say nothing new.
        func some(_ random: inout Random) -> UInt64 {
            guard let last = messages.last else { return clock }
            return random.chance(50)
                ? last + 2 : messages[max(0, messages.count - 1 - random.below(12))]
        }
        switch draw {
        case ..<600:
            users[u].channels[c].messages.append(clock)
            return .messageSent(
                MessageID(clock), mention: random.chance(200), own: random.chance(60))
        case ..<800:
            return .messageRead(MessageID(some(&random)))
        case ..<860:
            let id = some(&random)
            for message in messages.suffix(40) where message >= id {
                list.append(Entry(message, random.chance(200) ? 1 : 0))
            }
            let older = random.chance(100) ? random.below(5) : 0
            return .markedUnread(
                MessageID(id), unread: range, older: UInt32(older),
                olderMentions: UInt32(older / 2))
        case ..<900:
            list = (0...random.below(2)).map { _ in Entry(some(&random), 0) }
            return .messageDeleted(range)
        case ..<930:
            return .mentionChanged(MessageID(some(&random)), mentioned: random.chance(500))
        case ..<960:
            for channel in users[u].channels.prefix(5) {
                list.append(Entry(channel.id.rawValue, channel.messages.last ?? clock))
            }
            return .readMany(range)
        case ..<975: return .channelLeft
        case ..<990: return .channelJoined(head: MessageID(random.chance(300) ? 0 : some(&random)))
        default: return .userErased
        }
    }
}
