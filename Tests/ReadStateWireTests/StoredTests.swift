import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateWire

@Suite struct StoredTests {
    private func encoded(_ state: ReadState) -> [UInt8] {
        var bytes: [UInt8] = []
        StoredState.encode(state, into: &bytes)
        return bytes
    }

    /// The state in these bytes, read over one that is full of other things.
    private func decode(_ bytes: [UInt8]) -> (StoredProblem?, ReadState) {
        var numbers = SeededNumbers(seed: UInt64(bytes.count))
        var state = randomState(&numbers)
        let problem = StoredState.decode(bytes.span.bytes, into: &state)
        return (problem, state)
    }

    private func randomState(_ numbers: inout SeededNumbers) -> ReadState {
        var state = ReadState()
        if numbers.chance(30) {
            state.left = true
            return state
        }
        func id() -> MessageID { MessageID(numbers.chance(3) ? 0 : numbers.id()) }
        state.lastRead = id()
        state.lastMessage = numbers.chance(2) ? state.lastRead : id()
        var last = state.lastRead.rawValue
        let step = UInt64(1) << UInt64(1 + numbers.below(60))
        for _ in 0..<numbers.below(40) {
            last += 1 + numbers.next() % step
            if last > UInt64(Int64.max) { break }
            state.window.append(UnreadMessage(MessageID(last), mention: numbers.chance(3)))
        }
        state.lastMessage = max(state.lastMessage, state.window.last?.id ?? .none)
        if numbers.chance(2) { state.older = UInt32(truncatingIfNeeded: numbers.next()) }
        if numbers.chance(2) { state.olderMentions = min(state.older, 300) }
        state.exact = numbers.chance(2)
        state.rewindOp = id()
        state.ownID = id()
        for _ in 0..<numbers.below(ReadState.removedLimit + 1) {
            state.removed.append(MessageID(numbers.id()))
        }
        return state
    }

    /// Random states are written as protoc writes them and read back the same.
    @Test func randomStatesAgree() throws {
        var numbers = SeededNumbers(seed: 61)
        let states = (0..<2000).map { _ in randomState(&numbers) }
        let theirs = try Protoc.encode(states.map(text), type: "StoredState", file: "stored")
        try #require(theirs.count == states.count)
        for (state, bytes) in zip(states, theirs) {
            #expect(encoded(state) == bytes)
            let (problem, read) = decode(bytes)
            #expect(problem == nil && read == state)
        }
    }

    /// Sizes, on which the memory of Redis rests: a caught-up state is 9 bytes, and so many unread
    /// messages fit beside it into the 64 bytes of a compact hash's field (schemas/README.md).
    @Test func sizes() {
        let millisecond = UInt64(1) << 22
        var state = ReadState()
        state.lastRead = MessageID(997_957_682_943_471_728)
        state.lastMessage = state.lastRead
        #expect(encoded(state).count == 9)
        state.ownID = state.lastRead
        #expect(encoded(state).count == 11)
        state.ownID = .none
        for (gap, fitting) in [(UInt64(1000), 10), (60_000, 8), (3_600_000, 7), (86_400_000, 6)] {
            var state = state
            var count = 0
            while true {
                let newest = MessageID(state.lastMessage.rawValue + gap * millisecond)
                state.lastMessage = newest
                state.window.append(UnreadMessage(newest, mention: count % 3 == 0))
                if encoded(state).count > 64 { break }
                count += 1
            }
            #expect(count == fitting, "one each \(gap) ms")
        }
    }

    /// The largest window, and any two ids however far apart, survive.
    @Test func limits() {
        var state = ReadState()
        state.lastRead = MessageID(1)
        state.lastMessage = MessageID(UInt64(Int64.max))
        state.rewindOp = MessageID(UInt64(Int64.max))
        state.ownID = MessageID(1)
        state.removed = [MessageID(UInt64(Int64.max)), MessageID(1), MessageID(UInt64(Int64.max))]
        for index in 0..<UInt64(1000) {
            state.window.append(UnreadMessage(MessageID(index + 2), mention: index % 2 == 0))
        }
        (state.older, state.olderMentions) = (.max, .max)
        #expect(decode(encoded(state)) == (nil, state))
        state.window.append(UnreadMessage(MessageID(5000), mention: false))
        #expect(decode(encoded(state)).0 == .corrupt)
        #expect(decode([]) == (nil, ReadState()))
    }

