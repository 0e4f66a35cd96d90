// The stored form of a read state, `readstates.v1.StoredState`
// (schemas/readstates/v1/stored.proto). Ids that lie near each other are kept as differences: a
// state that is caught up takes 9 bytes, an unread message 5 to 7. Differences wrap around at 2^64,
// so that any two ids have one.
//
// Reading is strict, because what is read will be written back: an unknown version, an unknown
// field and a state that no rule can lead to are refused, each as a value.

package import ReadStateCore

/// Why stored bytes were not taken.
package enum StoredProblem: Hashable, Sendable {
    /// Written by a newer version: nothing is wrong with the bytes, but they are not for this one.
    case unknownVersion
    /// Not what any version writes.
    case corrupt
}

/// Reads and writes a channel's field in a user's hash.
package enum StoredState {
    /// The version that is written, and the only one that is read.
    static let version: UInt32 = 0
    /// Longest window there may be (semantics: W is 0 to 1000).
    static let windowLimit = 1_000

    /// Writes `state` at the end of `bytes`.
    package static func encode(_ state: borrowing ReadState, into bytes: inout [UInt8]) {
        let lastRead = state.lastRead.rawValue
        ProtobufWriter.fixed64(2, lastRead, into: &bytes)
        var previous = lastRead
        if !state.window.isEmpty {
            let packed = ProtobufWriter.begin(3, into: &bytes)
            for index in state.window.indices {
                let unread = state.window[index]
                let ahead = unread.id.rawValue - previous
                ProtobufWriter.append(ahead << 1 | (unread.mention ? 1 : 0), to: &bytes)
                previous = unread.id.rawValue
            }
            ProtobufWriter.end(packed, into: &bytes)
        }
        ProtobufWriter.varint(4, difference(state.lastMessage.rawValue, previous), into: &bytes)
        ProtobufWriter.varint(5, UInt64(state.older), into: &bytes)
        ProtobufWriter.varint(6, UInt64(state.olderMentions), into: &bytes)
        ProtobufWriter.bool(7, !state.exact, into: &bytes)
        if state.rewindOp != .none {
            let ahead = difference(state.rewindOp.rawValue, lastRead)
            ProtobufWriter.presentVarint(8, ahead, into: &bytes)
        }
        if state.ownID != .none {
            let ahead = difference(state.ownID.rawValue, lastRead)
            ProtobufWriter.presentVarint(9, ahead, into: &bytes)
        }
        if !state.removed.isEmpty {
            let packed = ProtobufWriter.begin(10, into: &bytes)
            previous = lastRead
            for index in state.removed.indices {
                let id = state.removed[index].rawValue
                ProtobufWriter.append(difference(id, previous), to: &bytes)
                previous = id
            }
            ProtobufWriter.end(packed, into: &bytes)
        }
        ProtobufWriter.bool(11, state.left, into: &bytes)
    }

    private static func difference(_ a: UInt64, _ b: UInt64) -> UInt64 {
        ProtobufWriter.zigzag(Int64(bitPattern: a &- b))
    }

    /// Reads into `state`, whatever it held before. Where there is a problem it is left at default.
    package static func decode(_ bytes: RawSpan, into state: inout ReadState) -> StoredProblem? {
        state.reset()
        var reader = ProtobufReader(bytes)
        let problem = read(&reader, into: &state)
        if problem != nil { state.reset() }
        return problem
    }

    private static func read(
        _ reader: inout ProtobufReader, into state: inout ReadState
    ) -> StoredProblem? {
        var lastRead: UInt64 = 0
        // Differences are resolved where they stand, so fields must come in order, as written.
        var previousNumber: UInt32 = 0
        var newest: UInt64 = 0
        var messageAhead: Int64 = 0
        while let tag = reader.nextTag() {
            guard tag.number > previousNumber else { return .corrupt }
            previousNumber = tag.number
            switch tag {
            case .varint(1): if reader.varint() != UInt64(version) { return .unknownVersion }
            case .fixed64(2):
                lastRead = reader.fixed64()
                newest = lastRead
            case .bytes(3):
                guard let last = readWindow(&reader, above: lastRead, into: &state) else {
                    return .corrupt
                }
                newest = last
            case .varint(4): messageAhead = reader.zigzag()
            case .varint(5): state.older = reader.uint32()
            case .varint(6): state.olderMentions = reader.uint32()
            case .varint(7): state.exact = !reader.bool()
            case .varint(8): state.rewindOp = MessageID(lastRead &+ reader.ahead())
            case .varint(9): state.ownID = MessageID(lastRead &+ reader.ahead())
            case .bytes(10):
                guard readRemoved(&reader, from: lastRead, into: &state) else { return .corrupt }
            case .varint(11): state.left = reader.bool()
            default: return tag.number > 11 ? .unknownVersion : .corrupt
            }
        }
        state.lastRead = MessageID(lastRead)
        state.lastMessage = MessageID(newest &+ UInt64(bitPattern: messageAhead))
        return !reader.isMalformed && isSound(state) ? nil : .corrupt
    }

    /// Whether a rule can lead to a state as far as the cache relies on it: ids are ids, a window's
    /// newest is known, mentions are among the older ones, and of a channel that was left nothing
    /// else is known.
    private static func isSound(_ state: borrowing ReadState) -> Bool {
        let isLimited =
            state.lastRead.rawValue <= largestID && state.lastMessage.rawValue <= largestID
            && state.rewindOp.rawValue <= largestID && state.ownID.rawValue <= largestID
        let newest = state.window.last?.id ?? .none
        guard isLimited, newest <= state.lastMessage, state.olderMentions <= state.older else {
            return false
        }
        if !state.left { return true }
        var nothing = ReadState()
        nothing.left = true
        return state == nothing
    }

    /// The newest id of the window; nil if it is not one.
    private static func readWindow(
        _ reader: inout ProtobufReader, above lastRead: UInt64, into state: inout ReadState
    ) -> UInt64? {
        var packed = reader.message()
        var id = lastRead
        while !packed.isAtEnd {
            let value = packed.varint()
            guard !packed.isMalformed, value >> 1 > 0, state.window.count < windowLimit else {
                return nil
            }
            id &+= value >> 1
            // Two numbers below 2^63 have a sum below 2^64, so no overflow passes here.
            guard id <= largestID else { return nil }
            state.window.append(UnreadMessage(MessageID(id), mention: value & 1 == 1))
        }
        return state.window.isEmpty ? nil : id
    }

    private static func readRemoved(
        _ reader: inout ProtobufReader, from lastRead: UInt64, into state: inout ReadState
    ) -> Bool {
        var packed = reader.message()
        var id = lastRead
        while !packed.isAtEnd {
            id &+= packed.ahead()
            guard !packed.isMalformed, id >= 1, id <= largestID,
                state.removed.count < ReadState.removedLimit
            else { return false }
            state.removed.append(MessageID(id))
        }
        return !state.removed.isEmpty
    }
}

extension ProtobufReader {
    /// A difference between two ids, modulo 2^64.
    fileprivate mutating func ahead() -> UInt64 { UInt64(bitPattern: zigzag()) }
}
