// What an extended read state keeps beside its 24 bytes: how far back the last read id is, the
// window, and the rare fields only where they ever occurred.
//
//   | owner (4) | state (1) | distance (5 or 7) | rare fields, if any | gap, mention (5 to 8) ...
//
// Ids hang on each other, beginning with the newest message, which the state holds:
//
//   last read <-- distance -- oldest <-- gap -- ... <-- gap -- newest message
//
// A gap is to the next newer id, the last one to the newest message itself, whether that is unread
// (*implied*, as it mostly is) or not. So a new message writes one gap behind the others and leaves
// them alone. Five bytes reach two minutes, six nine hours, seven 99 days. The distance reaches 18
// hours, and everything where it is *far*. Its lowest byte is in the state; in a *small* block, one
// of 16 bytes, which has at most one entry, so are nine more bits: a year. Entries are written with
// their mention in the top bit, oldest first.
//
// Owner and state (the low bits of the state's place among its user's) find the state that refers
// to the block when the slab moves it.

/// The `rest` of an extended state: where its side block is, and how to read it.
///
///     | class (6) | distance (8) | flags (6) | stride (2) | entries (10) | block (32) |
///                                                         | distance (9), entries (1) | if small
struct SideBlock: BitwiseCopyable {
    var rest: UInt64

    enum Flag {
        /// The newest message is unread: the window's newest id.
        static let implied: UInt64 = 1 << 44
        /// ... and it is a mention.
        static let impliedMention: UInt64 = 1 << 45
        /// Nothing was ever read: the distance means nothing.
        static let neverRead: UInt64 = 1 << 46
        /// The distance takes seven bytes of the block.
        static let far: UInt64 = 1 << 47
        /// There are rare fields.
        static let rare: UInt64 = 1 << 48
        /// The newest own message is the last read one.
        static let ownIsRead: UInt64 = 1 << 49
    }

    private static let distancePlace: UInt64 = 50
    private static let classPlace: UInt64 = 58
    private static let morePlace: UInt64 = 33
    private static let moreMask: UInt64 = 0x1FF
    static let noClass: UInt8 = 63
    static let smallBytes = 16
    /// The state of a channel that the user left: nothing else is known of it.
    static let left = SideBlock(rest: UInt64(noClass) << classPlace | UInt64(none))

    @inline(__always)
    init(rest: UInt64) { self.rest = rest }
    /// Without a block yet.
    @inline(__always)
    init() { self = Self.left }

    @inline(__always)
    var block: BlockRef {
        get { BlockRef(truncatingIfNeeded: rest) }
        set { rest = rest & ~UInt64(UInt32.max) | UInt64(newValue) }
    }
    @inline(__always)
    var sizeClass: UInt8 {
        get { UInt8(truncatingIfNeeded: rest &>> Self.classPlace) }
        set { rest = rest & (1 &<< Self.classPlace &- 1) | UInt64(newValue) &<< Self.classPlace }
    }
    /// Whether it is of the smallest class, the first one.
    @inline(__always)
    var isSmall: Bool { rest &>> Self.classPlace == 0 }
    @inline(__always)
    private var countMask: UInt64 { isSmall ? 1 : 0x3FF }
    /// Ids in the block.
    @inline(__always)
    var entryCount: Int {
        get { Int(truncatingIfNeeded: rest &>> 32 & countMask) }
        set {
            let count = UInt64(truncatingIfNeeded: newValue)
            assert(count <= countMask)
            rest = rest & ~(countMask &<< 32) | count &<< 32
        }
    }
    /// Ids in the window, the implied one included.
    @inline(__always)
    var count: Int { entryCount &+ (has(Flag.implied) ? 1 : 0) }
    /// Whether it is laid out the same in a larger block: not if it is small and its distance has
    /// bits where others count their entries.
    @inline(__always)
    var keepsLayout: Bool { !isSmall || rest &>> Self.morePlace & Self.moreMask == 0 }
    /// The same layout before it has a block.
    @inline(__always)
    var withoutBlock: SideBlock {
        var side = self
        let count = entryCount
        side.sizeClass = Self.noClass
        side.entryCount = count
        return side
    }
    /// Bytes of an entry.
    @inline(__always)
    var stride: Int {
        get { 5 &+ Int(truncatingIfNeeded: rest &>> 42 & 3) }
        set { rest = rest & ~(3 &<< 42) | UInt64(truncatingIfNeeded: newValue &- 5) &<< 42 }
    }
    @inline(__always)
    func has(_ flag: UInt64) -> Bool { rest & flag != 0 }
    @inline(__always)
    mutating func set(_ flag: UInt64, _ value: Bool) { rest = value ? rest | flag : rest & ~flag }

