// Look-ahead: what the next events of a batch will touch is asked for before they come. Each stage looks
// at one event, a fixed number of places ahead of the one being applied, and reads only what the stage
// before has asked for some events earlier:
//
//   24 ahead  the line of the index where the user's search begins
//   18 ahead  the index entry, so the record
//   12 ahead  the record, so its block's channels, and its neighbours in the recency list
//    7 ahead  the channels, so the state
//    3 ahead  the state, so its side block
//
// Asking too early loses lines again, too late hides too little; between 12 and 32 it makes no
// difference. Nothing depends on what is found here: events may change it before they are applied.

/// What the stages hand on to each other, by the event's place in its batch.
struct LookAhead {
    static let distances = (index: 24, record: 18, block: 12, state: 7, side: 3)
    var slots = InlineArray<32, UInt32>(repeating: none)
    var values = InlineArray<32, Int>(repeating: -1)
}

extension ReadStateCache {
    /// Prepares for the events behind `index`, in calls with each index from 0 on.
    @inline(__always)
    package mutating func lookAhead(_ batch: borrowing EventBatch, from index: Int) {
        let distances = LookAhead.distances
        let count = batch.count
        if index == 0 { fillPipeline(batch, count) }
        if index &+ distances.index < count {
            prefetchIndex(batch[index &+ distances.index])
        }
        if index &+ distances.record < count {
            prefetchRecord(batch[index &+ distances.record], index &+ distances.record)
        }
        if index &+ distances.block < count {
            prefetchBlock(batch[index &+ distances.block], index &+ distances.block)
        }
        if index &+ distances.state < count {
            prefetchState(batch[index &+ distances.state], index &+ distances.state)
        }
        if index &+ distances.side < count { prefetchSide(index &+ distances.side) }
    }

    /// At the start of a batch each stage catches up with what it would have done before.
    @inline(never)
    private mutating func fillPipeline(_ batch: borrowing EventBatch, _ count: Int) {
        let distances = LookAhead.distances
        for at in 0..<min(distances.index, count) { prefetchIndex(batch[at]) }
        for at in 0..<min(distances.record, count) { prefetchRecord(batch[at], at) }
        for at in 0..<min(distances.block, count) { prefetchBlock(batch[at], at) }
        for at in 0..<min(distances.state, count) { prefetchState(batch[at], at) }
        for at in 0..<min(distances.side, count) { prefetchSide(at) }
    }

    @inline(__always)
    private func prefetchIndex(_ event: Event) { index.prefetch(event.user.rawValue) }

    @inline(__always)
    private mutating func prefetchRecord(_ event: Event, _ at: Int) {
        let slot = index.probableSlot(event.user.rawValue)
        pipeline.slots[at & 31] = slot
        if slot != none { records.prefetch(slot) }
    }

    @inline(__always)
    private mutating func prefetchBlock(_ event: Event, _ at: Int) {
        let slot = pipeline.slots[at & 31]
        guard slot < records.count else { return }
        let record = records[slot]
        if record.newer != none { records.prefetch(record.newer) }
        if record.older != none { records.prefetch(record.older) }
        guard record.user == event.user.rawValue, record.count > 0 else {
            pipeline.slots[at & 31] = none
            return
        }
        let start = Slab.offset(record.block)
        let capacity = slab.capacity(record.sizeClass)
        if capacity <= Self.linearLimit {
            slab.prefetch(start)
            if record.count > 7 { slab.prefetch(start &+ 64) }
        } else {
            let home = Self.home(event.channel.rawValue, Self.indexPlaces(capacity))
            slab.prefetch(start &+ 8 &+ 24 &* capacity &+ home &* Self.indexWidth(capacity))
        }
    }

    @inline(__always)
    private mutating func prefetchState(_ event: Event, _ at: Int) {
        let slot = pipeline.slots[at & 31]
        pipeline.values[at & 31] = -1
        guard slot < records.count else { return }
        let record = records[slot]
        guard record.count > 0 else { return }
        let capacity = slab.capacity(record.sizeClass)
        if capacity <= Self.linearLimit {
            guard let place = locate(event.channel.rawValue, of: record) else { return }
            slab.prefetch(place.value)
            pipeline.values[at & 31] = place.value
        } else {
            // The index's first entry is nearly always the right one; its channel is not there yet.
            let home = Self.home(event.channel.rawValue, Self.indexPlaces(capacity))
            let start = Slab.offset(record.block) &+ 8
            let entry = indexEntry(start &+ 24 &* capacity, home, capacity)
            guard entry > 0, entry <= Int(record.count) else { return }
            let place = place(entry &- 1, of: record)
            slab.prefetch(place.channel)
            slab.prefetch(place.value)
            pipeline.values[at & 31] = place.value
        }
    }

    @inline(__always)
    private func prefetchSide(_ at: Int) {
        let value = pipeline.values[at & 31]
        guard value >= 0 else { return }
        let state: PackedState = slab.load(at: value)
        if state.isExtended {
            let side = SideBlock(rest: state.rest)
            if side.hasBlock {
                slab.prefetch(side.offset)
                slab.prefetch(side.offset &+ side.bytes)
            }
        }
    }
}
