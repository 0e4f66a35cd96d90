import RedisLink
import TestSupport
import Testing

/// The scripts of the commit protocol against a real Redis: what is refused has changed nothing.
struct ProtocolTests {
    private let server: RedisServer
    private let keys: PartitionKeys
    private let link: Link
    private let mine = StoredToken(high: 1, low: .max)
    private let other = StoredToken(high: 0xabc, low: 2)

    init() throws {
        server = try RedisServer()
        keys = try Keys(namespace: "rs").partition(3)
        link = try Link(ready: server)
    }

    private func claim(_ token: StoredToken, owner: String = "here") throws -> ClaimReply {
        link.connection.output.claim(keys, token: token, owner: owner)
        return try link.read { try ClaimReply($0) }
    }

    private func head(
        _ previous: UInt64, _ number: UInt64, offset: Int64 = 0, token: StoredToken? = nil,
        fingerprint: Fingerprint? = nil
    ) -> CommitCommand.Head {
        CommitCommand.Head(
            token: token ?? mine, previous: previous, number: number, offset: offset,
            fingerprint: fingerprint)
    }

    private typealias Fields = (id: UInt64, rewrite: Bool, states: [UInt64: String])

    private func send(
        _ head: CommitCommand.Head, _ users: [Fields] = [], header: String = "h"
    ) {
        var commit = CommitCommand()
        commit.begin()
        for user in users {
            commit.beginUser(keys, id: user.id, rewrite: user.rewrite)
            for (channel, state) in user.states.sorted(by: { $0.key < $1.key }) {
                commit.field(channel: channel, bytes(state).span.bytes)
            }
            commit.endUser()
        }
        commit.finish(
            head, header: bytes(header).span.bytes, keys: keys, into: &link.connection.output)
    }

    private func answers(_ count: Int) throws -> [CommitReply] {
        try (0..<count).map { _ in try link.read { CommitReply($0) } }
    }

    private func commit(
        _ head: CommitCommand.Head, _ users: [Fields] = [], header: String = "h"
    ) throws -> CommitReply {
        send(head, users, header: header)
        return try answers(1)[0]
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("A claim takes the partition and says what was there; the first finds nothing")
    func claims() throws {
        let first = try claim(mine, owner: "a")
        #expect(first.token == nil && first.owner == nil && first.offset == nil)
        #expect(first.number == 0 && first.fingerprint == nil)
        let print = Fingerprint(offset: 41, hash: .max)
        #expect(try commit(head(0, 1, offset: 42, fingerprint: print)) == .done(number: 1))
        let second = try claim(other, owner: "b")
        #expect(second.token == mine && second.owner == "a")
        #expect(second.number == 1 && second.offset == 42 && second.fingerprint == print)
        #expect(try server.hash(keys.position)["owner"] == "b")
    }

    @Test("A commit writes users, their header, and the position; numbers beyond 2^53 stay exact")
    func commits() throws {
        _ = try claim(mine)
        let big = UInt64(Int64.max)
        let users: [Fields] = [
            (7, false, [9: "s9", big: "s\0\r\n"]), (big, false, [1: ""]),
        ]
        #expect(
            try commit(head(0, big - 1, offset: Int64.max - 1), users) == .done(number: big - 1))
        #expect(try server.hash(keys.user(7)).keys.sorted() == ["9", "\(big)", "@"])
        #expect(try server.hash(keys.user(7))["9"] == "s9")
        #expect(try server.cli("HSTRLEN", keys.user(7), "\(big)") == "4")
        #expect(try server.hash(keys.user(big)) == ["@": "h", "1": ""])
        #expect(try server.hash(keys.position)["offset"] == "\(Int64.max - 1)")
        // The doubles of 2^63-2 and 2^63-1 are equal: compared as numbers, this would pass.
        #expect(try commit(head(big, 1)) == .rolledBack)
        #expect(try commit(head(big - 1, big)) == .done(number: big))
    }

    @Test("A commit may carry no users: it moves the position")
    func positionOnly() throws {
        _ = try claim(mine)
        #expect(try commit(head(0, 1, offset: 10)) == .done(number: 1))
        #expect(try commit(head(1, 2, offset: 11)) == .done(number: 2))
        let position = try server.hash(keys.position)
        #expect(position["offset"] == "11" && position["number"] == "2")
        #expect(position["fingerprint"] == "")
        #expect(try claim(other).fingerprint == nil)
    }

