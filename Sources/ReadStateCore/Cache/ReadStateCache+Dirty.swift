// What the store does not have yet: a list of dirty users, oldest change first. A user enters it
// with its first change and stays where it is until a commit takes it out, however often it changes
// meanwhile; while that commit is on its way it may become dirty again. Only dirty users have an
// entry.

/// A dirty user's place in the list.
struct DirtyEntry: BitwiseCopyable {
    /// Neighbours in the list, or in that of free entries.
    var newer = none
    var older = none
    /// The user; `none` in a free entry.
    var slot: UInt32
    /// When it became dirty: the low 32 bits of the milliseconds (they turn over after 49 days, and
    /// nobody stays dirty that long).
    var since: UInt32
    var firstOffset: Int64
}

extension ReadStateCache {
    /// Enters a user whose states changed with the event at an offset; nothing if it is dirty
    /// already. Offsets never go down from one call to the next.
    package mutating func markDirty(_ user: UserSlot, at offset: Offset, now: Instant) {
        if !isDirty(user) { enterDirty(user.rawValue, at: offset, now: now) }
    }

    /// Enters a user that is not dirty.
    @inline(never)
    mutating func enterDirty(_ slot: UInt32, at offset: Offset, now: Instant) {
        dirtyClock = max(dirtyClock, now.milliseconds)
        let entry = DirtyEntry(
            older: dirtyTail, slot: slot, since: UInt32(truncatingIfNeeded: now.milliseconds),
            firstOffset: offset.rawValue)
        let place = takeDirtyEntry(entry)
        if dirtyTail != none { dirtyEntries[dirtyTail].newer = place } else { dirtyHead = place }
        dirtyTail = place
        dirtyCount += 1
        dirtyAges.add(entry.since)
        records[slot].dirty = place
    }

    @inline(__always)
    package func isDirty(_ slot: UserSlot) -> Bool { records[slot.rawValue].dirty != none }

    /// The user with the oldest change.
    package var oldestDirty: UserSlot? {
        dirtyHead == none ? nil : UserSlot(rawValue: dirtyEntries[dirtyHead].slot)
    }

    /// The offset with which a dirty user became dirty.
    package func firstDirtyOffset(_ slot: UserSlot) -> Offset {
        Offset(dirtyEntry(slot).firstOffset)
    }

    /// When a dirty user became dirty.
    package func dirtySince(_ slot: UserSlot) -> Instant {
        let age = UInt32(truncatingIfNeeded: dirtyClock) &- dirtyEntry(slot).since
        return Instant(milliseconds: dirtyClock - Int64(age))
    }

    private func dirtyEntry(_ slot: UserSlot) -> DirtyEntry {
        let place = records[slot.rawValue].dirty
        precondition(place != none, "asked of dirty users only")
        return dirtyEntries[place]
    }

    /// Takes a dirty user off the list for a commit and tells its first dirty offset.
    package mutating func beginCommit(_ user: UserSlot) -> Offset {
        let entry = dirtyEntry(user)
        let place = records[user.rawValue].dirty
        if entry.newer != none {
            dirtyEntries[entry.newer].older = entry.older
        } else {
            dirtyTail = entry.older
        }
        if entry.older != none {
            dirtyEntries[entry.older].newer = entry.newer
        } else {
            dirtyHead = entry.newer
        }
        dirtyCount -= 1
        dirtyAges.remove(entry.since)
        records[user.rawValue].dirty = none
        giveBackDirtyEntry(place)
        records[user.rawValue].set(UserRecord.Flag.committing, true)
        // Those of leaving users do not follow the list.
        if entry.older == none { lookAheadOfCommits(from: dirtyHead) }
        return Offset(entry.firstOffset)
    }

    /// Commits mostly follow the list: what the next ones will read is asked for, as look-ahead
    /// does it for events.
    private mutating func lookAheadOfCommits(from place: UInt32) {
        var place = place
        for ahead in 1...6 where place != none {
            let entry = dirtyEntries[place]
            switch ahead {
            case 1: prefetchChangedSides(of: entry.slot)
            case 3: prefetchBlock(of: entry.slot)
            case 5: records.prefetch(entry.slot)
            case 6: dirtyEntries.prefetch(entry.newer)
            default: break
            }
            place = entry.newer
        }
    }

    /// Asks for the side blocks of the states that a commit will take; of the first ones, where
    /// there are many.
    private mutating func prefetchChangedSides(of slot: UInt32) {
        let record = records[slot]
        for index in 0..<min(Int(record.count), Self.linearLimit) {
            let place = place(index, of: record)
            guard slab.load(UInt64.self, at: place.channel) & Self.changedBit != 0 else { continue }
            let state: PackedState = slab.load(at: place.value)
            if state.isExtended { slab.prefetch(SideBlock(rest: state.rest).offset) }
        }
    }

    /// Asks for a user's states: for all of them, unless they are more than twenty.
    mutating func prefetchBlock(of slot: UInt32) {
        let start = Slab.offset(records[slot].block)
        let bytes = min(8 &+ 24 &* Int(records[slot].count), 512)
        for at in stride(from: 0, to: bytes, by: 64) { slab.prefetch(start &+ at) }
    }

    /// The oldest dirty user, if it became dirty at `moment` or before.
    package mutating func oldestDirty(since moment: Instant) -> UserSlot? {
        guard let slot = oldestDirty, dirtySince(slot) <= moment else { return nil }
        return slot
    }

    /// The user's commit is done with.
    package mutating func endCommit(_ slot: UserSlot) {
        precondition(isCommitting(slot), "a commit ends once")
        records[slot.rawValue].set(UserRecord.Flag.committing, false)
    }

    @inline(__always)
    package func isCommitting(_ slot: UserSlot) -> Bool {
        records[slot.rawValue].has(UserRecord.Flag.committing)
    }
}
