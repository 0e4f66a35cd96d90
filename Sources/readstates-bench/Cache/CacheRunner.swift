// Drives the read-state cache as the engine does: look-ahead, find, touch, apply, the dirty list,
// commits 30 s after the first change, loads of missing users and eviction.

import CBench
import ReadStateCore

/// The cache under load.
struct CacheRunner: Peer, ~Copyable {
    static let flushInterval: Int64 = 30_000
    /// Unread ids of a state that are kept.
    static let window = 32

    var cache: ReadStateCache
    var capacity = CacheCapacity()
    private(set) var committedStates = 0
    private(set) var evictions = 0
    private(set) var misses = 0
    private(set) var checksum: UInt64 = 0
    private var loaded = ReadState()
    /// Places in the batch of the events whose users were missing.
    private var waiting: [Int] = []
    /// States that came, were looked at for a commit or went, with an event.
    private var movedStates = 0

    init(looksAhead: Bool = true) {
        cache = ReadStateCache(window: Self.window)
        cache.looksAhead = looksAhead
        loaded.window.reserveCapacity(64)
        waiting.reserveCapacity(Workload.batchSize)
    }

    /// With the memory for a shape made ahead, in huge pages, which a worker does not do.
    init(inHugePagesFor shape: Shape) {
        self.init()
        let states = shape.capacity ?? shape.users * 11
        precondition(cache.prepare(bytes: states * 48), "no memory for the shape")
    }

    var residentStates: Int { cache.stateCount }
    mutating func limit(states: Int) { capacity.states = states }

    func digest(_ workload: borrowing Workload) -> Int? {
        var sum = 0
        for user in 0..<workload.userCount {
            guard let slot = cache.find(Workload.userID(user)) else { continue }
            cache.forEachState(at: slot) { sum &+= $0.hashValue ^ $1.hashValue }
        }
        return sum
    }

    /// Applies a batch. As in the engine, events of users who are missing wait, and their users are
    /// loaded together, from the workload's own memory.
    @inline(never)
    mutating func run(_ batch: borrowing EventBatch, of workload: borrowing Workload, now: Instant)
    {
        var run = Run(expected: .zero)
        while true {
            cache.run(batch, &run, to: batch.count, firstChange: Offset(.max), now: now)
            if run.index == batch.count { break }
            waiting.append(run.index)
            run.index += 1
        }
        applyWaiting(batch, workload, now)
        commitDue(now)
        evict()
        cache.touchAhead()
    }

    /// The same with the time of every event; what is due is committed behind each, and counted to
    /// it. Events that make a thousand states or more come, be stored or go are told apart. Memory
    /// ahead is up to the caller.
    mutating func run(
        _ batch: borrowing EventBatch, of workload: borrowing Workload, now: Instant,
        into times: inout RepeatedTimes
    ) {
        var run = Run(expected: .zero)
        var last = cbench_ticks()
        for index in 0..<batch.count {
            movedStates = 0
            cache.run(batch, &run, to: index + 1, firstChange: Offset(.max), now: now)
            if run.index == index {
                applyMissing(batch[index], workload, now)
                run.index += 1
            }
            commitDue(now, limit: 1)
            evict(limit: 4)
            let ticks = cbench_ticks()
            times.add(ticks &- last, apart: movedStates >= 1000)
            last = ticks
        }
    }

    private mutating func applyWaiting(
        _ batch: borrowing EventBatch, _ workload: borrowing Workload, _ now: Instant
    ) {
        // A store's answers have just been received: they are in the processor's cache.
        for index in waiting {
            checksum &+= workload.newestMessage(Workload.user(batch[index].user), 0)
        }
        for index in waiting { applyMissing(batch[index], workload, now) }
        waiting.removeAll(keepingCapacity: true)
    }

    /// Applies an event whose user was not resident.
    private mutating func applyMissing(
        _ event: Event, _ workload: borrowing Workload, _ now: Instant
    ) {
        let slot = cache.find(event.user) ?? load(event.user, workload)
        let none: [Entry] = []
        if cache.apply(event, entries: none.span, to: slot) {
            cache.markDirty(slot, at: event.offset, now: now)
        }
    }