    /// A newer version, or a field that only a newer one can have, is told as such.
    @Test(
        arguments: [
            [0x08, 1], [0x08, 0x80, 0x01], [0x08, 1, 0xff, 0xff], [0x60, 1], [0x62, 1, 0],
        ] as [[UInt8]])
    func unknownVersions(_ bytes: [UInt8]) {
        #expect(decode(bytes) == (.unknownVersion, ReadState()))
    }

    /// What no version writes is corrupt, and leaves a default state behind.
    @Test(
        arguments: [
            [0x00], [0x11, 1], [0x08], [0x10, 1],  // tags, lengths, wire types
            [0x11, 0, 0, 0, 0, 0, 0, 0, 0x80],  // last read above 2^63-1
            [0x1a, 0], [0x1a, 1, 0], [0x1a, 1, 1], [0x1a, 2, 2, 0], [0x1a, 1, 0x80],  // windows
            [0x1a, 11, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2],
            [0x20, 1], [0x20, 2, 0x11, 1, 0, 0, 0, 0, 0, 0, 0],  // below 0; out of order
            [0x28, 1, 0x28, 1], [0x40, 1], [0x48, 1], [0x50, 1], [0x52, 0], [0x52, 1, 0],
            [0x52, 1, 1],
            [0x52, 9, 2, 2, 2, 2, 2, 2, 2, 2, 2],  // removed: nine of them
            [0x58, 1, 0x58],
            [0x1a, 1, 4, 0x20, 1],  // a window's newest id above the last message
            [0x30, 1], [0x28, 1, 0x30, 2],  // more mentions than older ones
            [0x20, 2, 0x58, 1], [0x38, 1, 0x58, 1],  // left, and something else
        ] as [[UInt8]])
    func corrupt(_ bytes: [UInt8]) {
        #expect(decode(bytes) == (.corrupt, ReadState()))
    }

    /// A user's applied offset survives; without one, below 0, or with none behind it, the field is
    /// corrupt.
    @Test func storedUser() {
        for offset in [0, 1, 127, 128, Int64.max - 1] {
            var bytes: [UInt8] = []
            StoredUser(appliedOffset: Offset(offset)).encode(into: &bytes)
            var user = StoredUser(appliedOffset: Offset(-5))
            let problem = user.decode(bytes.span.bytes)
            #expect(problem == nil && user.appliedOffset == Offset(offset))
        }
        for (bytes, expected) in [
            ([], StoredProblem.corrupt), ([0x10], .corrupt), ([0x12, 0], .corrupt),
            ([0x10, 1, 0x10, 1], .corrupt), ([0x08, 1, 0x10, 1], .unknownVersion),
            ([0x10, 1, 0x18, 1], .unknownVersion),
            ([0x10] + [UInt8](repeating: 0xff, count: 9) + [1], .corrupt),
            ([0x10] + [UInt8](repeating: 0xff, count: 8) + [0x7f], .corrupt),
        ] as [([UInt8], StoredProblem)] {
            var user = StoredUser(appliedOffset: Offset(5))
            let problem = user.decode(bytes.span.bytes)
            #expect(problem == expected && user.appliedOffset == Offset(5))
        }
    }

    private func text(_ state: ReadState) -> String {
        var text = "last_read_id: \(state.lastRead.rawValue)\n"
        var previous = state.lastRead.rawValue
        for unread in state.window {
            text += "window: \((unread.id.rawValue - previous) * 2 + (unread.mention ? 1 : 0))\n"
            previous = unread.id.rawValue
        }
        func ahead(_ id: MessageID, of other: UInt64) -> Int64 { Int64(id.rawValue) - Int64(other) }
        text += "last_message_ahead: \(ahead(state.lastMessage, of: previous))\n"
        text += "older: \(state.older) older_mentions: \(state.olderMentions)\n"
        text += "inexact: \(!state.exact) left: \(state.left)\n"
        let lastRead = state.lastRead.rawValue
        if state.rewindOp != .none {
            text += "rewind_op_ahead: \(ahead(state.rewindOp, of: lastRead))\n"
        }
        if state.ownID != .none { text += "own_id_ahead: \(ahead(state.ownID, of: lastRead))\n" }
        previous = lastRead
        for id in state.removed {
            text += "removed: \(ahead(id, of: previous))\n"
            previous = id.rawValue
        }
        return text
    }
}
