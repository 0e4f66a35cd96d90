// What must hold between any two operations, for tests and the simulator. Costs as much as
// everything that is resident; never called in a worker.

extension ReadStateCache {
    /// Traps, with a sentence, where the cache contradicts itself.
    package func checkInvariants() {
        var users = 0
        var states = 0
        var blockBytes = 0
        index.forEachSlot { slot in
            let record = records[slot]
            precondition(record.has(UserRecord.Flag.resident), "the index names residents only")
            precondition(
                index.find(record.user, in: records) == slot, "a user is found at its slot")
            users += 1
            states += Int(record.count)
            blockBytes += checkBlock(of: record, at: slot)
        }
        precondition(users == userCount && states == stateCount, "users and states are counted")
        precondition(blockBytes == slab.liveBytes, "the charge is what there is")
        checkNewcomers()
        checkDirty()
        checkFree()
        slab.checkInvariants()
    }

    private func checkBlock(of record: UserRecord, at slot: UInt32) -> Int {
        guard record.block != none else {
            precondition(record.count == 0, "states are in a block")
            return 0
        }
        precondition(slab.owner(record.block) == slot, "a block knows its owner")
        precondition(slab.holds(record.block, record.sizeClass), "a block is one of its class")
        precondition(Int(record.count) <= slab.capacity(record.sizeClass), "states fit their block")
        var bytes = slab.blockBytes(record.sizeClass)
        for index in 0..<Int(record.count) {
            let place = place(index, of: record)
            let channel = slab.load(UInt64.self, at: place.channel) & ~Self.changedBit
            precondition(locate(channel, of: record)?.index == index, "a channel is found once")
            let state: PackedState = slab.load(at: place.value)
            if state.isExtended { bytes += checkSide(state, index, slot) }
        }
        return bytes
    }

    private func checkSide(_ packed: PackedState, _ index: Int, _ slot: UInt32) -> Int {
        let side = SideBlock(rest: packed.rest)
        guard side.hasBlock else { return 0 }
        precondition(
            resolve(slab.owner(side.block)) == slot, "a side block knows its owner")
        precondition(slab.holds(side.block, side.sizeClass), "a side block is one of its class")
        precondition(
            slab.load(UInt8.self, at: side.offset + 4) == UInt8(truncatingIfNeeded: index),
            "a side block knows its state")
        let bytes = side.bytes(side.rare(in: slab.region))
        precondition(bytes <= slab.blockBytes(side.sizeClass), "a window fits its block")
        var state = ReadState()
        unpack(packed, into: &state)
        precondition(state.window.count <= window, "a window has at most its limit of ids")
        precondition(state.olderMentions <= state.older, "mentions are a part of the unread")
        var previous = state.lastRead
        for message in state.window {
            precondition(message.id > previous, "a window ascends from above last read")
            previous = message.id
        }
        precondition(
            state.window.isEmpty || previous <= state.lastMessage, "nothing is newer than last")
        return slab.blockBytes(side.sizeClass)
    }

    private func checkNewcomers() {
        var listed = 0
        var newer = none
        var slot = newestNewcomer
        while slot != none {
            let record = records[slot]
            precondition(record.newer == newer, "the list leads both ways")
            precondition(
                record.has(UserRecord.Flag.newcomer) && !record.has(UserRecord.Flag.leaving),
                "only newcomers that stay are in their list")
            listed += 1
            newer = slot
            slot = record.older
        }
        precondition(oldestNewcomer == newer, "the list ends at the oldest")
        var newcomers = 0
        index.forEachSlot { if records[$0].has(UserRecord.Flag.newcomer) { newcomers += 1 } }
        precondition(
            listed == newcomers && listed == newcomerCount, "every newcomer is in the list")
    }

    private func checkFree() {
        var free = 0
        var previous = none
        var slot = freeRecord
        while slot != none {
            precondition(records[slot].flags == 0 && records[slot].user == 0, "free is free")
            precondition(records[slot].older == previous, "the free records lead both ways")
            free += 1
            previous = slot
            slot = records[slot].newer
        }
        precondition(free == freeRecords, "free records are counted")
        let onTheMove = moving.from == none ? 0 : 1
        precondition(
            Int(records.count) == userCount + free + onTheMove, "a record is used, free or moving")
        var freeEntries = 0
        var place = freeDirty
        while place != none {
            precondition(dirtyEntries[place].slot == none, "a free entry names nobody")
            freeEntries += 1
            place = dirtyEntries[place].newer
        }
        precondition(
            Int(dirtyEntries.count) == dirtyCount + freeEntries, "an entry is used or free")
    }

    private func checkDirty() {
        var listed = 0
        var older = none
        var offset = Int64.min
        var ages = dirtyAges
        var place = dirtyHead
        while place != none {
            let entry = dirtyEntries[place]
            precondition(entry.older == older, "the dirty list leads both ways")
            precondition(entry.firstOffset >= offset, "the oldest change comes first")
            precondition(records[entry.slot].dirty == place, "a dirty user knows its entry")
            offset = entry.firstOffset
            ages.remove(entry.since)
            listed += 1
            older = place
            place = entry.newer
        }
        precondition(dirtyTail == older && listed == dirtyCount, "the dirty are counted")
        precondition(ages.isEmpty, "and so are their ages")
    }
}
