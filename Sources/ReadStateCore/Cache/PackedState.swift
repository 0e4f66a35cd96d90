// A read state in 16 bytes, beside its 8 bytes of channel id. Most states, most of the time, are
// one of a few simple ones: nothing unread, or one message unread and that the newest. They need
// two ids that lie near each other, so the first word holds the newest message and the second the
// distance to the other one, with three bits that tell what the distance means:
//
//   message | 0 | last message (63 bits) |
//   rest    | mode (3) | distance (61)   |
//
// Everything else (two or more unread, counts beyond the window, a rewind, deleted ids, an author
// who has not caught up) is *extended*: the rest refers to a side block (SideBlock.swift). The
// newest message stays in place, so a state's line tells whether a message is new without leaving
// it.
//
//   message | 1 | last message (63 bits) |
//   rest    | what SideBlock says (32) | block (32) |

/// A read state as the cache holds it. All zero is the default state.
struct PackedState: BitwiseCopyable, Equatable {
    var message: UInt64
    var rest: UInt64

    static let fresh = PackedState(message: 0, rest: 0)
    static let extendedBit: UInt64 = 1 << 63

    /// What a state that is not extended is.
    enum Mode {
        static let nothing: UInt64 = 0
        /// One message is unread, the newest.
        static let one: UInt64 = 1
        static let oneMention: UInt64 = 2
        /// The same three with an own message: the newest own one is the last read one.
        static let nothingOwn: UInt64 = 3
        static let oneOwn: UInt64 = 4
        static let oneMentionOwn: UInt64 = 5
        /// Nothing unread, last read is last message; the distance is to the newest own message.
        static let caughtUpOwn: UInt64 = 6
        /// Read beyond the newest known message by the distance.
        static let beyond: UInt64 = 7
    }
    private static let distanceMask: UInt64 = 1 << 61 - 1

    @inline(__always)
    var isExtended: Bool { message >= Self.extendedBit }
    @inline(__always)
    var lastMessage: UInt64 { message & largestID }
    @inline(__always)
    var mode: UInt64 { rest &>> 61 }
    @inline(__always)
    private var distance: UInt64 { rest & Self.distanceMask }

    /// A state that is not extended; nil if the distance is too far.
    @inline(__always)
    private init?(_ mode: UInt64, _ message: UInt64, distance: UInt64) {
        guard distance <= Self.distanceMask else { return nil }
        self.message = message
        rest = mode &<< 61 | distance
    }

    init(message: UInt64, rest: UInt64) {
        self.message = message
        self.rest = rest
    }

    // MARK: Of states that are not extended

    @inline(__always)
    var lastRead: UInt64 {
        switch mode {
        case Mode.beyond: message &+ distance
        case Mode.caughtUpOwn: message
        default: message &- distance
        }
    }
    @inline(__always)
    var unread: Int { hasOne ? 1 : 0 }
    @inline(__always)
    var mentions: Int { mode == Mode.oneMention || mode == Mode.oneMentionOwn ? 1 : 0 }
    @inline(__always)
    private var hasOne: Bool {
        // A bit per mode: 1, 2, 4 and 5.
        (0b0011_0110 as UInt64) &>> mode & 1 == 1
    }
    @inline(__always)
    var ownsLastRead: Bool { mode >= Mode.nothingOwn && mode <= Mode.oneMentionOwn }

    /// What became of a state.
    struct Step {
        var state: PackedState
        var changed: Bool
    }

    /// The state after a newer message of somebody else; nil if that is not this short a matter, or
    /// the message is not newer. For windows of 1 or more.
    @inline(__always)
    func sent(_ id: UInt64, mention: Bool) -> PackedState? {
        guard id > message else { return nil }
        let one = mention ? Mode.oneMention : Mode.one
        switch mode {
        case Mode.nothing: return PackedState(one, id, distance: id &- message &+ distance)
        case Mode.nothingOwn:
            return PackedState(one &+ 3, id, distance: id &- message &+ distance)
        case Mode.beyond:
            let lastRead = message &+ distance
            if id > lastRead { return PackedState(one, id, distance: id &- lastRead) }
            let mode = id == lastRead ? Mode.nothing : Mode.beyond
            return PackedState(mode, id, distance: lastRead &- id)
        default: return nil
        }
    }

