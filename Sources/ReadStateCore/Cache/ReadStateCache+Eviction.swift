// Who leaves when the cache is full. A user begins as a newcomer, in a list in the order in which
// they came. Whoever has been used again by the time it is the oldest there settles; the others
// leave, so that users who come once (a message to everybody in a large channel) take little room
// from those who are there every day. A settled user is in no list: a hand goes round the table of
// records, takes one off the uses of each that it passes, and whoever has none left leaves.
//
//   newcomers  newest ◀─▶ ... ◀─▶ oldest ──▶ used again? settles : leaves
//   records    | 2 | 0 | newcomer | 3 | 1 | ...      the numbers are uses, 0 to 3
//                    ▲ hand ──▶
//
// So an event moves nobody: it adds one to a count in a record that it reads in any case, where an
// exact order of use would touch the records of two neighbours, which are in no processor cache.
// It is S3-FIFO without its memory of who left, and hits nearly as often (docs/cache.md). Instead
// of that memory one eviction in sixteen is of a settled user in any case: otherwise, were those
// never used again, newcomers whose uses lie far apart could not get past them. No eviction looks
// at more than a fixed number of users before it takes one.

extension ReadStateCache {
    private static let mostUses: UInt8 = 3
    /// One eviction in so many is of a settled user in any case.
    private static let settledTurn: UInt32 = 16
    /// Newcomers beyond this part of the users are looked at first.
    private static let newcomersShare = 8
    /// So many newcomers may settle for one that leaves.
    private static let mostSettling = 16
    /// So many records are passed for one that leaves.
    private static let mostPassed = 64

    /// Counts a use of a resident user; a leaving one stays after all.
    @inline(__always)
    package mutating func touch(_ user: UserSlot) {
        records[user.rawValue].set(UserRecord.Flag.leaving, false)
        countUse(user.rawValue)
    }

    @inline(__always)
    mutating func countUse(_ slot: UInt32) {
        if records[slot].uses < Self.mostUses { records[slot].uses &+= 1 }
    }

    /// Chooses the next to leave: it is leaving from now on. Nil if nobody is left.
    package mutating func chooseLeaving() -> UserSlot? {
        evictions &+= 1
        let newcomer = evictions % Self.settledTurn == 0 ? nil : leavingNewcomer()
        guard let slot = newcomer ?? leavingSettled() else { return nil }
        records[slot].set(UserRecord.Flag.leaving, true)
        return UserSlot(rawValue: slot)
    }

    @inline(__always)
    package func isLeaving(_ slot: UserSlot) -> Bool {
        records[slot.rawValue].has(UserRecord.Flag.leaving)
    }

    // MARK: Newcomers

    /// The oldest newcomer that was not used again, if there are too many; older ones settle.
    private mutating func leavingNewcomer() -> UInt32? {
        for _ in 0..<Self.mostSettling where newcomerCount > userCount / Self.newcomersShare {
            let slot = oldestNewcomer
            unlinkNewcomer(slot)
            lookAheadOfNewcomers()
            if records[slot].uses == 0 { return slot }
            records[slot].uses = 0
        }
        return nil
    }

    /// Asks for what the next to leave will need: their index entries, blocks and records.
    private mutating func lookAheadOfNewcomers() {
        var slot = oldestNewcomer
        for ahead in 1...4 where slot != none {
            let record = records[slot]
            if ahead == 1, record.dirty != none { prefetchNeighbours(ofDirty: record.dirty) }
            if ahead == 2 { prefetchForRemoval(record, at: slot) }
            if ahead == 4 { records.prefetch(record.newer) }
            slot = record.newer
        }
    }

    private mutating func prefetchForRemoval(_ record: UserRecord, at slot: UInt32) {
        prefetchBlock(of: slot)
        index.prefetch(hash: UserIndex.hash(record.user))
        if record.dirty != none { dirtyEntries.prefetch(record.dirty) }
    }

    private func prefetchNeighbours(ofDirty place: UInt32) {
        let (newer, older) = (dirtyEntries[place].newer, dirtyEntries[place].older)
        if newer != none { dirtyEntries.prefetch(newer) }
        if older != none { dirtyEntries.prefetch(older) }
    }

    /// Makes a user the newest newcomer.
    mutating func linkNewcomer(_ slot: UInt32) {
        records[slot].set(UserRecord.Flag.newcomer, true)
        records[slot].newer = none
        records[slot].older = newestNewcomer
        if newestNewcomer != none {
            records[newestNewcomer].newer = slot
        } else {
            oldestNewcomer = slot
        }
        newestNewcomer = slot
        newcomerCount += 1
    }

    /// Takes a user off the list of newcomers.
    mutating func unlinkNewcomer(_ slot: UInt32) {
        records[slot].set(UserRecord.Flag.newcomer, false)
        let (newer, older) = (records[slot].newer, records[slot].older)
        if newer != none { records[newer].older = older } else { newestNewcomer = older }
        if older != none { records[older].newer = newer } else { oldestNewcomer = newer }
        newcomerCount -= 1
    }

    // MARK: Settled users

    /// The next settled user without uses; after enough records whoever comes next.
    private mutating func leavingSettled() -> UInt32? {
        if records.count == 0 { return nil }
        let special = UserRecord.Flag.resident | UserRecord.Flag.leaving
        for passed in 0..<Int(records.count) &+ Self.mostPassed {
            hand = hand &+ 1 < records.count ? hand &+ 1 : 0
            lookAheadOfHand()
            let record = records[hand]
            guard record.flags & special == UserRecord.Flag.resident else { continue }
            if passed < Self.mostPassed {
                if record.has(UserRecord.Flag.newcomer) { continue }
                if record.uses > 0 {
                    records[hand].uses &-= 1
                    continue
                }
            }
            if record.has(UserRecord.Flag.newcomer) { unlinkNewcomer(hand) }
            return hand
        }
        return nil
    }

    /// Asks for what a user a little ahead of the hand will need, if it may leave; the records
    /// themselves come one after the other, as the processor expects it.
    @inline(__always)
    private mutating func lookAheadOfHand() {
        let slot = hand &+ 8
        guard slot < records.count, records[slot].uses == 0 else { return }
        let flags = records[slot].flags & (UserRecord.Flag.resident | UserRecord.Flag.newcomer)
        if flags == UserRecord.Flag.resident { prefetchForRemoval(records[slot], at: slot) }
    }
}
