// Runs: the events of a batch, one after the other, for as long as they are ordinary. This loop is
// what a worker spends its time in, so all of it is in this module and on plain values: nothing is
// copied but the numbers of an event, nothing is counted, nobody is called but for what is rare.
//
//     run ──▶ ordinary events ... ──▶ stops at one that needs a decision ──▶ whoever runs decides,
//      ▲                                                                     steps over it
//      └──────────────────────────────────────────────────────────────────────────┘
//
// Not ordinary is an event that was seen before (its offset says so), one of a user who is not
// resident, and one of a user on its way out or ahead of the log.

/// How far a batch is applied, and what came of it.
package struct Run {
    /// The next event of the batch.
    package var index = 0
    /// Events below this offset were seen before.
    package var expected: Offset
    /// Events that changed something.
    package var applied = 0
    /// Events that changed nothing.
    package var unchanged = 0

    package init(expected: Offset) { self.expected = expected }
}

extension ReadStateCache {
    /// Applies the events of a batch up to the one at `end` or the first that is not ordinary,
    /// whichever comes first. Their users' uses are counted, and who changed is dirty: from the
    /// event's offset on or from `firstChange`, if that is older.
    ///
    /// `run` starts at the batch's first event and goes through all of it.
    package mutating func run(
        _ batch: borrowing EventBatch, _ run: inout Run, to end: Int, firstChange: Offset,
        now: Instant
    ) {
        precondition(run.index >= 0 && end <= batch.count, "a run stays within its batch")
        var index = run.index
        var expected = run.expected
        var applied = 0
        let first = index
        while index < end {
            if looksAhead { lookAhead(batch, from: index) }
            // Below `end`, so within the batch; here and in what is called with `index`.
            let offset = unsafe batch[unchecked: index].offset
            let slot = unsafe ordinarySlot(of: batch[unchecked: index].user, at: index)
            guard offset >= expected, slot != none else { break }
            expected = offset.next
            countUse(slot)
            if apply(batch, index, slot) {
                applied &+= 1
                if records[slot].dirty == none {
                    enterDirty(slot, at: min(offset, firstChange), now: now)
                }
            }
            index &+= 1
        }
        run.index = index
        run.expected = expected
        run.applied &+= applied
        run.unchanged &+= index &- first &- applied
    }

    /// Where an event's user is, `none` unless it is resident and nothing is special about it.
    @inline(__always)
    private mutating func ordinarySlot(of user: UserID, at index: Int) -> UInt32 {
        var slot = pipeline[index].slot
        if slot >= records.count || records[slot].user != user.rawValue {
            slot = searchSlot(of: user)
            if slot == none { return none }
        }
        let special = UserRecord.Flag.leaving | UserRecord.Flag.ahead
        return records[slot].flags & special == 0 ? slot : none
    }

    @inline(never)
    private mutating func searchSlot(of user: UserID) -> UInt32 {
        index.find(user.rawValue, in: records) ?? none
    }

    /// Applies the event of the user at `slot`; true if it changed anything.
    @inline(__always)
    private mutating func apply(
        _ batch: borrowing EventBatch, _ index: Int, _ slot: UInt32
    ) -> Bool {
        let channel = unsafe batch[unchecked: index].channel.rawValue
        let outcome: Outcome
        switch unsafe batch[unchecked: index].kind {
        case .messageSent(let id, let mention, let own):
            let place = locate(channel, of: slot, hint: pipeline[index].state)
            outcome = send(id.rawValue, mention, own, in: channel, at: place, of: slot)
        case .messageRead(let id):
            let place = locate(channel, of: slot, hint: pipeline[index].state)
            outcome = read(id.rawValue, in: channel, at: place, of: slot)
        default:
            outcome = .unclear
        }
        if outcome == .unclear { return applyByRules(batch, index, slot) }
        return outcome == .changed
    }

    @inline(never)
    private mutating func applyByRules(
        _ batch: borrowing EventBatch, _ index: Int, _ slot: UInt32
    ) -> Bool {
        applyByRules(batch[index], batch.entries.span, slot)
    }
}
