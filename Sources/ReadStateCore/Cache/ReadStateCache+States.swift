// A user's states: one block, the channels first and side by side, since a search reads only those,
// then the states. States are added behind each other and never leave before their user does, so a
// state's place among its user's is fixed. Up to 64 channels are searched one after the other; a
// larger block ends with an index, places numbered in 16 bits (32 where there are more states than
// that counts).
//
//   | owner, unused (8) | channel with change bit (8 each) | state (16 each) | index, if over 64 |

/// A resident state: its place among its user's, and where its two parts are in the slab.
struct StatePlace {
    var index: Int
    /// Offset of the channel, whose top bit says that the state changed since it was last taken.
    var channel: Int
    /// Offset of the packed state.
    var value: Int
}

extension ReadStateCache {
    static let changedBit: UInt64 = 1 << 63
    static let linearLimit = 64
    /// The size class of blocks for so many.
    static let largestLinear = UInt8(sideClasses + 31)

    // MARK: Size classes

    /// Side blocks come first, fewer than 64 classes of them: steps of 8 bytes up to 128, then
    /// eight for each doubling.
    static let sideClasses = 63
    /// Blocks of up to 16 states exactly, then eight classes for each doubling.
    static let blockClasses = 163

    static func addClasses(to slab: inout Slab) {
        for number in 0..<sideClasses {
            let bytes = number < 15 ? 16 + 8 * number : step(number - 15, from: 7)
            let added = slab.addClass(blockBytes: bytes, capacity: bytes)
            assert(sideClass(for: bytes) == added)
        }
        for number in 0..<blockClasses {
            let capacity = number < 16 ? number + 1 : step(number - 16, from: 4)
            let added = slab.addClass(blockBytes: blockBytes(capacity), capacity: capacity)
            assert(blockClass(for: capacity) == added)
            assert((capacity <= linearLimit) == (added <= largestLinear))
        }
    }

    /// The size at the end of the n-th of the eight steps to a doubling, beginning above
    /// 2^exponent.
    private static func step(_ number: Int, from exponent: Int) -> Int {
        (8 + number % 8 + 1) << (exponent - 3 + number / 8)
    }

    /// The number of the first such step that reaches `size`.
    @inline(__always)
    private static func stepNumber(_ size: Int, from exponent: Int) -> Int {
        let last = size &- 1
        let doubling = 63 &- last.leadingZeroBitCount
        return (doubling &- exponent) &* 8 &+ (last &>> (doubling &- 3)) & 7
    }

    @inline(__always)
    static func sideClass(for bytes: Int) -> UInt8 {
        let number = bytes <= 128 ? max(0, (bytes &+ 7) / 8 &- 2) : 15 &+ stepNumber(bytes, from: 7)
        return UInt8(truncatingIfNeeded: number)
    }

    static func blockClass(for capacity: Int) -> UInt8 {
        let number = capacity <= 16 ? capacity - 1 : 16 + stepNumber(capacity, from: 4)
        precondition(number < blockClasses, "a user has at most `mostStates` read states")
        return UInt8(sideClasses + number)
    }

    private static func blockBytes(_ capacity: Int) -> Int {
        let index = capacity > linearLimit ? indexPlaces(capacity) * indexWidth(capacity) : 0
        return 8 + 24 * capacity + (index + 7) / 8 * 8
    }

    @inline(__always)
    static func indexPlaces(_ capacity: Int) -> Int { capacity &+ capacity / 4 }
    @inline(__always)
    static func indexWidth(_ capacity: Int) -> Int { capacity < 0xFFFF ? 2 : 4 }

    // MARK: Finding

    @inline(__always)
    func place(_ index: Int, of record: UserRecord) -> StatePlace {
        let start = Slab.offset(record.block)
        let channel = start &+ 8 &+ 8 &* index
        let value = start &+ 8 &+ 8 &* slab.capacity(record.sizeClass) &+ 16 &* index
        return StatePlace(index: index, channel: channel, value: value)
    }

    /// Where a channel's state is, if the user has one; looked for at `hint` first.
    @inline(__always)
    mutating func locate(_ channel: UInt64, of slot: UInt32, hint: UInt32) -> StatePlace? {
        if hint < records[slot].count {
            let place = place(Int(hint), of: records[slot])
            if holds(channel, at: place.channel) { return place }
        }
        return search(channel, of: slot)
    }

