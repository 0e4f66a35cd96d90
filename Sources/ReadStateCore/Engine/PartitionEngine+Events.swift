// Events: the hot path. A batch is applied in order; the events of users who are not resident are
// parked and their users asked for, so the batch never waits.

extension PartitionEngine {
    /// Applies a run of the log. `upTo` is the first offset behind the run (records that were
    /// skipped or dead-lettered included), `lastRecord` a record of the run.
    package mutating func apply(
        _ batch: borrowing EventBatch, upTo: Offset, lastRecord: RecordFingerprint?, now: Instant
    ) {
        precondition(phase == .owned, "events are applied by the owner only")
        let count = batch.count
        // A record may come twice within a batch, too.
        var run = Run(expected: next)
        while true {
            // A parked event is applied late (see `firstChange`).
            let parkedFrom = parked.oldestOffset ?? Offset(.max)
            cache.run(batch, &run, to: count, firstChange: parkedFrom, now: now)
            if run.index == count { break }
            decide(batch[run.index], entries: batch.entries.span, &run, now: now)
        }
        counters.applied += UInt64(run.applied)
        counters.unchanged += UInt64(run.unchanged)
        if upTo > next {
            next = upTo
            self.lastRecord = lastRecord ?? self.lastRecord
        }
        evict()
        cache.touchAhead()
        counters.refusedStates = UInt64(cache.refusedStates)
    }

    /// What becomes of an event at which a run stopped.
    private mutating func decide(
        _ event: Event, entries: Span<Entry>, _ run: inout Run, now: Instant
    ) {
        run.index += 1
        guard event.offset >= run.expected else {
            counters.belowNext += 1
            return
        }
        run.expected = event.offset.next
        if let slot = cache.find(event.user) {
            touch(slot)
            apply(event, entries: entries, to: slot, now: now)
        } else {
            admit(event, entries: entries, now: now)
        }
    }

    /// A record at `offset` goes to the dead-letter topic; the position waits until it is there.
    package mutating func deadLetter(at offset: Offset) {
        guard offset >= next else { return }
        deadLetters.open(offset)
        counters.deadLetters += 1
    }

    /// The dead letter of `offset` is in its topic.
    package mutating func deadLetterStored(_ offset: Offset) {
        deadLetters.close(offset)
    }

    /// Applies an event to a resident user. The events for whose sake a user came do not count as
    /// uses: whoever is used again has come back.
    @inline(__always)
    mutating func apply(_ event: Event, entries: Span<Entry>, to slot: UserSlot, now: Instant) {
        if cache.isAhead(slot), isIncluded(event, in: slot) { return }
        if cache.apply(event, entries: entries, to: slot) {
            if !cache.isDirty(slot) {
                cache.markDirty(slot, at: firstChange(event.offset), now: now)
            }
            counters.applied += 1
        } else {
            counters.unchanged += 1
        }
    }

    /// What a user that becomes dirty with the event at `offset` is entered with: that offset, or
    /// the oldest parked one if that is older. Parked events are applied late, so their own offsets
    /// would come out of order; with this lower bound the dirty list stays ordered (both numbers
    /// only grow) and its head is the position, which the parked event holds back just as far.
    private func firstChange(_ offset: Offset) -> Offset {
        guard let oldest = parked.oldestOffset else { return offset }
        return min(offset, oldest)
    }

    /// The user's stored states were ahead of the log when they were loaded: what they include is
    /// skipped, and with the first event that they do not include they are ordinary again.
    private mutating func isIncluded(_ event: Event, in slot: UserSlot) -> Bool {
        if let first = ahead[slot], event.offset < first {
            counters.alreadyIncluded += 1
            return true
        }
        ahead[slot] = nil
        cache.setAhead(slot, false)
        return false
    }

    @inline(__always)
    mutating func touch(_ slot: UserSlot) {
        if cache.isLeaving(slot) { leavingCount -= 1 }
        cache.touch(slot)
    }

    /// An event of a user who is not resident: a new user while the cache is whole, otherwise one
    /// to be loaded, with the event waiting for it.
    @inline(never)
    private mutating func admit(_ event: Event, entries: Span<Entry>, now: Instant) {
        counters.misses += 1
        if whole {
            let slot = cache.insert(event.user)
            // A commit that failed half way may have stored users without a position.
            cache.markRewrite(slot)
            apply(event, entries: entries, to: slot, now: now)
        } else {
            let index = requestLoad(of: event.user)
            parked.park(event, entries: entries, in: &loadingUsers[index].events)
        }
    }
}