    @inline(never)
    private mutating func load(_ user: UserID, _ workload: borrowing Workload) -> UserSlot {
        misses += 1
        let slot = cache.insert(user)
        let number = Workload.user(user)
        let count = workload.channelCount(number)
        movedStates += count
        cache.reserve(count, at: slot)
        loaded.reset()
        for index in 0..<count {
            let newest = workload.newestMessage(number, index)
            if newest == 0 { continue }
            loaded.lastMessage = MessageID(newest)
            loaded.lastRead = loaded.lastMessage
            cache.load(loaded, channel: workload.channelID(number, index), into: slot)
        }
        return slot
    }

    private mutating func evict(limit: Int = .max) {
        var left = limit
        while left > 0, isOverCapacity, let slot = cache.chooseLeaving() {
            if cache.isDirty(slot) { commit(slot) }
            let before = cache.stateCount
            cache.remove(slot)
            movedStates += before - cache.stateCount
            evictions += 1
            left -= 1
        }
    }

    private var isOverCapacity: Bool {
        cache.stateCount > capacity.states
            || (capacity.bytes < .max && cache.chargedBytes > capacity.bytes)
    }

    private mutating func commitDue(_ now: Instant, limit: Int = .max) {
        var left = limit
        let since = now.advanced(byMilliseconds: -Self.flushInterval)
        while left > 0, let slot = cache.oldestDirty(since: since) {
            commit(slot)
            left -= 1
        }
    }

    private mutating func commit(_ slot: UserSlot) {
        _ = cache.beginCommit(slot)
        var sum: UInt64 = 0
        var count = 0
        cache.takeChanges(slot) { channel, state in
            sum &+= channel.rawValue ^ state.lastRead.rawValue &+ UInt64(state.window.count)
            count += 1
        }
        checksum &+= sum
        committedStates += count
        movedStates += count
        cache.endCommit(slot)
    }

    /// Makes a user resident who has read everything.
    mutating func prefill(_ user: Int, of workload: inout Workload) {
        let slot = cache.insert(Workload.userID(user))
        loaded.reset()
        cache.reserve(workload.channelCount(user), at: slot)
        for index in 0..<workload.channelCount(user) {
            loaded.lastMessage = workload.prefillMessage(user, index)
            loaded.lastRead = loaded.lastMessage
            cache.load(loaded, channel: workload.channelID(user, index), into: slot)
        }
        evict()
    }

    /// A message in every channel of every user, `apart` milliseconds after the one before.
    mutating func sendToAll(
        _ workload: borrowing Workload, users: Int, round: Int, apart: UInt64
    ) {
        forEachChannel(workload, users: users) { user, channel, random in
            let moment = UInt64(round) * apart + random % (apart * 2 / 3)
            let id = (UInt64(360_000_000_000) + moment) << 22 | random & 0xFFF
            return Event(
                offset: .zero, user: user, channel: channel, op: .none,
                kind: .messageSent(MessageID(id), mention: false, own: false))
        }
    }

    /// Every user reads every channel.
    mutating func readAll(_ workload: borrowing Workload, users: Int) {
        forEachChannel(workload, users: users) { user, channel, _ in
            Event(
                offset: .zero, user: user, channel: channel, op: .none,
                kind: .messageRead(MessageID(361_000_000_000 << 22)))
        }
    }

    private mutating func forEachChannel(
        _ workload: borrowing Workload, users: Int,
        _ event: (UserID, ChannelID, UInt64) -> Event
    ) {
        let none: [Entry] = []
        var random = Random(seed: 5)
        for user in 0..<users {
            let id = Workload.userID(user)
            guard let slot = cache.find(id) else { continue }
            for index in 0..<workload.channelCount(user) {
                let event = event(id, workload.channelID(user, index), random.next())
                _ = cache.apply(event, entries: none.span, to: slot)
            }
        }
    }
}