    /// Without a block, all that is known is that the user left the channel.
    @inline(__always)
    var hasBlock: Bool { sizeClass != Self.noClass }
    @inline(__always)
    var offset: Int { Slab.offset(block) }
    // Where the fields are, from the block's start.
    @inline(__always)
    var rareStart: Int { has(Flag.far) ? 12 : 10 }
    @inline(__always)
    func entries(_ rare: RareFields) -> Int { rareStart &+ rare.bytes }
    /// Bytes in use.
    @inline(__always)
    func bytes(_ rare: RareFields) -> Int { entries(rare) &+ entryCount &* stride }
    /// Bytes to ask for with so many `more` entries: with room for two beyond, but no more than
    /// eight for each unread message.
    @inline(__always)
    func roomyBytes(_ rare: RareFields, more: Int = 0) -> Int {
        let bytes = bytes(rare) &+ more &* stride
        return max(bytes, min(8 &* (count &+ more), bytes &+ 2 &* stride))
    }

    @inline(__always)
    func rare(in region: borrowing Region) -> RareFields {
        guard has(Flag.rare) else { return RareFields(bits: 0) }
        return RareFields(bits: region.load(at: offset &+ rareStart))
    }
    @inline(__always)
    func older(_ rare: RareFields) -> Int { offset &+ rareStart &+ rare.older }
    @inline(__always)
    func own(_ rare: RareFields) -> Int { offset &+ rareStart &+ rare.own }

    // MARK: The distance

    /// Its bits in the word behind the owner, where the state's byte has the place of its lowest.
    @inline(__always)
    private var distanceMask: UInt64 { has(Flag.far) ? ~0xFF : (1 &<< 48 &- 1) & ~0xFF }

    /// Whether a distance fits as it is.
    @inline(__always)
    func reaches(_ distance: UInt64) -> Bool {
        has(Flag.far) || distance < 1 &<< (isSmall ? 57 : 48)
    }

    /// Lays a block that has none yet out for a distance: far where it does not reach.
    @inline(__always)
    mutating func reach(_ distance: UInt64, _ rare: RareFields) {
        set(Flag.far, false)
        let isSmall = bytes(rare) <= Self.smallBytes
        set(Flag.far, distance >= 1 &<< (isSmall ? 57 : 48))
    }

    /// From the last read id to the oldest one in the block, or the newest message if it has none;
    /// where that is below last read, the negative number in two's complement.
    @inline(__always)
    func distance(in region: borrowing Region) -> UInt64 {
        let more = isSmall ? (rest &>> Self.morePlace & Self.moreMask) &<< 48 : 0
        return region.load(UInt64.self, at: offset &+ 4) & distanceMask
            | rest &>> Self.distancePlace & 0xFF | more
    }

    @inline(__always)
    mutating func setDistance(_ distance: UInt64, in slab: inout Slab) {
        rest =
            rest & ~(0xFF &<< Self.distancePlace) | (distance & 0xFF) &<< Self.distancePlace
        if isSmall {
            let more = distance &>> 48 & Self.moreMask
            rest = rest & ~(Self.moreMask &<< Self.morePlace) | more &<< Self.morePlace
        }
        let word: UInt64 = slab.load(at: offset &+ 4)
        slab.store(word & ~distanceMask | distance & distanceMask, at: offset &+ 4)
    }

    // MARK: Two unread messages

    /// Whether a window of the newest message and one more fits the smallest block.
    @inline(__always)
    static func fitsSmall(gap: UInt64, _ distance: UInt64) -> Bool {
        gap < 1 << 47 && distance < 1 << 57
    }

    /// Writes a block of the smallest class with one entry and no rare fields, as the general way
    /// below would, in two stores: every third state or so comes by here after each read.
    @inline(__always)
    mutating func writeSmall(
        _ block: BlockRef, _ slot: UInt32, _ index: Int, gap: UInt64, mention: Bool,
        _ distance: UInt64, in slab: inout Slab
    ) {
        let wide: UInt64 = gap >> 39 == 0 ? 0 : 1
        let flags = Flag.implied | Flag.impliedMention | Flag.neverRead | Flag.ownIsRead
        rest =
            rest & flags | wide &<< 42 | (distance & 0xFF) &<< Self.distancePlace
            | (distance &>> 48) &<< Self.morePlace | 1 &<< 32 | UInt64(block)
        let entry = gap | (mention ? 1 &<< (39 &+ 8 &* wide) : 0)
        let state = UInt64(truncatingIfNeeded: index & 0xFF)
        slab.store(
            UInt64(slot) | state &<< 32 | (distance &>> 8 & 0xFF_FFFF) &<< 40, at: offset)
        slab.store((distance &>> 32 & 0xFFFF) | entry &<< 16, at: offset &+ 8)
    }

