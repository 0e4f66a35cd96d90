// Does memory fragment? Users of very different sizes come, grow, shrink and leave for simulated
// days: ones with one channel, with ten, with hundreds, with ten thousand, with full windows; twice
// as many by day as by night, and other kinds every day. What is resident is held against what is
// charged.

import ReadStateCore

/// A population that changes by the hour.
struct ChangingUsers: ~Copyable {
    private(set) var cache = ReadStateCache(window: CacheRunner.window)
    private var resident: [UInt64] = []
    private var mostResident = 0
    private var random = Random(seed: 17)
    private var nextUser: UInt64 = 1
    private var message: UInt64 = 360_000_000_000 << 22
    private var loaded = ReadState()

    init(room: Int) {
        resident.reserveCapacity(room)
        loaded.window.reserveCapacity(64)
    }

    /// Memory of the list of users, which is not the cache's: as far as it was ever used.
    var listBytes: Int { mostResident * MemoryLayout<UInt64>.stride }

    /// Channels of a user of this day: some days nearly all have one, some days hundreds.
    private mutating func channels(day: Int) -> Int {
        let kind = random.unit()
        if kind < 0.0005 { return 10_000 }
        switch day % 3 {
        case 0: return min(4096, Int(2.75 / power(1 - random.unit(), 0.75)))
        case 1: return 1
        default: return 50 + Int(random.next() % 300)
        }
    }

    private mutating func newMessage() -> UInt64 {
        message += UInt64(1 + random.next() % 2000) << 22 | random.next() & 0xFFF
        return message
    }

    private mutating func come(day: Int) {
        let user = nextUser
        nextUser += 1
        let slot = cache.insert(UserID(user))
        let count = channels(day: day)
        cache.reserve(count, at: slot)
        for channel in 1...count {
            loaded.reset()
            loaded.lastMessage = MessageID(message - UInt64(channel))
            loaded.lastRead = loaded.lastMessage
            cache.load(loaded, channel: ChannelID(UInt64(channel)), into: slot)
        }
        resident.append(user)
        mostResident = max(mostResident, resident.count)
    }

    private mutating func leave() {
        let index = Int(random.next() % UInt64(resident.count))
        let user = resident[index]
        resident[index] = resident[resident.count - 1]
        resident.removeLast()
        guard let slot = cache.find(UserID(user)) else { return }
        if cache.isDirty(slot) {
            _ = cache.beginCommit(slot)
            cache.endCommit(slot)
        }
        cache.remove(slot)
    }

    /// Somebody gets messages, in channels that may be new, or reads them.
    private mutating func live(_ now: Instant) {
        let user = resident[Int(random.next() % UInt64(resident.count))]
        guard let slot = cache.find(UserID(user)) else { return }
        let channel = ChannelID(1 + random.next() % 12)
        let count = random.next() % 40
        let none: [Entry] = []
        for _ in 0..<count {
            let id = MessageID(newMessage())
            let kind: Event.Kind =
                count > 30 ? .messageRead(id) : .messageSent(id, mention: false, own: false)
            let event = Event(
                offset: .zero, user: UserID(user), channel: channel, op: .none, kind: kind)
            if cache.apply(event, entries: none.span, to: slot) {
                cache.markDirty(slot, at: .zero, now: now)
            }
        }
    }

    /// An hour in which a fifth of the users go and others come until there are so many bytes.
    mutating func hour(_ hour: Int, bytes: Int) {
        let now = Instant(milliseconds: Int64(hour) * 3_600_000)
        for _ in 0..<resident.count / 5 { leave() }
        while cache.chargedBytes > bytes { leave() }
        while cache.chargedBytes < bytes { come(day: hour / 24) }
        for _ in 0..<resident.count / 5 { live(now) }
        while let slot = cache.oldestDirty, cache.dirtyCount > resident.count / 10 {
            _ = cache.beginCommit(slot)
            cache.endCommit(slot)
        }
        cache.touchAhead()
    }
}

func measureDays(_ days: Int) {
    print(
        "\(days) days: hour, users, states, MB charged and resident, resident by charged in percent"
    )
    let room = 4_000_000
    let before = residentBytes()
    var users = ChangingUsers(room: room)
    var worst = (0.0, 0)
    for hour in 0..<24 * days {
        // By day twice as much as by night; at first the cache fills.
        let isDay = hour % 24 >= 8 && hour % 24 < 20
        users.hour(hour, bytes: (isDay ? 200 : 100) << 20)
        let charged = users.cache.chargedBytes
        let resident = residentBytes() - before - users.listBytes
        let ratio = Double(resident) / Double(charged) * 100
        if ratio > worst.0 { worst = (ratio, hour) }
        guard hour % 12 == 6 || hour % 24 == 20 else { continue }
        print(
            "  ", "\(hour)".leading(5), "\(users.cache.userCount)".leading(9),
            "\(users.cache.stateCount)".leading(9), "\(charged >> 20)".leading(6),
            "\(resident >> 20)".leading(6), rounded(ratio).leading(7))
    }
    print("  worst hour: \(rounded(worst.0)) % in hour \(worst.1)")
}