    @Test("A commit of another owner, or behind a lost one, is refused and has written nothing")
    func refusals() throws {
        _ = try claim(mine)
        #expect(try commit(head(0, 1, offset: 5), [(1, false, [1: "x"])]) == .done(number: 1))
        let before = try snapshot()
        let users: [Fields] = [(1, true, [1: "y"]), (2, false, [:])]
        #expect(try commit(head(1, 2, offset: 6, token: other), users) == .fenced)
        #expect(try commit(head(0, 2, offset: 6), users) == .rolledBack)
        #expect(try commit(head(2, 3, offset: 6), users) == .rolledBack)
        #expect(try snapshot() == before)
        try server.cli("FLUSHALL")
        #expect(try commit(head(1, 2), users) == .rolledBack, "even the claim is lost")
        #expect(try server.keys().isEmpty)
    }

    private func snapshot() throws -> [String: [String: String]] {
        var all: [String: [String: String]] = [:]
        for key in try server.keys() { all[key] = try server.hash(key) }
        return all
    }

    @Test("When the first of several commits on their way is refused, so are all behind it")
    func chain() throws {
        _ = try claim(mine)
        #expect(try commit(head(0, 1)) == .done(number: 1))
        try server.cli("HSET", keys.position, "number", "0")
        let before = try snapshot()
        for number in UInt64(2)...9 {
            send(head(number - 1, number), [(number, false, [1: "x"])])
        }
        #expect(try answers(8) == Array(repeating: .rolledBack, count: 8))
        #expect(try snapshot() == before)

        try server.cli("HSET", keys.position, "number", "1")
        for number in UInt64(2)...9 {
            send(head(number - 1, number), [(number, false, [1: "x"])])
        }
        #expect(try answers(8) == (2...9).map { .done(number: $0) })
    }

