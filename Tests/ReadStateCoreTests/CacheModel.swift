// The cache's model: dictionaries for states, an array for the order of changes, sets for the rest.
// A run does the same random operations to both and compares everything that can be seen. Who
// leaves next is the cache's own matter here (EvictionTests).

import ReadStateCore
import TestSupport

/// One random run; stops at the first difference and tells it.
struct CacheModel: ~Copyable {
    var mix: EventMix
    var random: SeededNumbers
    var cache: ReadStateCache
    var states: PlainStates
    var staying: Set<UserID> = []
    var leaving: Set<UserID> = []
    var dirty: [(user: UserID, offset: Offset, since: Instant)] = []
    var committing: Set<UserID> = []
    var rewrite: Set<UserID> = []
    var ahead: Set<UserID> = []
    var changed: [UserID: Set<ChannelID>] = [:]
    var clock = Instant(milliseconds: (1 << 32) - 5000)
    var offset = Offset.zero
    var difference: String?

    struct Shape {
        var window: Int
        var users: Int
        var channels: Int
        var rare: Int
        /// Most states; beyond it users leave after each step.
        var capacity = Int.max
    }

    let capacity: Int

    init(seed: UInt64, _ shape: Shape) {
        mix = EventMix(
            seed: seed, users: shape.users, channels: shape.channels, rare: shape.rare)
        random = SeededNumbers(seed: ~seed)
        cache = ReadStateCache(window: shape.window)
        states = PlainStates(window: shape.window)
        capacity = shape.capacity
    }

    var resident: Set<UserID> { staying.union(leaving) }
    private var residentInOrder: [UserID] { resident.sorted { $0.rawValue < $1.rawValue } }

    /// One operation on both, then a look at both.
    mutating func step() {
        clock = clock.advanced(byMilliseconds: Int64(random.below(1000)))
        switch random.below(100) {
        case 0..<60: applyEvent()
        case 60..<68: touchSomeone()
        case 68..<76: beginOldestCommit()
        case 76..<84: endSomeCommit()
        case 84..<88: takeSomeonesChanges()
        case 88..<92: _ = letSomeoneLeave()
        case 92..<96: removeSomeone()
        case 96: setFlags()
        case 97: loadSomeone()
        case 98: if random.chance(20) { exodus() }
        default: if random.chance(4) { removeAll() }
        }
        while cache.stateCount > capacity && !staying.isEmpty && difference == nil {
            evictSomeone()
        }
        compareOrders()
    }

    private func isDirty(_ user: UserID) -> Bool { dirty.contains { $0.user == user } }

    private mutating func expect(_ equal: Bool, _ what: @autoclosure () -> String) {
        if !equal && difference == nil { difference = what() }
    }

    mutating func applyEvent() {
        let event = mix.next()
        let entries = mix.entries
        let slot: UserSlot
        if let found = cache.find(event.user) {
            slot = found
            expect(resident.contains(event.user), "\(event.user) is not resident")
        } else {
            expect(!resident.contains(event.user), "\(event.user) is resident")
            slot = cache.insert(event.user)
            staying.insert(event.user)
        }
        let before = states
        let did = states.apply(event, entries: entries)
        expect(
            cache.apply(event, entries: entries.span, to: slot) == did, "changed after \(event)")
        if did {
            note(event, entries, before)
            offset = event.offset
            cache.markDirty(slot, at: offset, now: clock)
            if !isDirty(event.user) {
                dirty.append((event.user, offset, clock))
            }
        }
        compareStates(of: event.user, at: slot, "\(event) entries \(entries)")
    }

    private mutating func note(_ event: Event, _ entries: [Entry], _ before: PlainStates) {
        switch event.kind {
        case .userErased:
            rewrite.insert(event.user)
            changed[event.user] = nil
        case .readMany:
            for entry in entries {
                let channel = ChannelID(entry.first)
                if before[event.user, channel] != states[event.user, channel] {
                    changed[event.user, default: []].insert(channel)
                }
            }
        default:
            changed[event.user, default: []].insert(event.channel)
            // A default state is not stored, and a commit cannot delete one field.
            if states[event.user, event.channel].isDefault { rewrite.insert(event.user) }
        }
    }

    private mutating func touchSomeone() {
        guard let user = residentInOrder.randomElement(using: &random),
            let slot = cache.find(user)
        else { return }
        cache.touch(slot)
        leaving.remove(user)
        staying.insert(user)
    }

    private mutating func beginOldestCommit() {
        guard let slot = cache.oldestDirty else { return }
        let first = dirty.removeFirst()
        expect(cache.user(at: slot) == first.user, "the oldest dirty user")
        expect(cache.dirtySince(slot) == first.since, "since when it is dirty")
        expect(cache.beginCommit(slot) == first.offset, "its first offset")
        committing.insert(first.user)
    }

    private mutating func endSomeCommit() {
        let users = committing.sorted { $0.rawValue < $1.rawValue }
        guard let user = users.randomElement(using: &random), let slot = cache.find(user)
        else { return }
        cache.endCommit(slot)
        committing.remove(user)
    }

    private mutating func takeSomeonesChanges() {
        guard let user = residentInOrder.randomElement(using: &random),
            let slot = cache.find(user)
        else { return }
        takeChanges(of: user, at: slot)
    }

    private mutating func takeChanges(of user: UserID, at slot: UserSlot) {
        expect(cache.needsRewrite(slot) == rewrite.contains(user), "whether \(user) is rewritten")
        let all = states.users[user] ?? [:]
        let expected =
            rewrite.contains(user)
            ? all.filter { !$0.value.isDefault }
            : all.filter { changed[user]?.contains($0.key) == true }
        expect(cache.changedStateCount(slot) == expected.count, "how much changed of \(user)")
        var taken: [ChannelID: ReadState] = [:]
        cache.takeChanges(slot) { taken[$0] = copy $1 }
        expect(taken == expected, "what changed of \(user)")
        expect(cache.changedStateCount(slot) == 0, "nothing is left to take")
        changed[user] = nil
        rewrite.remove(user)
    }