    /// Whether somebody else's message is surely nothing new: read, or the one that is unread.
    @inline(__always)
    func hasSeen(_ id: UInt64) -> Bool {
        !isExtended && (id <= lastRead || (hasOne && id == message))
    }

    /// The state after an own message that is newer than all.
    @inline(__always)
    func sentOwn(_ id: UInt64) -> PackedState? {
        guard id > message, mode != Mode.beyond else { return nil }
        return PackedState(Mode.nothingOwn, id, distance: 0)
    }

    /// The state after a read; nil if that is not this short a matter.
    @inline(__always)
    func read(_ id: UInt64) -> Step? {
        let lastRead = lastRead
        if id <= lastRead { return Step(state: self, changed: false) }
        let next: PackedState?
        if id > message {
            // No own message: those modes are 3 to 6.
            guard mode < Mode.nothingOwn || mode == Mode.beyond else { return nil }
            next = PackedState(Mode.beyond, message, distance: id &- message)
        } else if id == message {
            next =
                ownsLastRead
                ? PackedState(Mode.caughtUpOwn, message, distance: message &- lastRead)
                : PackedState(Mode.nothing, message, distance: 0)
        } else {
            // Between last read and the newest message: only what is not own stays this simple.
            guard mode < Mode.nothingOwn else { return nil }
            next = PackedState(mode, message, distance: message &- id)
        }
        guard let next else { return nil }
        return Step(state: next, changed: true)
    }

    /// A state of which everything known is read; nil if that is not short.
    @inline(__always)
    init?(allReadUpTo id: UInt64, last: UInt64, own: UInt64) {
        if own == 0 {
            self.init(
                id == last ? Mode.nothing : Mode.beyond, last, distance: id &- last)
        } else {
            guard id == last, own < last else { return nil }
            self.init(Mode.caughtUpOwn, last, distance: last &- own)
        }
    }

    /// The unpacked form of a state that is not extended, into a fresh `state`.
    func unpack(into state: inout ReadState) {
        state.lastMessage = MessageID(message)
        state.lastRead = MessageID(lastRead)
        if ownsLastRead {
            state.ownID = state.lastRead
        } else if mode == Mode.caughtUpOwn {
            state.ownID = MessageID(message &- distance)
        }
        if hasOne { state.window.append(UnreadMessage(state.lastMessage, mention: mentions == 1)) }
    }

    /// The packed form of a state; nil if it must be extended.
    init?(_ state: borrowing ReadState) {
        guard state.older == 0, state.exact, !state.left, state.rewindOp == .none,
            state.removed.isEmpty, state.window.count <= 1
        else { return nil }
        let message = state.lastMessage.rawValue
        let lastRead = state.lastRead.rawValue
        let own = state.ownID.rawValue
        if let unread = state.window.first {
            guard unread.id.rawValue == message, own == 0 || own == lastRead else { return nil }
            let mode = unread.mention ? Mode.oneMention : Mode.one
            self.init(mode + (own == 0 ? 0 : 3), message, distance: message - lastRead)
        } else if lastRead > message {
            guard own == 0 else { return nil }
            self.init(Mode.beyond, message, distance: lastRead - message)
        } else if own == 0 || own == lastRead {
            let mode = own == 0 ? Mode.nothing : Mode.nothingOwn
            self.init(mode, message, distance: message - lastRead)
        } else {
            guard lastRead == message, own < message else { return nil }
            self.init(Mode.caughtUpOwn, message, distance: message - own)
        }
    }
}
