// Look-ahead: what the next events of a batch will touch is asked for before they come. Each stage
// takes a group of events at a time, so many groups ahead of those being applied, and reads only
// what the stage before has asked for one group earlier:
//
//   5 groups ahead  the line of the index where the user's search begins
//   4 groups        the index entry, so the record
//   3 groups        the record, so its block's channels, and its neighbours in the recency list
//   2 groups        the channels, so the state
//   1 group         the state, so its side block
//
// Asking too early loses lines again, too late hides too little; between groups of 4 and 8 it makes
// no difference. Events may change what was found here before it is used, so it is only a hint
// where to look first: whoever takes it checks that the user or the channel is the right one.

/// What the stages hand on to each other, by the event's place in its batch.
struct LookAhead: ~Copyable {
    /// Events that a stage takes at a time, a power of two.
    static let group = 8
    /// How far ahead the stages are.
    static let distances = (
        index: 5 * group, record: 4 * group, block: 3 * group, state: 2 * group, side: group
    )
    /// As many as the first stage is ahead, and more: a power of two.
    static let places = 8 * group

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
    /// Prepares for the events from `index` on, in calls with every beginning of a group.
    @inline(never)
    mutating func lookAhead(_ batch: borrowing EventBatch, from index: Int) {
        let distances = LookAhead.distances
        let count = batch.count
        /// The places that a stage takes now. At the start of a batch it catches up with what it
        /// would have done before.
        @inline(__always)
        func forEachPlace(_ distance: Int, _ body: (Int) -> Void) {
            var at = index == 0 ? 0 : index &+ distance
            let end = min(index &+ distance &+ LookAhead.group, count)
            while at < end {
                body(at)
                at &+= 1
            }
        }
        forEachPlace(distances.index) { prefetchIndex(batch[$0].user.rawValue, $0) }
        forEachPlace(distances.record) { prefetchRecord($0) }
        forEachPlace(distances.block) { prefetchBlock(batch, $0) }
        forEachPlace(distances.state) { prefetchState(batch, $0) }
        forEachPlace(distances.side) { prefetchSide($0) }
    }

    @inline(__always)
    private mutating func prefetchIndex(_ user: UInt64, _ at: Int) {
        let hash = UserIndex.hash(user)
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
        // Whoever has no neighbour on one side has `none`, whose line nobody needs; it does no harm.
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
    private func prefetchSide(_ at: Int) {
        let step = pipeline[at]
        guard step.state != none, step.slot < records.count else { return }
        guard step.state < records[step.slot].count else { return }
        let value = place(Int(step.state), of: records[step.slot]).value
        let state: PackedState = slab.load(at: value)
        if state.isExtended {
            let side = SideBlock(rest: state.rest)
            if side.hasBlock {
                slab.prefetch(side.offset)
                slab.prefetch(side.offset &+ side.count &* side.stride)
            }
        }
    }
}
