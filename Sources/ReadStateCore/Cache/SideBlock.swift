// What an extended read state keeps beside its 24 bytes: the last read id, the window, and the rare
// fields only where they ever occurred. Ids of the window are held as distances from a base, six to
// eight bytes each, with the mention in the top bit; six bytes reach nine hours, seven 99 days. The
// newest message, when it is unread as it mostly is, is not repeated: the state holds its id.
//
//   | owner (4) | state (2) | base (8) | older (4+4) | rewind (8) | own (8) | removed (8 each) |
//   | distance and mention (6 to 8) | ... oldest first, without the newest where implied ...  |
//
// The base is the last read id; if nothing was ever read it is the oldest id of the window, for
// then the distances would all be as long as an id. Owner and state (the low bits of the state's
// place among its user's) find the state that refers to the block when the slab moves it.

/// The `rest` of an extended state: where its side block is, and how to read it.
struct SideBlock: BitwiseCopyable {
    var rest: UInt64

    enum Flag {
        /// The window's newest id is the last message, and is not in the block.
        static let implied: UInt64 = 1 << 44
        /// ... and it is a mention.
        static let impliedMention: UInt64 = 1 << 45
        static let older: UInt64 = 1 << 46
        static let rewind: UInt64 = 1 << 47
        static let own: UInt64 = 1 << 48
        static let inexact: UInt64 = 1 << 49
        static let left: UInt64 = 1 << 50
        /// Nothing was ever read: the base is not the last read id.
        static let neverRead: UInt64 = 1 << 51
    }

    static let noClass: UInt8 = .max
    static let headerBytes = 14
    /// The state of a channel that the user left: nothing else is known of it.
    static let left = SideBlock(
        rest: UInt64(noClass) << 56 | Flag.left | UInt64(none))

    @inline(__always)
    init(rest: UInt64) { self.rest = rest }

    @inline(__always)
    var block: BlockRef {
        get { BlockRef(truncatingIfNeeded: rest) }
        set { rest = rest & ~UInt64(UInt32.max) | UInt64(newValue) }
    }
    @inline(__always)
    var sizeClass: UInt8 {
        get { UInt8(truncatingIfNeeded: rest &>> 56) }
        set { rest = rest & ~(0xFF &<< 56) | UInt64(newValue) &<< 56 }
    }
    /// Ids in the window, the implied one included.
    @inline(__always)
    var count: Int {
        get { Int(truncatingIfNeeded: rest &>> 32 & 0x3FF) }
        set { rest = rest & ~(0x3FF &<< 32) | UInt64(truncatingIfNeeded: newValue) &<< 32 }
    }
    /// Bytes of an entry.
    @inline(__always)
    var stride: Int {
        get { 6 &+ Int(truncatingIfNeeded: rest &>> 42 & 3) }
        set { rest = rest & ~(3 &<< 42) | UInt64(truncatingIfNeeded: newValue &- 6) &<< 42 }
    }
    @inline(__always)
    var removedCount: Int {
        get { Int(truncatingIfNeeded: rest &>> 52 & 0xF) }
        set { rest = rest & ~(0xF &<< 52) | UInt64(truncatingIfNeeded: newValue) &<< 52 }
    }
    @inline(__always)
    func has(_ flag: UInt64) -> Bool { rest & flag != 0 }
    @inline(__always)
    mutating func set(_ flag: UInt64, _ value: Bool) { rest = value ? rest | flag : rest & ~flag }

    @inline(__always)
    var hasBlock: Bool { sizeClass != Self.noClass }
    @inline(__always)
    var offset: Int { Slab.offset(block) }
    /// Ids in the block.
    @inline(__always)
    var entryCount: Int { count &- (has(Flag.implied) ? 1 : 0) }

    // Where the fields are, from the block's start.
    @inline(__always)
    static var base: Int { 6 }
    @inline(__always)
    var older: Int { Self.headerBytes }
    @inline(__always)
    var rewind: Int { older &+ (has(Flag.older) ? 8 : 0) }
    @inline(__always)
    var own: Int { rewind &+ (has(Flag.rewind) ? 8 : 0) }
    @inline(__always)
    var removed: Int { own &+ (has(Flag.own) ? 8 : 0) }
    @inline(__always)
    var entries: Int { removed &+ 8 &* removedCount }
    /// Bytes in use.
    @inline(__always)
    var bytes: Int { entries &+ entryCount &* stride }

