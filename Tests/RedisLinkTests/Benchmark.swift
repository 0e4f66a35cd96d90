// What the scripts and transactions cost, beside plain commands that do the same in the same run.
// Ordinary test runs send some hundred requests, which shows that none is refused; figures need
// more of them, REDISLINK_BENCH set, and `-c release`:
//
//     REDISLINK_BENCH=1 swift test -c release -Xswiftc -enable-testing --disable-xctest \
//         --filter RedisLinkTests.Benchmark
//
// `redis` is processor time of redis-server per item, its parsing, sockets and append-only file
// included; `wall` is what one pipelined connection saw, both programs running side by side.

import Glibc
import TestSupport
import Testing

@testable import RedisLink

private let isAsked = getenv("REDISLINK_BENCH") != nil
private let rounds = isAsked ? 3 : 1
private let items = isAsked ? 100_000 : 640

@Suite(.serialized)
struct Benchmark {
    private let server: RedisServer
    private let keys: PartitionKeys
    private let link: Link
    private let token = StoredToken(high: 1, low: 2)
    private static let users = 4096
    private static let state = [UInt8](repeating: 0x5a, count: 26)
    private static let header = [UInt8](repeating: 0x33, count: 8)

    init() throws {
        server = try RedisServer { $0.appendOnly = .off }
        keys = try Keys(namespace: "rs").partition(3)
        link = try Link(ready: server)
        link.connection.output.claim(keys, token: token, owner: "bench")
        _ = try link.replies(1)
    }

    /// Sends `count` requests with at most `window` on their way, reads the replies, and prints
    /// what one of `items` cost.
    private func measure(
        _ name: String, count: Int, window: Int, items: Int,
        _ write: (Int, inout RespWriter) -> Int, check: (Reply) -> Bool = { !$0.isError }
    ) throws {
        let cpu = try serverMicroseconds()
        let clock = ContinuousClock.now
        var sent = 0
        var expected = 0
        var answered = 0
        var wrong = 0
        while sent < count || answered < expected {
            while sent < count, link.connection.outstanding < window {
                expected += write(sent, &link.connection.output)
                sent += 1
            }
            link.turnOnce()
            let (replies, errors) = take(&link.connection, check)
            answered += replies
            wrong += errors
        }
        let wall = (ContinuousClock.now - clock) / items
        let redis = (try serverMicroseconds() - cpu) / Double(items)
        let seconds = Double(wall.components.attoseconds) / 1e12
        print("\(name): redis \(rounded(redis)) us, wall \(rounded(seconds)) us")
        #expect(wrong == 0)
    }

    private func take(
        _ connection: inout RedisConnection, _ check: (Reply) -> Bool
    ) -> (Int, Int) {
        var replies = 0
        var wrong = 0
        while let reply = connection.nextReply() {
            replies += 1
            if !check(reply) { wrong += 1 }
        }
        return (replies, wrong)
    }

    private func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

    private func serverMicroseconds() throws -> Double {
        let info = ServerInfo(text: try server.cli("INFO", "cpu"))
        return ["used_cpu_user", "used_cpu_sys"].reduce(0) {
            $0 + (Double(info[$1] ?? "") ?? 0) * 1e6
        }
    }

    private func channel(_ user: Int, _ index: Int) -> UInt64 {
        1_000_000_000_000_000_000 + UInt64(user * 7 + index)
    }

    @Test("A user of two states: commits of several sizes, and plain HSET")
    func commits() throws {
        for _ in 0..<rounds {
            for size in [1, 4, 16, 64] { try commit(size) }
            try measure("HSET alone", count: items, window: 64, items: items) { index, output in
                plain(index % Self.users, &output)
                return 1
            }
        }
    }

    private func plain(_ user: Int, _ output: inout RespWriter) {
        output.command(arguments: 8)
        output.argument("HSET" as StaticString)
        output.argument(keys.userPrefix, UInt64(user))
        output.argument("@" as StaticString)
        output.argument(Self.header.span.bytes)
        for index in 0..<2 {
            output.argument(channel(user, index))
            output.argument(Self.state.span.bytes)
        }
    }

    private func commit(_ size: Int) throws {
        var commit = CommitCommand()
        try server.cli("HDEL", keys.position, "number")
        let calls = items / size
        try measure(
            "commit of \(size)", count: calls, window: max(2, 64 / size), items: calls * size
        ) { call, output in
            commit.begin()
            for place in 0..<size {
                let user = (call * size + place) % Self.users
                commit.beginUser(keys, id: UInt64(user), rewrite: false)
                for index in 0..<2 {
                    commit.field(channel: channel(user, index), Self.state.span.bytes)
                }
                commit.endUser()
            }
            let head = CommitCommand.Head(
                token: token, previous: UInt64(call), number: UInt64(call + 1), offset: 1,
                fingerprint: Fingerprint(offset: 1, hash: 1))
            commit.finish(
                head, header: Self.header.span.bytes, keys: keys, into: &output)
            return 1
        }
    }

    @Test("A user of two states: loads of several sizes, and plain HGETALL")
    func loads() throws {
        try commit(16)
        for _ in 0..<rounds {
            for size in [1, 16, 64] {
                let calls = items / size
                try measure(
                    "load of \(size)", count: calls, window: max(2, 64 / size),
                    items: calls * size
                ) { call, output in
                    output.beginLoad(keys)
                    for place in 0..<size {
                        output.loadUser(keys, id: UInt64((call * size + place) % Self.users))
                    }
                    output.endLoad()
                    return 1
                } check: { reply in
                    guard var load = try? LoadReply(reply) else { return false }
                    var count = 0
                    while let user = try? load.nextUser() { count += user.count == 3 ? 1 : 0 }
                    return count == size
                }
            }
            try measure("HGETALL alone", count: items, window: 64, items: items) {
                index, output in
                output.command(arguments: 2)
                output.argument("HGETALL" as StaticString)
                output.argument(keys.userPrefix, UInt64(index % Self.users))
                return 1
            } check: {
                $0.count == 6
            }
        }
    }

    @Test("A reply of 200 bytes: by the script, and by RPUSH with PEXPIRE")
    func replies() throws {
        let reply = [UInt8](repeating: 0x61, count: 200)
        let lists = (0..<64).map { Array("rs:reply:\($0)".utf8) }
        for _ in 0..<rounds {
            for size in [1, 4, 16] { try replies(size, reply, lists) }
            try server.cli("FLUSHALL")
            try measure("RPUSH, PEXPIRE", count: items, window: 128, items: items) {
                index, output in
                let list = lists[index % 64]
                output.command(arguments: 3)
                output.argument("RPUSH" as StaticString)
                output.argument(list.span.bytes)
                output.argument(reply.span.bytes)
                output.command(arguments: 3)
                output.argument("PEXPIRE" as StaticString)
                output.argument(list.span.bytes)
                output.argument("60000" as StaticString)
                return 2
            }
            try server.cli("FLUSHALL")
        }
    }

    private func replies(_ size: Int, _ reply: [UInt8], _ lists: [[UInt8]]) throws {
        var command = ReplyCommand()
        let calls = items / size
        try measure(
            "replies of \(size)", count: calls, window: max(2, 64 / size), items: calls * size
        ) { call, output in
            for place in 0..<size {
                let list = lists[(call * size + place) % 64]
                command.add(reply.span.bytes, to: list.span.bytes)
            }
            command.finish(into: &output)
            return 1
        }
    }
}