    // MARK: Entries

    /// The mention's bit in an entry of this stride; gaps are below it.
    @inline(__always)
    var mentionBit: UInt64 { 1 &<< UInt64(truncatingIfNeeded: 8 &* stride &- 1) }
    @inline(__always)
    private var entryMask: UInt64 { mentionBit &<< 1 &- 1 }

    /// The smallest stride for a gap.
    @inline(__always)
    mutating func widen(for gap: UInt64) { while gap >= mentionBit { stride &+= 1 } }

    /// The entry at a place, as gap and mention bit.
    @inline(__always)
    func entry(_ index: Int, _ rare: RareFields, in region: borrowing Region) -> UInt64 {
        let place = offset &+ entries(rare) &+ index &* stride
        return region.load(UInt64.self, at: place) & entryMask
    }

    /// The newest message is unread and there are no rare fields: as most are.
    @inline(__always)
    var isPlain: Bool { rest & (Flag.implied | Flag.rare) == Flag.implied }

    /// The number of entries of a block that is plain, or a larger one where it is small, which has
    /// no room for another entry anyway.
    @inline(__always)
    var plainCount: Int { Int(truncatingIfNeeded: rest &>> 32 & 0x3FF) }

    /// What refers to the block of a plain one, after the message that was the newest was written
    /// behind the others; nil, and nothing done, where there is no room.
    @inline(__always)
    func appending(_ gap: UInt64, mention: Bool, in slab: inout Slab) -> SideBlock? {
        let start = rareStart &+ plainCount &* stride
        guard start &+ stride <= slab.blockBytes(sizeClass) else { return nil }
        let mentioned = rest &>> 45 & 1
        let bits = UInt64(truncatingIfNeeded: 8 &* stride &- 1)
        setEntry(gap | mentioned &<< bits, at: offset &+ start, in: &slab)
        let count: UInt64 = 1 &<< 32
        return SideBlock(
            rest: (rest & ~Flag.impliedMention | (mention ? Flag.impliedMention : 0)) &+ count)
    }

    /// Writes an entry, and nothing behind it.
    @inline(__always)
    func setEntry(_ entry: UInt64, at index: Int, _ rare: RareFields, in slab: inout Slab) {
        setEntry(entry, at: offset &+ entries(rare) &+ index &* stride, in: &slab)
    }

    @inline(__always)
    private func setEntry(_ entry: UInt64, at place: Int, in slab: inout Slab) {
        slab.store(UInt32(truncatingIfNeeded: entry), at: place)
        // The upper bytes, again some of the lower ones, and nothing else.
        let above = stride &- 4
        let upper = entry &>> UInt64(truncatingIfNeeded: 8 &* above)
        slab.store(UInt32(truncatingIfNeeded: upper), at: place &+ above)
    }
}

/// Which rare fields a side block has: their first byte, absent where there are none. Then follow
///
///     | older, its mentions (4 + 4) | rewind (8) | own (8) | removed (8 each) |
struct RareFields: BitwiseCopyable {
    var bits: UInt8

    enum Bit {
        static let older: UInt8 = 1 << 4
        static let rewind: UInt8 = 1 << 5
        static let own: UInt8 = 1 << 6
        static let inexact: UInt8 = 1 << 7
    }
    @inline(__always)
    func has(_ bit: UInt8) -> Bool { bits & bit != 0 }
    @inline(__always)
    var removedCount: Int { Int(bits & 0xF) }

    // Where they are, from the byte itself.
    @inline(__always)
    var older: Int { 1 }
    @inline(__always)
    var rewind: Int { older &+ (has(Bit.older) ? 8 : 0) }
    @inline(__always)
    var own: Int { rewind &+ (has(Bit.rewind) ? 8 : 0) }
    @inline(__always)
    var removed: Int { own &+ (has(Bit.own) ? 8 : 0) }
    @inline(__always)
    var bytes: Int { bits == 0 ? 0 : removed &+ 8 &* removedCount }

    @inline(__always)
    init(bits: UInt8) { self.bits = bits }