    @Test("A rewrite leaves just what it brings and the header")
    func rewrite() throws {
        _ = try claim(mine)
        let old: [Fields] = [(1, false, [1: "x", 2: "x"]), (2, false, [1: "x"])]
        #expect(try commit(head(0, 1), old) == .done(number: 1))
        let new: [Fields] = [(1, true, [2: "y"]), (2, true, [:]), (4, false, [:])]
        #expect(try commit(head(1, 2), new, header: "b") == .done(number: 2))
        #expect(try server.hash(keys.user(1)) == ["@": "b", "2": "y"])
        for id: UInt64 in [2, 4] { #expect(try server.hash(keys.user(id)) == ["@": "b"]) }
    }

    /// A user of any number of states is written whole, beside small ones.
    @Test(
        arguments: [
            1998, 1999, 2000, 2001, 4000, 5000,
        ])
    func largeUser(count: Int) throws {
        _ = try claim(mine)
        let states = Dictionary(uniqueKeysWithValues: (1...count).map { (UInt64($0), "s\($0)") })
        let users: [Fields] = [
            (1, false, [1: "x"]), (2, false, states), (3, true, states),
            (4, false, [1: "y"]),
        ]
        #expect(try commit(head(0, 1), users) == .done(number: 1))
        for id: UInt64 in [2, 3] {
            var expected = ["@": "h"]
            for (channel, state) in states { expected["\(channel)"] = state }
            #expect(try server.hash(keys.user(id)) == expected)
        }
        #expect(try server.hash(keys.user(1)) == ["@": "h", "1": "x"])
        #expect(try server.hash(keys.user(4)) == ["@": "h", "1": "y"])
    }

    @Test("At maxmemory a commit is refused before its first write, and those behind it too")
    func outOfMemory() throws {
        _ = try claim(mine)
        try server.cli("CONFIG", "SET", "maxmemory", "1")
        send(head(0, 1), [(1, true, [1: "x"])])
        send(head(1, 2), [(2, true, [1: "x"])])
        let replies = try answers(2)
        guard case .failed(let error) = replies[0] else {
            Issue.record("\(replies[0])")
            return
        }
        #expect(error.kind == .outOfMemory && error.isRetriable)
        try server.cli("CONFIG", "SET", "maxmemory", "0")
        #expect(replies[1] != .done(number: 2))
        #expect(try server.keys() == [keys.position])
    }

    private struct Loaded: Equatable {
        var token: StoredToken?
        var number: UInt64
        var users: [[String: String]]
    }

    private func sendLoad(_ ids: [UInt64]) {
        link.connection.output.beginLoad(keys)
        for id in ids { link.connection.output.loadUser(keys, id: id) }
        link.connection.output.endLoad()
    }

    private func text(_ span: RawSpan) -> String {
        span.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test("A load gives the users in the order asked for, with owner and number")
    func load() throws {
        sendLoad([1])
        #expect(try loadOnce() == Loaded(token: nil, number: 0, users: [[:]]))
        _ = try claim(mine)
        let users: [Fields] = [(1, false, [1: "x", 2: ""]), (3, false, [:])]
        #expect(try commit(head(0, 1), users) == .done(number: 1))
        sendLoad([3, 2, 1])
        #expect(
            try loadOnce()
                == Loaded(
                    token: mine, number: 1,
                    users: [["@": "h"], [:], ["@": "h", "1": "x", "2": ""]]))
    }

    private func loadOnce() throws -> Loaded {
        try link.read { try read($0) }
    }

    private func read(_ reply: Reply) throws -> Loaded {
        var load = try LoadReply(reply)
        var users: [[String: String]] = []
        while let user = try load.nextUser() {
            var fields: [String: String] = [:]
            for index in 0..<user.count {
                fields[text(user.name(index))] = text(user.value(index))
            }
            users.append(fields)
        }
        #expect(users.count == load.userCount)
        return Loaded(token: load.token, number: load.number, users: users)
    }

    @Test("A load never sees half of a commit, nor a number that is not that of its users")
    func consistency() throws {
        let writer = try Link(ready: server)
        _ = try claim(mine)
        var number: UInt64 = 0
        var seen: Set<UInt64> = []
        for _ in 0..<200 {
            for _ in 0..<5 {
                number += 1
                var commit = CommitCommand()
                commit.begin()
                for id: UInt64 in 1...4 {
                    commit.beginUser(keys, id: id, rewrite: false)
                    commit.endUser()
                }
                commit.finish(
                    head(number - 1, number), header: bytes("\(number)").span.bytes, keys: keys,
                    into: &writer.connection.output)
            }
            writer.connection.flush(now: writer.now)
            for _ in 0..<5 { sendLoad([1, 2, 3, 4]) }
            for _ in 0..<5 {
                let load = try loadOnce()
                let expected = load.number == 0 ? [:] : ["@": "\(load.number)"]
                #expect(load.users == Array(repeating: expected, count: 4))
                seen.insert(load.number)
            }
            _ = try writer.replies(5)
        }
        #expect(seen.count > 20, "loads and commits did run side by side")
    }

    @Test("A key that is no hash, or a position that is not ours, is an error and not a state")
    func corrupt() throws {
        _ = try claim(mine)
        try server.cli("SET", keys.user(1), "text")
        sendLoad([1])
        let kind = #expect(throws: RedisLinkError.self) { try loadOnce() }?.kind
        #expect(kind == .wrongType)
        for (field, value) in [
            ("offset", "-5"), ("offset", "9223372036854775808"), ("number", "18446744073709551615"),
            ("fingerprint", "7"),
        ] {
            try server.cli("COPY", keys.position, "kept", "REPLACE")
            try server.cli("HSET", keys.position, field, value)
            let claimed = #expect(throws: RedisLinkError.self) { try claim(other) }?.kind
            #expect(claimed == .corrupt, "\(field) \(value)")
            try server.cli("COPY", "kept", keys.position, "REPLACE")
        }
        try server.cli("HSET", keys.position, "token", "me")
        sendLoad([2])
        let token = #expect(throws: RedisLinkError.self) { try loadOnce() }?.kind
        #expect(token == .corrupt)
    }

    @Test("A forgotten end of a user traps")
    func unfinished() async {
        await #expect(processExitsWith: .failure) {
            var commit = CommitCommand()
            commit.begin()
            let keys = try Keys(namespace: "rs").partition(0)
            commit.beginUser(keys, id: 1, rewrite: false)
            commit.beginUser(keys, id: 2, rewrite: false)
        }
    }
}