    /// The mention's bit in an entry of this stride; distances are below it.
    @inline(__always)
    var mentionBit: UInt64 { 1 &<< UInt64(truncatingIfNeeded: 8 &* stride &- 1) }
    @inline(__always)
    private var entryMask: UInt64 { mentionBit &<< 1 &- 1 }

    /// The entry at a place, as distance and mention bit.
    @inline(__always)
    func entry(_ index: Int, in region: borrowing Region) -> UInt64 {
        region.load(UInt64.self, at: offset &+ entries &+ index &* stride) & entryMask
    }

    /// Writes the entry behind all that are in use: the bytes after it are free.
    @inline(__always)
    func appendEntry(_ entry: UInt64, at index: Int, in slab: inout Slab) {
        let place = offset &+ entries &+ index &* stride
        slab.store(UInt32(truncatingIfNeeded: entry), at: place)
        slab.store(UInt16(truncatingIfNeeded: entry &>> 32), at: place &+ 4)
        if stride > 6 { slab.store(UInt8(truncatingIfNeeded: entry &>> 48), at: place &+ 6) }
        if stride > 7 { slab.store(UInt8(truncatingIfNeeded: entry &>> 56), at: place &+ 7) }
    }

    // MARK: Packing

    /// How a state that does not fit its 24 bytes is laid out; the block is yet to be found.
    init(of state: borrowing ReadState) {
        rest = 0
        set(Flag.older, state.older > 0)
        set(Flag.rewind, state.rewindOp != .none)
        set(Flag.own, state.ownID != .none)
        set(Flag.inexact, !state.exact)
        set(Flag.neverRead, state.lastRead == .none)
        removedCount = state.removed.count
        count = state.window.count
        if let newest = state.window.last, newest.id == state.lastMessage {
            set(Flag.implied, true)
            set(Flag.impliedMention, newest.mention)
        }
        stride = 6
        if entryCount > 0 {
            let furthest = state.window[entryCount - 1].id.rawValue - Self.base(of: state)
            while furthest >= mentionBit { stride += 1 }
        }
    }

    private static func base(of state: borrowing ReadState) -> UInt64 {
        if state.lastRead != .none { return state.lastRead.rawValue }
        return state.window.first?.id.rawValue ?? 0
    }

    /// Writes the fields of a state laid out like this into its block.
    func write(_ state: borrowing ReadState, in slab: inout Slab) {
        let base = Self.base(of: state)
        slab.store(base, at: offset + Self.base)
        if has(Flag.older) {
            slab.store(state.older, at: offset + older)
            slab.store(state.olderMentions, at: offset + older + 4)
        }
        if has(Flag.rewind) { slab.store(state.rewindOp.rawValue, at: offset + rewind) }
        if has(Flag.own) { slab.store(state.ownID.rawValue, at: offset + own) }
        for index in 0..<removedCount {
            slab.store(state.removed[index].rawValue, at: offset + removed + 8 * index)
        }
        for index in 0..<entryCount {
            let message = state.window[index]
            let distance = message.id.rawValue - base
            appendEntry(distance | (message.mention ? mentionBit : 0), at: index, in: &slab)
        }
    }

    /// The unpacked form, into a fresh `state` whose last message is set.
    func unpack(into state: inout ReadState, from region: borrowing Region) {
        state.left = has(Flag.left)
        guard hasBlock else { return }
        let base: UInt64 = region.load(at: offset + Self.base)
        if !has(Flag.neverRead) { state.lastRead = MessageID(base) }
        if has(Flag.older) {
            state.older = region.load(at: offset + older)
            state.olderMentions = region.load(at: offset + older + 4)
        }
        if has(Flag.rewind) { state.rewindOp = MessageID(region.load(at: offset + rewind)) }
        if has(Flag.own) { state.ownID = MessageID(region.load(at: offset + own)) }
        state.exact = !has(Flag.inexact)
        for index in 0..<removedCount {
            state.removed.append(MessageID(region.load(at: offset + removed + 8 * index)))
        }
        for index in 0..<entryCount {
            let entry = entry(index, in: region)
            state.window.append(
                UnreadMessage(
                    MessageID(base + (entry & ~mentionBit)), mention: entry & mentionBit != 0))
        }
        if has(Flag.implied) {
            state.window.append(
                UnreadMessage(state.lastMessage, mention: has(Flag.impliedMention)))
        }
    }
}
