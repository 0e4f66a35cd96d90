// Runs of whole batches, held against the same events one by one.

import ReadStateCore
import TestSupport
import Testing

/// A cache that is fed with events, as an engine does it.
private struct Fed: ~Copyable {
    var cache = ReadStateCache(window: 4)
    var changed = 0

    /// One event as a run leaves it to its caller, or as one would write it without runs.
    mutating func apply(_ event: Event, now: Instant) {
        let none: [Entry] = []
        let slot = cache.find(event.user) ?? cache.insert(event.user)
        cache.setAhead(slot, false)
        cache.touch(slot)
        if cache.apply(event, entries: none.span, to: slot) {
            cache.markDirty(slot, at: event.offset, now: now)
            changed += 1
        }
    }

    /// The batch in runs of at most `step` events.
    mutating func apply(_ batch: borrowing EventBatch, step: Int, from: Offset, now: Instant) {
        var run = Run(expected: from)
        while run.index < batch.count {
            let end = min(run.index + step, batch.count)
            cache.run(batch, &run, to: end, firstChange: Offset(.max), now: now)
            if run.index == end { continue }
            let event = batch[run.index]
            run.index += 1
            if event.offset < run.expected { continue }
            run.expected = event.offset.next
            apply(event, now: now)
        }
        changed += run.applied
    }

    /// Everything that can be seen of it, ending with who leaves first.
    mutating func describe() -> [String] {
        var lines = ["\(changed) changed, \(cache.userCount) users, \(cache.stateCount) states"]
        while let slot = cache.oldestDirty {
            let since = cache.dirtySince(slot)
            lines.append("\(cache.user(at: slot)) dirty \(since) \(cache.beginCommit(slot))")
            cache.endCommit(slot)
        }
        while let slot = cache.chooseLeaving() {
            var states: [String] = []
            cache.forEachState(at: slot) { states.append("\($0) \($1)") }
            lines.append("\(cache.user(at: slot)) \(states.sorted())")
        }
        return lines
    }
}

@Suite struct RunTests {
    @Test(arguments: [1, 5, 200])
    func aRunDoesWhatItsEventsDoOneByOne(step: Int) {
        // Batches with repeated offsets, unknown users, users on their way out or ahead of the log:
        // states, who leaves next and the dirty list end up the same.
        for seed in 0..<UInt64(10) {
            var mix = EventMix(seed: seed, users: 40, channels: seed % 2 == 0 ? 3 : 90, rare: 10)
            var random = SeededNumbers(seed: seed)
            var one = Fed()
            var other = Fed()
            var batch = EventBatch(capacity: 200)
            var from = Offset.zero
            for round in 0..<8 {
                let now = Instant(milliseconds: Int64(round) * 1000)
                batch.removeAll()
                while !batch.isFull {
                    let event = mix.next()
                    if event.entryRange != nil { continue }
                    batch.append(event)
                    if random.chance(5), !batch.isFull { batch.append(event) }
                }
                other.apply(batch, step: step, from: from, now: now)
                for index in 0..<batch.count where batch[index].offset >= from {
                    one.apply(batch[index], now: now)
                    from = batch[index].offset.next
                }
                for _ in 0..<5 {
                    _ = one.cache.chooseLeaving()
                    _ = other.cache.chooseLeaving()
                }
                let user = UserID(UInt64(1 + random.below(40)))
                if let slot = one.cache.find(user) { one.cache.setAhead(slot, true) }
                if let slot = other.cache.find(user) { other.cache.setAhead(slot, true) }
            }
            one.cache.checkInvariants()
            other.cache.checkInvariants()
            let expected = one.describe()
            #expect(other.describe() == expected, "seed \(seed), runs of \(step)")
        }
    }
}
