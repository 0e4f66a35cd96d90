// Look-ahead: what the next events of a batch will touch is asked for before they come. Each stage
// looks at one event, a fixed number of places ahead of the one being applied, and reads only what
// the stage before has asked for some events earlier:
//
//   24 ahead  the line of the index where the user's search begins
//   18 ahead  the index entry, so the record
//   12 ahead  the record, so its block's channels, and its neighbours in the recency list
//    7 ahead  the channels, so the state
//    3 ahead  the state, so its side block
//
// Asking too early loses lines again, too late hides too little; between 12 and 32 it makes no
// difference. Events may change what was found here before it is used, so it is only a hint where
// to look first: whoever takes it checks that the user or the channel is the right one.

/// What the stages hand on to each other, by the event's place in its batch.
struct LookAhead: ~Copyable {
    static let distances = (index: 24, record: 18, block: 12, state: 7, side: 3)
    /// As many as the first stage is ahead, and more: a power of two.
    static let places = 32

    /// An event on its way: its user's hash, the user's slot, where its state is.
    struct Step: BitwiseCopyable {
        var hash: UInt32 = 0
        var slot = none
        /// The state's place among its user's, `none` where there is none yet.
        var state = none
        var unused: UInt32 = 0
    }
    private var steps = Table<Step>()

    init() { for _ in 0..<Self.places { _ = steps.append(Step()) } }

    @inline(__always)
    subscript(index: Int) -> Step {
        get { steps[UInt32(truncatingIfNeeded: index & (Self.places - 1))] }
        _modify { yield &steps[UInt32(truncatingIfNeeded: index & (Self.places - 1))] }
    }
}

extension ReadStateCache {
    /// Prepares for the events behind `index`, in calls with each index from 0 on.
    @inline(__always)
    mutating func lookAhead(_ batch: borrowing EventBatch, from index: Int) {
        let distances = LookAhead.distances
        if index == 0 { fillPipeline(batch) }
        // The farther stages end first: most of the time one comparison is enough.
        let left = batch.count &- index
        if left > distances.side { prefetchSide(index &+ distances.side) }
        if left > distances.state { prefetchState(batch, index &+ distances.state) }
        if left > distances.block { prefetchBlock(batch, index &+ distances.block) }
        if left > distances.record { prefetchRecord(index &+ distances.record) }
        if left > distances.index { prefetchIndex(batch, index &+ distances.index) }
    }

    /// At the start of a batch each stage catches up with what it would have done before.
    @inline(never)
    private mutating func fillPipeline(_ batch: borrowing EventBatch) {
        let distances = LookAhead.distances
        let count = batch.count
        for at in 0..<min(distances.index, count) { prefetchIndex(batch, at) }
        for at in 0..<min(distances.record, count) { prefetchRecord(at) }
        for at in 0..<min(distances.block, count) { prefetchBlock(batch, at) }
        for at in 0..<min(distances.state, count) { prefetchState(batch, at) }
        for at in 0..<min(distances.side, count) { prefetchSide(at) }
    }

    @inline(__always)
    private mutating func prefetchIndex(_ batch: borrowing EventBatch, _ at: Int) {
        let hash = UserIndex.hash(batch[at].user.rawValue)
        pipeline[at].hash = hash
        index.prefetch(hash: hash)
    }

    @inline(__always)
    private mutating func prefetchRecord(_ at: Int) {
        let slot = index.probableSlot(hash: pipeline[at].hash)
        pipeline[at].slot = slot
        if slot != none { records.prefetch(slot) }
    }

    @inline(__always)
    private mutating func prefetchBlock(_ batch: borrowing EventBatch, _ at: Int) {
        let slot = pipeline[at].slot
        guard slot < records.count else { return }
        let record = records[slot]
        // Where there is no neighbour, a line that nobody needs is asked for: it does no harm.
        records.prefetch(record.newer)
        records.prefetch(record.older)
        guard record.user == batch[at].user.rawValue, record.block != none else {
            pipeline[at].slot = none
            return
        }
        let start = Slab.offset(record.block)
        let capacity = slab.capacity(record.sizeClass)
        if capacity <= Self.linearLimit {
            slab.prefetch(start)
            if record.count > 7 { slab.prefetch(start &+ 64) }
            if record.count > 15 { slab.prefetch(start &+ 128) }
        } else {
            let home = Self.home(batch[at].channel.rawValue, Self.indexPlaces(capacity))
            slab.prefetch(start &+ 8 &+ 24 &* capacity &+ home &* Self.indexWidth(capacity))
        }
    }

    @inline(__always)
    private mutating func prefetchState(_ batch: borrowing EventBatch, _ at: Int) {
        let slot = pipeline[at].slot
        pipeline[at].state = none
        guard slot < records.count else { return }
        let record = records[slot]
        guard record.block != none else { return }
        let capacity = slab.capacity(record.sizeClass)
        if capacity <= Self.linearLimit {
            let channel = batch[at].channel.rawValue
            guard let place = scan(channel, of: record, capacity) else { return }
            slab.prefetch(place.value)
            pipeline[at].state = UInt32(truncatingIfNeeded: place.index)
        } else {
            prefetchIndexedState(batch[at].channel.rawValue, of: record, capacity, at)
        }
    }

    /// The same for a user with many states. The index's first entry is nearly always the right
    /// one; its channel is not there yet.
    @inline(never)
    private mutating func prefetchIndexedState(
        _ channel: UInt64, of record: UserRecord, _ capacity: Int, _ at: Int
    ) {
        let home = Self.home(channel, Self.indexPlaces(capacity))
        let start = Slab.offset(record.block) &+ 8
        let entry = Self.indexEntry(start &+ 24 &* capacity, home, capacity, in: slab.region)
        guard entry > 0, entry <= Int(record.count) else { return }
        let place = place(entry &- 1, of: record)
        slab.prefetch(place.channel)
        slab.prefetch(place.value)
        pipeline[at].state = UInt32(truncatingIfNeeded: place.index)
    }

    @inline(__always)
    private mutating func prefetchSide(_ at: Int) {
        let step = pipeline[at]
        guard step.state != none, step.slot < records.count else { return }
        guard step.state < records[step.slot].count else { return }
        let value = place(Int(step.state), of: records[step.slot]).value
        let state: PackedState = slab.load(at: value)
        if state.isExtended {
            let side = SideBlock(rest: state.rest)
            if side.hasBlock {
                slab.prefetch(side.offset)
                if side.count > 5 { slab.prefetch(side.offset &+ side.count &* side.stride) }
            }
        }
    }
}
