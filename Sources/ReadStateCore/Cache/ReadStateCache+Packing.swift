// Keeps the tables dense, so that memory which users once took is not lost to those of another
// size. When more than a sixty-fourth of the records is free, the last one moves into a hole, and
// what is behind the table's end goes back to the machine; the same with the dirty entries. Each
// removal pays for a move or two, so nothing ever stops for it.
//
// A record is referred to by the index, a newcomer's neighbours, its dirty entry, its
// block, and its states' side blocks. The last may be thousands, so they are told a few at a time;
// until all are, the old place says where the record went. Commits on their way and the engine's
// table of users ahead of the log know places, too: such a user does not move.

/// A record whose side blocks do not all know yet where it went.
struct MovingRecord: BitwiseCopyable {
    var from = none
    var to = none
    /// The first state whose side block is still to be told.
    var next = 0
}

extension ReadStateCache {
    /// So many records or entries may be free in any case.
    private static let fewFree: UInt32 = 8
    private static let stepsForEach = 2
    private static let statesForEach = 64

    // MARK: Records

    /// A record for a new user.
    mutating func takeRecord(_ record: UserRecord) -> UInt32 {
        let slot = freeRecord
        guard slot != none else { return records.append(record) }
        unlinkFree(slot)
        records[slot] = record
        return slot
    }

    /// Gives a record back, and packs the others a little.
    mutating func giveBackRecord(_ slot: UInt32) {
        if slot == moving.to { endMove() }
        linkFree(slot)
        for _ in 0..<Self.stepsForEach {
            guard freeRecords > max(records.count / 64, Self.fewFree), packRecord() else { return }
        }
    }

    private mutating func linkFree(_ slot: UInt32) {
        records[slot] = UserRecord(user: 0, newer: freeRecord)
        if freeRecord != none { records[freeRecord].older = slot }
        freeRecord = slot
        freeRecords += 1
    }

    private mutating func unlinkFree(_ slot: UInt32) {
        let (next, previous) = (records[slot].newer, records[slot].older)
        if next != none { records[next].older = previous }
        if previous != none { records[previous].newer = next } else { freeRecord = next }
        freeRecords -= 1
    }

    /// One step towards a dense table; false if there is none now.
    private mutating func packRecord() -> Bool {
        if moving.from != none {
            tellSideBlocks()
            return true
        }
        let last = records.count - 1
        let record = records[last]
        guard record.has(UserRecord.Flag.resident) else {
            unlinkFree(last)
            records.removeLast()
            return true
        }
        if record.has(UserRecord.Flag.committing | UserRecord.Flag.ahead) { return false }
        let hole = freeRecord
        unlinkFree(hole)
        move(record, from: last, to: hole)
        return true
    }

    private mutating func move(_ record: UserRecord, from last: UInt32, to hole: UInt32) {
        records[hole] = record
        if record.has(UserRecord.Flag.newcomer) {
            let (newer, older) = (record.newer, record.older)
            if newer != none { records[newer].older = hole } else { newestNewcomer = hole }
            if older != none { records[older].newer = hole } else { oldestNewcomer = hole }
        }
        if record.dirty != none { dirtyEntries[record.dirty].slot = hole }
        if record.block != none { slab.setOwner(hole, of: record.block) }
        index.move(record.user, from: last, to: hole)
        records[last] = UserRecord(user: 0, newer: hole, flags: UserRecord.Flag.moved)
        moving = MovingRecord(from: last, to: hole)
        tellSideBlocks()
    }

    /// Tells some side blocks of the record that moved where it is; then its old place is free.
    private mutating func tellSideBlocks() {
        let record = records[moving.to]
        let end = min(Int(record.count), moving.next &+ Self.statesForEach)
        while moving.next < end {
            let state: PackedState = slab.load(at: place(moving.next, of: record).value)
            let side = SideBlock(rest: state.rest)
            if state.isExtended && side.hasBlock { slab.setOwner(moving.to, of: side.block) }
            moving.next += 1
        }
        guard moving.next >= Int(record.count) else { return }
        endMove()
    }

    private mutating func endMove() {
        linkFree(moving.from)
        moving = MovingRecord()
    }

    /// Where the record is that a side block knows by `slot`.
    @inline(__always)
    func resolve(_ slot: UInt32) -> UInt32 {
        records[slot].has(UserRecord.Flag.moved) ? records[slot].newer : slot
    }

    // MARK: Dirty entries

    /// An entry for a user that became dirty.
    mutating func takeDirtyEntry(_ entry: DirtyEntry) -> UInt32 {
        let place = freeDirty
        guard place != none else { return dirtyEntries.append(entry) }
        unlinkFreeDirty(place)
        dirtyEntries[place] = entry
        return place
    }

    /// Gives an entry back that is off the list, and packs the others a little.
    mutating func giveBackDirtyEntry(_ place: UInt32) {
        dirtyEntries[place] = DirtyEntry(newer: freeDirty, slot: none, since: 0, firstOffset: 0)
        if freeDirty != none { dirtyEntries[freeDirty].older = place }
        freeDirty = place
        for _ in 0..<Self.stepsForEach {
            let free = dirtyEntries.count - UInt32(dirtyCount)
            guard free > max(dirtyEntries.count / 16, Self.fewFree) else { return }
            packDirtyEntry()
        }
    }

    private mutating func unlinkFreeDirty(_ place: UInt32) {
        let (next, previous) = (dirtyEntries[place].newer, dirtyEntries[place].older)
        if next != none { dirtyEntries[next].older = previous }
        if previous != none { dirtyEntries[previous].newer = next } else { freeDirty = next }
    }

    private mutating func packDirtyEntry() {
        let last = dirtyEntries.count - 1
        let entry = dirtyEntries[last]
        if entry.slot == none {
            unlinkFreeDirty(last)
        } else {
            let hole = freeDirty
            unlinkFreeDirty(hole)
            dirtyEntries[hole] = entry
            let (newer, older) = (entry.newer, entry.older)
            if newer != none { dirtyEntries[newer].older = hole } else { dirtyTail = hole }
            if older != none { dirtyEntries[older].newer = hole } else { dirtyHead = hole }
            records[entry.slot].dirty = hole
        }
        dirtyEntries.removeLast()
    }

    // MARK: Memory ahead

    /// Makes the memory that the next some thousand events will take, if they take any: between
    /// batches, so that no event waits for a page.
    package mutating func touchAhead() {
        records.touchAhead()
        dirtyEntries.touchAhead()
        index.touchAhead()
        slab.touchAhead()
    }
}