    @inline(never)
    private mutating func search(_ channel: UInt64, of slot: UInt32) -> StatePlace? {
        locate(channel, of: records[slot])
    }

    /// Where a channel's state is, if the user has one.
    @inline(__always)
    func locate(_ channel: UInt64, of record: UserRecord) -> StatePlace? {
        if record.count == 0 { return nil }
        let capacity = slab.capacity(record.sizeClass)
        if capacity <= Self.linearLimit { return scan(channel, of: record, capacity) }
        let channels = Slab.offset(record.block) &+ 8
        let index = Self.locateIndexed(channel, channels, capacity, in: slab.region)
        return index < 0 ? nil : place(index, of: record)
    }

    @inline(__always)
    private func holds(_ channel: UInt64, at offset: Int) -> Bool {
        slab.load(UInt64.self, at: offset) & ~Self.changedBit == channel
    }

    /// The place of a channel in a block without an index.
    @inline(__always)
    func scan(_ channel: UInt64, of record: UserRecord, _ capacity: Int) -> StatePlace? {
        let channels = Slab.offset(record.block) &+ 8
        let end = channels &+ 8 &* Int(record.count)
        var at = channels
        while at != end {
            if holds(channel, at: at) {
                return StatePlace(
                    index: (at &- channels) / 8, channel: at,
                    value: channels &+ 8 &* capacity &+ 2 &* (at &- channels))
            }
            at &+= 8
        }
        return nil
    }

    /// The place of a channel by the block's index; -1 if it is not there. Takes the region, not
    /// the cache: a large value is copied when it is handed to a function that is not inlined.
    @inline(never)
    private static func locateIndexed(
        _ channel: UInt64, _ channels: Int, _ capacity: Int, in region: borrowing Region
    ) -> Int {
        let places = indexPlaces(capacity)
        let start = channels &+ 24 &* capacity
        var place = home(channel, places)
        while true {
            let entry = indexEntry(start, place, capacity, in: region)
            if entry == 0 { return -1 }
            let found: UInt64 = region.load(at: channels &+ 8 &* (entry &- 1))
            if found & ~changedBit == channel { return entry &- 1 }
            place &+= 1
            if place == places { place = 0 }
        }
    }

    @inline(__always)
    static func indexEntry(
        _ start: Int, _ place: Int, _ capacity: Int, in region: borrowing Region
    ) -> Int {
        indexWidth(capacity) == 2
            ? Int(region.load(UInt16.self, at: start &+ 2 &* place))
            : Int(region.load(UInt32.self, at: start &+ 4 &* place))
    }

    @inline(__always)
    static func home(_ channel: UInt64, _ places: Int) -> Int {
        (Int(UserIndex.hash(channel)) &* places) &>> 32
    }

    // MARK: Adding and dropping

    /// Adds a state for a channel that the user has none of and that comes with its change bit; nil
    /// if the user may not have more.
    @inline(__always)
    mutating func append(
        _ channel: UInt64, _ state: PackedState, to slot: UInt32
    ) -> StatePlace? {
        guard mayAdd(to: slot) else { return nil }
        let index = Int(records[slot].count)
        if records[slot].block == none || index == slab.capacity(records[slot].sizeClass) {
            reserve(index + 1, at: slot)
        }
        let place = place(index, of: records[slot])
        slab.store(channel, at: place.channel)
        slab.store(state, at: place.value)
        if records[slot].sizeClass > Self.largestLinear {
            enter(channel & ~Self.changedBit, at: index, of: slot)
        }
        records[slot].count &+= 1
        stateCount &+= 1
        return place
    }