    /// Who it is, if anybody stays.
    private mutating func letSomeoneLeave() -> UserID? {
        guard let slot = cache.chooseLeaving() else {
            expect(staying.isEmpty, "as long as somebody stays, somebody can leave")
            return nil
        }
        let user = cache.user(at: slot)
        expect(staying.remove(user) != nil, "\(user) leaves once")
        leaving.insert(user)
        return user
    }

    /// Whoever leaves next goes, once what changed of it was taken.
    private mutating func evictSomeone() {
        guard let user = letSomeoneLeave(), let slot = cache.find(user) else { return }
        if isDirty(user) {
            _ = cache.beginCommit(slot)
            dirty.removeAll { $0.user == user }
            committing.insert(user)
        }
        takeChanges(of: user, at: slot)
        if committing.remove(user) != nil { cache.endCommit(slot) }
        cache.remove(slot)
        forget(user)
    }

    private mutating func removeSomeone() {
        let removable = residentInOrder.filter { user in
            !committing.contains(user) && !isDirty(user)
        }
        guard let user = removable.randomElement(using: &random), let slot = cache.find(user)
        else { return }
        cache.remove(slot)
        forget(user)
        expect(cache.find(user) == nil, "\(user) is gone")
    }

    /// Most users leave at once, so that the records of the others move.
    private mutating func exodus() {
        for _ in 0..<resident.count * 3 / 4 { removeSomeone() }
    }

    private mutating func forget(_ user: UserID) {
        staying.remove(user)
        leaving.remove(user)
        states.forget(user)
        rewrite.remove(user)
        ahead.remove(user)
        changed[user] = nil
    }

    private mutating func setFlags() {
        guard let user = residentInOrder.randomElement(using: &random),
            let slot = cache.find(user)
        else { return }
        expect(cache.isAhead(slot) == ahead.contains(user), "whether \(user) is ahead")
        if random.chance(50) {
            cache.markRewrite(slot)
            rewrite.insert(user)
        }
        cache.setAhead(slot, random.chance(50))
        if cache.isAhead(slot) { ahead.insert(user) } else { ahead.remove(user) }
    }

    /// Somebody's states leave the cache and come back from a store, perhaps from the hands of a
    /// worker whose windows are of another size.
    private mutating func loadSomeone() {
        let user = UserID(UInt64(1 + random.below(mix.users)))
        guard let slot = cache.find(user), !committing.contains(user), !isDirty(user) else {
            return
        }
        if random.chance(30) { liveElsewhere(user, window: [0, 2, 50, 1000][random.below(4)]) }
        let stored = states.users[user] ?? [:]
        cache.remove(slot)
        forget(user)
        let back = cache.insert(user)
        staying.insert(user)
        if random.chance(50) { cache.reserve(stored.count, at: back) }
        for (channel, state) in stored {
            cache.load(state, channel: channel, into: back)
            var fitting = state
            fitting.trim(to: states.window)
            states.put(fitting, user, channel)
        }
        compareStates(of: user, at: back, "a load")
        expect(cache.changedStateCount(back) == 0, "what was loaded did not change")
    }

    private mutating func liveElsewhere(_ user: UserID, window: Int) {
        let ours = states.window
        states.window = window
        for _ in 0..<60 {
            let event = mix.next()
            if event.user == user { _ = states.apply(event, entries: mix.entries) }
        }
        states.window = ours
    }

    private mutating func removeAll() {
        cache.removeAll()
        for user in resident { forget(user) }
        dirty = []
        committing = []
    }

    private mutating func compareStates(
        of user: UserID, at slot: UserSlot, _ after: @autoclosure () -> String
    ) {
        let expected = states.users[user] ?? [:]
        var held: [ChannelID: ReadState] = [:]
        cache.forEachState(at: slot) { held[$0] = copy $1 }
        expect(held == expected, "states after \(after()): \(held) instead of \(expected)")
        let listed = expected.filter { !$0.value.isDefault && !$0.value.left }.keys.sorted()
        var summaries: [ReadStateSummary] = []
        cache.forEachSummary(at: slot, after: ChannelID(0), unreadOnly: false) {
            summaries.append($0)
            return true
        }
        expect(summaries == listed.map { states.summary(user, $0) }, "the list of \(user)")
        var totals = UserTotals()
        for summary in summaries {
            totals.unreadChannels += summary.unread ? 1 : 0
            totals.mentionCount += summary.mentionCount
            totals.exact = totals.exact && summary.exact
        }
        expect(cache.totals(at: slot) == totals, "the totals of \(user)")
    }

    private mutating func compareOrders() {
        let oldestDirty = cache.oldestDirty.map { cache.user(at: $0) }
        expect(cache.userCount == staying.count + leaving.count, "users")
        expect(cache.stateCount == resident.reduce(0) { $0 + states.count(of: $1) }, "states")
        expect(cache.dirtyCount == dirty.count, "dirty users")
        expect(
            oldestDirty == dirty.first?.user, "the oldest dirty user")
        for user in resident {
            guard let slot = cache.find(user) else {
                expect(false, "\(user) is lost")
                continue
            }
            expect(cache.isLeaving(slot) == leaving.contains(user), "\(user) leaving")
            expect(cache.isCommitting(slot) == committing.contains(user), "\(user) committing")
            expect(cache.isDirty(slot) == isDirty(user), "\(user) dirty")
        }
    }
}