    init(of state: borrowing ReadState) {
        bits = UInt8(state.removed.count)
        if state.older > 0 { bits |= Bit.older }
        if state.rewindOp != .none { bits |= Bit.rewind }
        if state.ownID != .none && state.ownID != state.lastRead { bits |= Bit.own }
        if !state.exact { bits |= Bit.inexact }
    }
}

extension SideBlock {
    // MARK: Packing

    /// How a state that does not fit its 24 bytes is laid out; the block is yet to be found.
    init(of state: borrowing ReadState, _ rare: RareFields) {
        self.init()
        set(Flag.rare, rare.bits != 0)
        set(Flag.neverRead, state.lastRead == .none)
        set(Flag.ownIsRead, state.ownID != .none && state.ownID == state.lastRead)
        entryCount = state.window.count
        if let newest = state.window.last, newest.id == state.lastMessage {
            entryCount -= 1
            set(Flag.implied, true)
            set(Flag.impliedMention, newest.mention)
        }
        var newer = state.lastMessage.rawValue
        for index in Swift.stride(from: entryCount - 1, through: 0, by: -1) {
            let id = state.window[index].id.rawValue
            widen(for: newer - id)
            newer = id
        }
        if !has(Flag.neverRead) { reach(newer &- state.lastRead.rawValue, rare) }
    }

    /// Writes the fields of a state laid out like this into its block.
    mutating func write(
        _ state: borrowing ReadState, _ rare: RareFields, in slab: inout Slab
    ) {
        let start = offset + rareStart
        if has(Flag.rare) { slab.store(rare.bits, at: start) }
        if rare.has(RareFields.Bit.older) {
            slab.store(state.older, at: start + rare.older)
            slab.store(state.olderMentions, at: start + rare.older + 4)
        }
        if rare.has(RareFields.Bit.rewind) {
            slab.store(state.rewindOp.rawValue, at: start + rare.rewind)
        }
        if rare.has(RareFields.Bit.own) {
            slab.store(state.ownID.rawValue, at: start + rare.own)
        }
        for index in 0..<rare.removedCount {
            slab.store(state.removed[index].rawValue, at: start + rare.removed + 8 * index)
        }
        var newer = state.lastMessage.rawValue
        for index in Swift.stride(from: entryCount - 1, through: 0, by: -1) {
            let message = state.window[index]
            let gap = newer - message.id.rawValue
            setEntry(gap | (message.mention ? mentionBit : 0), at: index, rare, in: &slab)
            newer = message.id.rawValue
        }
        setDistance(has(Flag.neverRead) ? 0 : newer &- state.lastRead.rawValue, in: &slab)
    }

    /// The last read id of a state whose newest message is `message`.
    func lastRead(_ message: UInt64, _ rare: RareFields, in region: borrowing Region) -> UInt64 {
        if has(Flag.neverRead) { return 0 }
        var id = message
        for index in 0..<entryCount { id &-= entry(index, rare, in: region) & ~mentionBit }
        return id &- distance(in: region)
    }

    /// The unpacked form, into a fresh `state` whose last message is set.
    func unpack(into state: inout ReadState, from region: borrowing Region) {
        state.left = !hasBlock
        guard hasBlock else { return }
        let rare = rare(in: region)
        let start = offset + rareStart
        if rare.has(RareFields.Bit.older) {
            state.older = region.load(at: start + rare.older)
            state.olderMentions = region.load(at: start + rare.older + 4)
        }
        if rare.has(RareFields.Bit.rewind) {
            state.rewindOp = MessageID(region.load(at: start + rare.rewind))
        }
        if rare.has(RareFields.Bit.own) {
            state.ownID = MessageID(region.load(at: start + rare.own))
        }
        state.exact = !rare.has(RareFields.Bit.inexact)
        for index in 0..<rare.removedCount {
            state.removed.append(MessageID(region.load(at: start + rare.removed + 8 * index)))
        }
        // The oldest id is found from the newest; from there they ascend.
        var id = state.lastMessage.rawValue
        for index in 0..<entryCount { id &-= entry(index, rare, in: region) & ~mentionBit }
        if !has(Flag.neverRead) { state.lastRead = MessageID(id &- distance(in: region)) }
        if has(Flag.ownIsRead) { state.ownID = state.lastRead }
        for index in 0..<entryCount {
            let entry = entry(index, rare, in: region)
            state.window.append(UnreadMessage(MessageID(id), mention: entry & mentionBit != 0))
            id &+= entry & ~mentionBit
        }
        if has(Flag.implied) {
            state.window.append(
                UnreadMessage(state.lastMessage, mention: has(Flag.impliedMention)))
        }
    }
}
