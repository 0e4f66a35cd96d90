// Compares what workers answer, and what they have stored, with the fold of the log: every read
// state of every user, none left out.

import Foundation
import ReadStateClient
import ReadStateCore
import ReadStateWire
import RedisLink
import TestSupport
import Testing

extension Scenario {
    /// What is wrong with a read state, or nil.
    typealias Judge = (ReadStateSummary, ReferenceFold.Expected) -> Bool

    static func isEqual(_ got: ReadStateSummary, _ expected: ReferenceFold.Expected) -> Bool {
        got.exact && got.lastRead.rawValue == expected.lastRead
            && got.lastMessage.rawValue == expected.lastMessage
            && got.unreadCount == expected.unreadCount
            && got.mentionCount == expected.mentionCount
    }

    /// Equal, or not exact and not below.
    static func isEqualOrBound(
        _ got: ReadStateSummary, _ expected: ReferenceFold.Expected
    ) -> Bool {
        if got.exact { return isEqual(got, expected) }
        return got.lastRead.rawValue == expected.lastRead
            && got.lastMessage.rawValue == expected.lastMessage
            && got.unreadCount >= expected.unreadCount
            && got.mentionCount >= expected.mentionCount
    }

    /// Asks workers for all states of all users, once their partitions have applied what was
    /// published, and expects what the fold says. Returns how many answers were not exact.
    @discardableResult
    func expectAnswers(
        within limit: Duration = ordinaryDeadline, judge: Judge = Scenario.isEqual,
        at location: SourceLocation = #_sourceLocation
    ) throws -> Int {
        var client = try QueryClient(address(), keys, timeout: limit)
        let expected = byUser()
        var wrong: [String] = []
        var inexact = 0
        for (user, states) in expected.sorted(by: { $0.key < $1.key }) {
            let minOffset = ends[partition(of: user)].map { Offset($0) }
            var got: [UInt64: ReadStateSummary] = [:]
            try client.list(UserID(user), unreadOnly: false, minOffset: minOffset) { _, page in
                for state in page { got[state.channel.rawValue] = state }
            }
            inexact += got.values.count { !$0.exact }
            wrong += differences(user, got, states, judge)
            let reply = try client.ask(.totals(UserID(user)))
            let unread = got.values.count(where: \.unread)
            let mentions = got.values.reduce(0) { $0 + $1.mentionCount }
            guard case .totals(let totals) = reply.result, totals.unreadChannels == unread,
                totals.mentionCount == mentions,
                totals.exact == got.values.allSatisfy(\.exact)
            else {
                wrong.append("totals of \(user): \(reply.result)")
                continue
            }
        }
        #expect(!expected.isEmpty, sourceLocation: location)
        #expect(
            wrong.isEmpty, "\(wrong.count) differ: \(wrong.prefix(5))", sourceLocation: location)
        return inexact
    }

    /// Reads all users' hashes and expects what the fold says: nothing is missing in the store.
    func expectStored(at location: SourceLocation = #_sourceLocation) throws {
        var client = try BlockingRedis(address())
        var wrong: [String] = []
        for (user, states) in byUser() {
            let key = keys.partition(partition(of: user)).user(user)
            let fields = try client.call("HGETALL", key).copy().elements ?? []
            wrong += differences(user, try storedStates(fields), states, Self.isEqual)
        }
        #expect(
            wrong.isEmpty, "\(wrong.count) differ: \(wrong.prefix(5))", sourceLocation: location)
    }

    /// The position that is stored for each partition.
    func storedPositions() throws -> [Int32: Int64] {
        var client = try BlockingRedis(address())
        var positions: [Int32: Int64] = [:]
        for partition in 0..<partitions {
            let key = keys.partition(partition).position
            if let text = try client.call("HGET", key, "offset").copy().text {
                positions[partition] = Int64(text)
            }
        }
        return positions
    }

    private func byUser() -> [UInt64: [UInt64: ReferenceFold.Expected]] {
        var users: [UInt64: [UInt64: ReferenceFold.Expected]] = [:]
        for (key, expected) in fold.all { users[key.user, default: [:]][key.channel] = expected }
        return users
    }

    private func differences(
        _ user: UInt64, _ got: [UInt64: ReadStateSummary],
        _ expected: [UInt64: ReferenceFold.Expected], _ judge: Judge
    ) -> [String] {
        Set(got.keys).union(expected.keys).sorted().compactMap { channel in
            // Default states are neither listed nor stored.
            let has = got[channel] ?? ReadStateSummary(default: ChannelID(channel))
            let wants = expected[channel] ?? ReferenceFold.Expected()
            return judge(has, wants) ? nil : "user \(user): \(has) is not \(wants)"
        }
    }

    private func storedStates(_ fields: [RedisValue]) throws -> [UInt64: ReadStateSummary] {
        var states: [UInt64: ReadStateSummary] = [:]
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let name = fields[index].text, name != "@",
                case .string(let value) = fields[index + 1]
            else { continue }
            let channel = try #require(UInt64(name))
            var state = ReadState()
            let problem = StoredState.decode(value.span.bytes, into: &state)
            try #require(problem == nil, "field \(name): \(String(describing: problem))")
            states[channel] = ReadStateSummary(
                channel: ChannelID(channel), lastRead: state.lastRead,
                lastMessage: state.lastMessage, unreadCount: state.unreadCount,
                mentionCount: state.mentionCount, exact: state.exact)
        }
        return states
    }
}
