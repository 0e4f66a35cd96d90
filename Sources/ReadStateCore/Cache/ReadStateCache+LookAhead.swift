// Look-ahead: what the next events of a batch will touch is asked for before they come. Before
// every eighth event, each of five stages goes through eight events, and reads only what the stage
// before has asked for eight events earlier:
//
//   40 ahead  the line of the index where the user's search begins
//   32 ahead  the index entry, so the record
//   24 ahead  the record, so its block's channels
//   16 ahead  the channels, so the state
//    8 ahead  the state, so its side block
//
// Asking too early loses lines again, too late hides too little; between 12 and 32 it makes no
// difference. A stage for eight events is a loop so short that all it needs is in registers; one
// event after the other, with all stages for each, took twice the instructions. Events may change
// what was found here before it is used, so it is only a hint where to look first: whoever takes it
// checks that the user or the channel is the right one.

/// What the stages hand on to each other, by the event's place in its batch.
struct LookAhead: ~Copyable {
    static let group = 8
    static let distances = (index: 40, record: 32, block: 24, state: 16, side: 8)
    /// As many as the first stage gets ahead, and more: a power of two.
    static let places = 64

    /// An event on its way: its user's hash, the user's slot, where its state is.
    struct Step: BitwiseCopyable {
        var hash: UInt32 = 0
        var slot = none
        /// The state's place among its user's; as many as there are, or more, if it has none yet.
        var state = none
        /// Where the state is in the slab, in units of 8 bytes.
        var value: UInt32 = 0
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
        if index & (LookAhead.group - 1) == 0 { runStages(batch, from: index) }
    }

    @inline(never)
    private mutating func runStages(_ batch: borrowing EventBatch, from index: Int) {
        let distances = LookAhead.distances
        let count = batch.count
        precondition(index >= 0 && index < count, "what is looked at is in the batch")
        // At the start of a batch each stage catches up with what it would have done before.
        func events(_ distance: Int) -> Range<Int> {
            let end = min(index &+ distance &+ LookAhead.group, count)
            return index == 0 ? 0..<end : min(index &+ distance, end)..<end
        }
        prefetchIndex(batch, events(distances.index))
        prefetchRecords(events(distances.record))
        prefetchBlocks(batch, events(distances.block))
        prefetchStates(batch, events(distances.state))
        prefetchSides(events(distances.side))
    }

    @inline(__always)
    private mutating func prefetchIndex(_ batch: borrowing EventBatch, _ events: Range<Int>) {
        for at in events {
            // `events` ends within the batch, here and below.
            let hash = unsafe UserIndex.hash(batch[unchecked: at].user.rawValue)
            pipeline[at].hash = hash
            index.prefetch(hash: hash)
        }
    }

    @inline(__always)
    private mutating func prefetchRecords(_ events: Range<Int>) {
        for at in events {
            let slot = index.probableSlot(hash: pipeline[at].hash)
            pipeline[at].slot = slot
            if slot != none { records.prefetch(slot) }
        }
    }

    @inline(__always)
    private mutating func prefetchBlocks(_ batch: borrowing EventBatch, _ events: Range<Int>) {
        for at in events {
            let slot = pipeline[at].slot
            guard slot < records.count else { continue }
            // Where there is no block, lines that nobody needs are asked for: it does no harm.
            let start = Slab.offset(records[slot].block)
            slab.prefetch(start)
            // Half of the blocks are no longer than these two.
            slab.prefetch(start &+ 64)
            if records[slot].sizeClass > Self.largestLinear {
                unsafe prefetchChannelIndex(batch[unchecked: at].channel.rawValue, of: slot)
            } else {
                // Where the channels end. What is between, the processor asks for by itself.
                slab.prefetch(start &+ 8 &* Int(records[slot].count))
            }
        }
    }

    @inline(never)
    private mutating func prefetchChannelIndex(_ channel: UInt64, of slot: UInt32) {
        let capacity = slab.capacity(records[slot].sizeClass)
        let home = Self.home(channel, Self.indexPlaces(capacity))
        let start = Slab.offset(records[slot].block) &+ 8 &+ 24 &* capacity
        slab.prefetch(start &+ home &* Self.indexWidth(capacity))
    }

    @inline(__always)
    private mutating func prefetchStates(_ batch: borrowing EventBatch, _ events: Range<Int>) {
        for at in events {
            let slot = pipeline[at].slot
            pipeline[at].state = none
            guard slot < records.count, records[slot].block != none else { continue }
            let channel = unsafe batch[unchecked: at].channel.rawValue
            let sizeClass = records[slot].sizeClass
            if sizeClass > Self.largestLinear {
                prefetchIndexedState(channel, of: slot, at)
                continue
            }
            // The lower half of a channel is enough for a guess.
            let half = UInt32(truncatingIfNeeded: channel)
            let channels = Slab.offset(records[slot].block) &+ 8
            let count = Int(records[slot].count)
            var state = 0
            while state < count {
                let found = slab.region.match(half, at: channels &+ 8 &* state)
                state &+= found == 0 ? 8 : found.trailingZeroBitCount
                if found != 0 { break }
            }
            let value = channels &+ 8 &* slab.capacity(sizeClass) &+ 16 &* state
            slab.prefetch(value)
            // One state in eight lies across the end of a line.
            slab.prefetch(value &+ 8)
            pipeline[at].state = UInt32(truncatingIfNeeded: state)
            pipeline[at].value = UInt32(truncatingIfNeeded: value / 8)
        }
    }

    /// The same for a user with many states. The index's first entry is nearly always the right
    /// one; its channel is not there yet.
    @inline(never)
    private mutating func prefetchIndexedState(_ channel: UInt64, of slot: UInt32, _ at: Int) {
        let capacity = slab.capacity(records[slot].sizeClass)
        let home = Self.home(channel, Self.indexPlaces(capacity))
        let start = Slab.offset(records[slot].block) &+ 8
        let entry = Self.indexEntry(start &+ 24 &* capacity, home, capacity, in: slab.region)
        guard entry > 0, entry <= Int(records[slot].count) else { return }
        let place = place(entry &- 1, of: records[slot])
        slab.prefetch(place.channel)
        slab.prefetch(place.value)
        pipeline[at].state = UInt32(truncatingIfNeeded: place.index)
        pipeline[at].value = UInt32(truncatingIfNeeded: place.value / 8)
    }

    @inline(__always)
    private mutating func prefetchSides(_ events: Range<Int>) {
        for at in events {
            let step = pipeline[at]
            guard step.slot < records.count, step.state < records[step.slot].count else { continue }
            let value = Int(step.value) &* 8
            let state: PackedState = slab.load(at: value)
            // Whether there is a side block is as good as random: rather than to branch, its state
            // is asked for again where there is none.
            let extended = Int(truncatingIfNeeded: Int64(bitPattern: state.message) &>> 63)
            let side = SideBlock(rest: state.rest)
            let start = value ^ (value ^ side.offset) & extended
            slab.prefetch(start)
            // The end of most blocks, where the window's newest ids are.
            slab.prefetch(start &+ 8 &* Int(side.sizeClass) &+ 8)
        }
    }
}
