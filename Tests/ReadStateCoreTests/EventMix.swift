// Random events that look for trouble: few users and channels, ids that are mostly new but also
// late, repeated, deleted before they come, years apart or as large as ids get.

import ReadStateCore
import TestSupport

/// A generator of events, repeatable by its seed.
struct EventMix {
    var random: SeededNumbers
    let users: Int
    let channels: Int
    /// Out of a hundred events, how many are not plain sends and reads.
    let rare: Int
    private(set) var entries: [Entry] = []
    private var clock: UInt64
    private var recent: [UInt64] = []
    private var offset: Int64 = 0
    /// How far apart ids are: a second, hours, or years.
    private let pace: UInt64

    init(seed: UInt64, users: Int, channels: Int, rare: Int) {
        random = SeededNumbers(seed: seed)
        self.users = users
        self.channels = channels
        self.rare = rare
        pace = [1 << 10, 1 << 32, 1 << 44, 1 << 52][random.below(4)]
        clock = random.chance(50) ? 1 : 1 << 60
    }

    mutating func next() -> Event {
        entries.removeAll(keepingCapacity: true)
        offset += 1 + Int64(random.below(3))
        let user = UserID(UInt64(1 + random.below(users)))
        let channel = ChannelID(UInt64(1 + random.below(channels)) * 0x9E37_79B9_7F)
        let op = random.chance(70) ? MessageID(random.chance(90) ? clock : known()) : .none
        return Event(offset: Offset(offset), user: user, channel: channel, op: op, kind: kind())
    }

    private mutating func kind() -> Event.Kind {
        if !random.chance(rare) {
            if random.chance(25) {
                return .messageRead(MessageID(random.chance(60) ? newest : known()))
            }
            let id = random.chance(85) ? fresh() : known()
            return .messageSent(
                MessageID(id), mention: random.chance(20), own: random.chance(8))
        }
        switch random.below(9) {
        case 0, 1:
            let from = known()
            let count = random.below(random.chance(90) ? 6 : 50)
            let list = (0..<count).map { _ in Entry(max(from, known()), UInt64(random.below(2))) }
            let older = random.chance(80) ? 0 : random.chance(5) ? UInt32.max : 7
            return .markedUnread(
                MessageID(from), unread: add(list), older: older,
                olderMentions: random.chance(50) ? 0 : older / 2)
        case 2, 3:
            let count = 1 + random.below(3)
            return .messageDeleted(add((0..<count).map { _ in Entry(known(), 0) }))
        case 4, 5: return .mentionChanged(MessageID(known()), mentioned: random.chance(50))
        case 6:
            let count = random.below(4)
            let list = (0..<count).map { _ in
                Entry(UInt64(1 + random.below(channels)) * 0x9E37_79B9_7F, known())
            }
            return .readMany(add(list))
        case 7: return .channelJoined(head: MessageID(random.chance(50) ? 0 : known()))
        default: return random.chance(80) ? .channelLeft : .userErased
        }
    }

    private var newest: UInt64 { recent.last ?? 1 }

    private mutating func fresh() -> UInt64 {
        let step = 1 + random.next() % pace
        clock = clock + step <= largestID ? clock + step : 1 + step
        recent.append(clock)
        if recent.count > 200 { recent.removeFirst(100) }
        return clock
    }

    /// An id that was used not long ago, or one beside it.
    private mutating func known() -> UInt64 {
        guard let id = recent.suffix(40).randomElement(using: &random) else { return fresh() }
        return random.chance(90) ? id : max(1, id - 1)
    }

    private mutating func add(_ list: [Entry]) -> EntryRange {
        defer { entries += list }
        return EntryRange(start: UInt32(entries.count), count: UInt32(list.count))
    }
}