    /// Gives a user a block for at least `count` states, with the ones it has.
    mutating func reserve(_ count: Int, at slot: UInt32) {
        let old = records[slot]
        let sizeClass = Self.blockClass(for: count)
        let block = slab.allocate(sizeClass, owner: slot)
        records[slot].block = block
        records[slot].sizeClass = sizeClass
        let record = records[slot]
        let capacity = slab.capacity(sizeClass)
        if capacity > Self.linearLimit {
            let bytes = Self.indexPlaces(capacity) * Self.indexWidth(capacity)
            slab.clear(bytes, at: Slab.offset(block) + 8 + 24 * capacity)
        }
        guard old.block != none else { return }
        let states = Int(old.count)
        let from = place(0, of: old)
        let to = place(0, of: record)
        slab.copy(8 * states, from: from.channel, to: to.channel)
        slab.copy(16 * states, from: from.value, to: to.value)
        if capacity > Self.linearLimit {
            for index in 0..<states {
                let channel: UInt64 = slab.load(at: to.channel + 8 * index)
                enter(channel & ~Self.changedBit, at: index, of: slot)
            }
        }
        freeBlock(old.block, old.sizeClass)
    }

    /// Enters a state into the block's index.
    @inline(never)
    private mutating func enter(_ channel: UInt64, at index: Int, of slot: UInt32) {
        let capacity = slab.capacity(records[slot].sizeClass)
        let places = Self.indexPlaces(capacity)
        let start = Slab.offset(records[slot].block) &+ 8 &+ 24 &* capacity
        var place = Self.home(channel, places)
        while Self.indexEntry(start, place, capacity, in: slab.region) != 0 {
            place = place &+ 1 == places ? 0 : place &+ 1
        }
        if Self.indexWidth(capacity) == 2 {
            slab.store(UInt16(index + 1), at: start &+ 2 &* place)
        } else {
            slab.store(UInt32(index + 1), at: start &+ 4 &* place)
        }
    }

    /// Drops all states of a user. Its side blocks are all given back before any is moved: a block
    /// that moves is looked for among its owner's states, which must all refer to what they have.
    mutating func dropStates(_ slot: UInt32) {
        let record = records[slot]
        // A bit for each size class of side blocks.
        var freed: UInt64 = 0
        for index in 0..<Int(record.count) {
            let state: PackedState = slab.load(at: place(index, of: record).value)
            let side = SideBlock(rest: state.rest)
            guard state.isExtended, side.hasBlock else { continue }
            slab.free(side.block, side.sizeClass)
            freed |= 1 << side.sizeClass
        }
        stateCount -= Int(record.count)
        records[slot].count = 0
        records[slot].block = none
        while freed != 0 {
            let sizeClass = UInt8(freed.trailingZeroBitCount)
            freed &= freed - 1
            if slab.isLoose(sizeClass) { compactSides(sizeClass) }
        }
        if record.block != none { freeBlock(record.block, record.sizeClass) }
    }

    private mutating func freeBlock(_ block: BlockRef, _ sizeClass: UInt8) {
        slab.free(block, sizeClass)
        while let moved = slab.compact(sizeClass) { records[moved.owner].block = moved.to }
    }

    // MARK: Side blocks

    /// A side block of at least `bytes` bytes for a state.
    @inline(__always)
    mutating func allocateSide(
        _ bytes: Int, for index: Int, of slot: UInt32
    ) -> (block: BlockRef, sizeClass: UInt8) {
        let sizeClass = Self.sideClass(for: bytes)
        let block = slab.allocate(sizeClass, owner: slot)
        slab.store(UInt8(truncatingIfNeeded: index), at: Slab.offset(block) + 4)
        return (block, sizeClass)
    }

    /// Gives back a side block that no state refers to any more. Other side blocks may move.
    @inline(__always)
    mutating func freeSide(_ side: SideBlock) {
        guard side.hasBlock else { return }
        slab.free(side.block, side.sizeClass)
        if slab.isLoose(side.sizeClass) { compactSides(side.sizeClass) }
    }

    @inline(never)
    private mutating func compactSides(_ sizeClass: UInt8) {
        while let moved = slab.compact(sizeClass) {
            let record = records[resolve(moved.owner)]
            var index = Int(slab.load(UInt8.self, at: Slab.offset(moved.to) + 4))
            while true {
                precondition(index < Int(record.count), "a side block's owner refers to it")
                let value = place(index, of: record).value
                var state: PackedState = slab.load(at: value)
                var reference = SideBlock(rest: state.rest)
                if state.isExtended && reference.block == moved.from
                    && reference.sizeClass == sizeClass
                {
                    reference.block = moved.to
                    state.rest = reference.rest
                    slab.store(state, at: value)
                    break
                }
                index += 1 << 8
            }
        }
    }
}
