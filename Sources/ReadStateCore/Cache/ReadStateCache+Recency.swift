// Who was used last: one list through the users' records, newest first. It is exact, since what it
// costs is small beside the wait for the records themselves, which look-ahead hides.

extension ReadStateCache {
    /// Makes a user the most recent one; a leaving one stays after all.
    @inline(__always)
    package mutating func touch(_ user: UserSlot) {
        let slot = user.rawValue
        if slot == newest { return }
        if records[slot].has(UserRecord.Flag.leaving) {
            records[slot].set(UserRecord.Flag.leaving, false)
        } else {
            unlink(slot)
        }
        linkNewest(slot)
    }

    /// Takes the least recent user off the list: it is leaving from now on.
    package mutating func unlinkLeastRecent() -> UserSlot? {
        guard oldest != none else { return nil }
        let slot = oldest
        unlink(slot)
        records[slot].set(UserRecord.Flag.leaving, true)
        lookAheadOfEvictions()
        return UserSlot(rawValue: slot)
    }

    /// Asks for what the next to leave will need: their index entries, blocks and records.
    private mutating func lookAheadOfEvictions() {
        var slot = oldest
        for ahead in 1...4 where slot != none {
            let record = records[slot]
            if ahead == 2 {
                prefetchBlock(of: slot)
                index.prefetch(hash: UserIndex.hash(record.user))
            }
            if ahead == 4 { records.prefetch(record.newer) }
            slot = record.newer
        }
    }

    @inline(__always)
    package func isLeaving(_ slot: UserSlot) -> Bool {
        records[slot.rawValue].has(UserRecord.Flag.leaving)
    }

    @inline(__always)
    mutating func linkNewest(_ slot: UInt32) {
        records[slot].newer = none
        records[slot].older = newest
        if newest != none { records[newest].newer = slot } else { oldest = slot }
        newest = slot
    }

    @inline(__always)
    mutating func unlink(_ slot: UInt32) {
        let newer = records[slot].newer
        let older = records[slot].older
        if newer != none { records[newer].older = older } else { newest = older }
        if older != none { records[older].newer = newer } else { oldest = newer }
    }
}
