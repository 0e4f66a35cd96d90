// Compares what workers answer, and what they have stored, with a fold of the log: every read
// state of every user, none left out. Nothing is judged here but the comparison itself: what
// differs is returned, and the caller says what that means.

import ReadStateClient
package import ReadStateCore
import ReadStateWire
package import RedisLink
package import TestSupport

/// Where the answers and the stored states of one namespace are.
package struct Comparison: Sendable {
    /// Whether a read state is as it should be.
    package typealias Judge = @Sendable (ReadStateSummary, ReferenceFold.Expected) -> Bool

    /// What a comparison came to.
    package struct Outcome: Sendable {
        /// Read states looked at: those that the fold has, and those that only were found.
        package var compared = 0
        /// Those that were counts with an upper bound.
        package var inexact = 0
        /// What differs, a sentence each.
        package var wrong: [String] = []

        fileprivate mutating func add(_ other: Outcome) {
            compared += other.compared
            inexact += other.inexact
            wrong += other.wrong
        }
    }

    private typealias States = [UInt64: ReadStateSummary]
    private typealias User = (key: UInt64, value: [UInt64: ReferenceFold.Expected])
    /// Clients that ask at the same time: most of a question's time is waiting.
    private static let clients = 8

    let address: RedisAddress
    let keys: Keys
    let partitions: Int32

    package init(_ address: RedisAddress, _ keys: Keys, partitions: Int32) {
        self.address = address
        self.keys = keys
        self.partitions = partitions
    }

    /// Asks workers for all states and the totals of all users, once their partitions have applied
    /// the last offsets that are given. Each question may take `limit`.
    package func answers(
        _ fold: ReferenceFold, ends: [Int32: Int64], within limit: Duration,
        judge: @escaping Judge
    ) throws -> Outcome {
        let users = byUser(fold)
        let results = inParallel(Self.clients) { number in
            Result {
                var client = try QueryClient(address, keys, timeout: limit)
                var outcome = Outcome()
                for index in stride(from: number, to: users.count, by: Self.clients) {
                    try ask(about: users[index], ends, &client, judge, &outcome)
                }
                return outcome
            }
        }
        var whole = Outcome()
        for result in results { whole.add(try result.get()) }
        return whole
    }

    private func ask(
        about user: User, _ ends: [Int32: Int64], _ client: inout QueryClient, _ judge: Judge,
        _ outcome: inout Outcome
    ) throws {
        let minOffset = ends[partition(of: user.key)].map { Offset($0) }
        var got: States = [:]
        try client.list(UserID(user.key), unreadOnly: false, minOffset: minOffset) { _, page in
            for state in page { got[state.channel.rawValue] = state }
        }
        compare(user.key, got, user.value, judge, &outcome)
        let reply = try client.ask(.totals(UserID(user.key)))
        let unread = got.values.count(where: \.unread)
        let mentions = got.values.reduce(0) { $0 + $1.mentionCount }
        guard case .totals(let totals) = reply.result, totals.unreadChannels == unread,
            totals.mentionCount == mentions, totals.exact == got.values.allSatisfy(\.exact)
        else {
            outcome.wrong.append("totals of \(user.key): \(reply.result)")
            return
        }
    }

    /// Reads all users' hashes: nothing is missing in the store.
    package func stored(_ fold: ReferenceFold, judge: Judge) throws -> Outcome {
        var client = try BlockingRedis(address)
        var outcome = Outcome()
        for (user, states) in byUser(fold) {
            let key = keys.partition(partition(of: user)).user(user)
            let fields = try client.call("HGETALL", key).copy().elements ?? []
            let got = decode(fields, of: user, &outcome)
            compare(user, got, states, judge, &outcome)
        }
        return outcome
    }

    private func partition(of user: UInt64) -> Int32 {
        Partitioning.partition(of: UserID(user), count: partitions).rawValue
    }

    private func byUser(_ fold: ReferenceFold) -> [User] {
        var users: [UInt64: [UInt64: ReferenceFold.Expected]] = [:]
        for (key, expected) in fold.all { users[key.user, default: [:]][key.channel] = expected }
        return users.sorted { $0.key < $1.key }
    }

    private func compare(
        _ user: UInt64, _ got: States, _ expected: [UInt64: ReferenceFold.Expected],
        _ judge: Judge, _ outcome: inout Outcome
    ) {
        for channel in Set(got.keys).union(expected.keys).sorted() {
            // Default states are neither listed nor stored.
            let has = got[channel] ?? ReadStateSummary(default: ChannelID(channel))
            let wants = expected[channel] ?? ReferenceFold.Expected()
            outcome.compared += 1
            if !has.exact { outcome.inexact += 1 }
            if !judge(has, wants) {
                outcome.wrong.append("user \(user): \(has) is not \(wants)")
            }
        }
    }

    private func decode(
        _ fields: [RedisValue], of user: UInt64, _ outcome: inout Outcome
    ) -> States {
        var states: States = [:]
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let name = fields[index].text, name != "@" else { continue }
            var state = ReadState()
            guard let channel = UInt64(name), case .string(let value) = fields[index + 1],
                StoredState.decode(value.span.bytes, into: &state) == nil
            else {
                outcome.wrong.append("user \(user): field \(name) cannot be read")
                continue
            }
            states[channel] = ReadStateSummary(
                channel: ChannelID(channel), lastRead: state.lastRead,
                lastMessage: state.lastMessage, unreadCount: state.unreadCount,
                mentionCount: state.mentionCount, exact: state.exact)
        }
        return states
    }
}

// MARK: What is right

extension Comparison {
    /// Exact, and equal.
    package static func isEqual(
        _ got: ReadStateSummary, _ expected: ReferenceFold.Expected
    ) -> Bool {
        got.exact && got.lastRead.rawValue == expected.lastRead
            && got.lastMessage.rawValue == expected.lastMessage
            && got.unreadCount == expected.unreadCount
            && got.mentionCount == expected.mentionCount
    }

    /// Equal, or not exact and not below.
    package static func isEqualOrBound(
        _ got: ReadStateSummary, _ expected: ReferenceFold.Expected
    ) -> Bool {
        if got.exact { return isEqual(got, expected) }
        return got.lastRead.rawValue == expected.lastRead
            && got.lastMessage.rawValue == expected.lastMessage
            && got.unreadCount >= expected.unreadCount
            && got.mentionCount >= expected.mentionCount
    }
}
