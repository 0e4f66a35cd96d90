import TestSupport
import Testing

@testable import RedisLink

/// A connection against a real Redis: ways in, replies of all shapes and sizes, and how it breaks.
struct ConnectionTests {
    @Test("A server is reached by IPv4 address, by name and by socket, in the database asked for")
    func waysIn() throws {
        let server = try RedisServer()
        for text in [
            "redis://127.0.0.1:\(server.port)/3", "redis://localhost:\(server.port)/3",
            "\(server.socketURL)?db=3",
        ] {
            let link = Link(try RedisAddress(parsing: text)) { $0.name = "here" }
            try link.becomeReady()
            let info = try link.ask("CLIENT", "INFO").text ?? ""
            #expect(info.contains(" db=3 "))
            #expect(info.contains(" name=here "))
            #expect(info.contains("id=\(link.clientID ?? -1) "))
        }
    }

    @Test("A server is reached by IPv6 address")
    func version6() throws {
        let server = try RedisServer { $0.settings["bind"] = "127.0.0.1 ::1" }
        let link = Link(try RedisAddress(parsing: "redis://[::1]:\(server.port)"))
        try link.becomeReady()
        let pong = try link.ask("PING")
        #expect(pong == .status("PONG"))
    }

    @Test("Every shape of reply is read as redis sent it, also nested and empty")
    func shapes() throws {
        let server = try RedisServer()
        let link = try Link(ready: server)
        let script = """
            return {1, 'two', false, {}, {{'a', {}}, {'b', {-3}}}, redis.status_reply('FINE'),
                    redis.error_reply('ODD one'), '', {'x', 'y'}, 'last'}
            """
        let reply = try link.ask("EVAL", script, "0")
        let expected: [RedisValue] = [
            .integer(1), .text("two"), .null, .array([]),
            .array([
                .array([.text("a"), .array([])]), .array([.text("b"), .array([.integer(-3)])]),
            ]),
            .status("FINE"), .error(.reply("ODD one", to: .request)), .text(""),
            .array([.text("x"), .text("y")]), .text("last"),
        ]
        #expect(reply == .array(expected))

        link.connection.output.command("EVAL", script, "0")
        let byIndex = try link.read { reply in
            var elements: [RedisValue] = []
            for index in 0..<reply.count { elements.append(reply[index].copy()) }
            return elements
        }
        #expect(byIndex == expected, "access by index finds elements behind nested ones")
    }

    /// Replies that arrive byte by byte are the replies that arrive at once.
    @Test(arguments: [1, 7])
    func sliced(size: Int) throws {
        let server = try RedisServer()
        let proxy = SlicingProxy(to: server)
        let link = Link(RedisAddress(.unix(path: proxy.path)))
        try link.run(until: "ready through the proxy") {
            proxy.pass(limit: size)
            return $0.isReady
        }
        let script = "return {1, 'two', {'a', {false}}, string.rep('z', 300), {}}"
        for _ in 0..<20 { link.connection.output.command("EVAL", script, "0") }
        link.connection.output.command("NOSUCHCOMMAND")
        try link.run(until: "all answered") {
            proxy.pass(limit: size)
            return $0.outstanding == 0
        }
        let replies = try link.replies(21)
        let expected = RedisValue.array([
            .integer(1), .text("two"), .array([.text("a"), .array([.null])]),
            .text(String(repeating: "z", count: 300)), .array([]),
        ])
        #expect(replies.dropLast().allSatisfy { $0 == expected })
        #expect(replies.last?.failure?.kind == .other)
    }

    @Test("A reply of 10 MB and an array of 100,000 elements come whole")
    func large() throws {
        let server = try RedisServer()
        let link = try Link(ready: server)
        let text = try link.ask("EVAL", "return string.rep('0123456789', 1048576)", "0")
        #expect(text == .text(String(repeating: "0123456789", count: 1 << 20)))
        let array = try link.ask(
            "EVAL", "local a = {} for i = 1, 100000 do a[i] = tostring(i) end return a", "0")
        #expect(array == .array((1...100_000).map { .text(String($0)) }))
        let pong = try link.ask("PING")
        #expect(pong == .status("PONG"), "and the connection goes on")
    }

    @Test("A request of 10 MB goes out whole, however little the socket takes at a time")
    func largeRequest() throws {
        let server = try RedisServer()
        let link = try Link(ready: server)
        let value = String(repeating: "0123456789", count: 1 << 20)
        let stored = try link.ask("SET", "k", value)
        #expect(stored == .status("OK"))
        let length = try link.ask("STRLEN", "k")
        #expect(length == .integer(10 << 20))
    }

    @Test("A pipeline of 100,000 commands is answered in order, and counted on the way")
    func pipeline() throws {
        let server = try RedisServer()
        let link = try Link(ready: server)
        for _ in 0..<100_000 { link.connection.output.command("INCR", "n") }
        #expect(link.outstanding == 100_000)
        #expect(link.unsentBytes == 100_000 * "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".utf8.count)
        let replies = try link.replies(100_000)
        #expect(replies == (1...100_000).map { .integer($0) })
        #expect(link.outstanding == 0)
        #expect(link.unsentBytes == 0)
        #expect(link.nextDeadline == nil, "nothing owed, nothing to wait for")
    }

    @Test("After kill -9 and a restart the connection comes back by itself, as a new generation")
    func restart() throws {
        let server = try RedisServer()
        let link = try Link(ready: server)
        let before = link.generation
        server.kill()
        let failure = try link.failure()
        #expect(failure?.kind == .closed)
        #expect(failure?.isRetriable == true)
        try link.run(until: "a refused attempt") { $0.failure?.operation == .connect }
        #expect(link.broken?.kind == .unreachable)
        try server.start()
        try link.becomeReady()
        #expect(link.generation > before)
        let pong = try link.ask("PING")
        #expect(pong == .status("PONG"))
    }

    @Test("What a broken connection was owed is dropped, and nothing of it comes on the next one")
    func dropped() throws {
        let server = try RedisServer()
        let proxy = SlicingProxy(to: server)
        let link = Link(RedisAddress(.unix(path: proxy.path)))
        try link.run(until: "ready") {
            proxy.pass(limit: 100)
            return $0.isReady
        }
        for _ in 0..<10 { link.connection.output.command("INCR", "n") }
        try link.run(until: "some are answered") {
            proxy.pass(limit: 5)
            return $0.outstanding < 7
        }
        proxy.cut()
        let failure = try link.failure()
        let answered = try link.replies(link.waiting)
        #expect(answered == (1...Int64(answered.count)).map { .integer($0) })
        #expect((4..<10).contains(answered.count))
        #expect(failure?.kind == .closed)
        #expect(link.outstanding == 0)
        #expect(link.unsentBytes == 0)
        try link.run(until: "ready again") {
            proxy.pass(limit: 100)
            return $0.isReady
        }
        link.connection.output.command("PING")
        try link.run(until: "answered") {
            proxy.pass(limit: 100)
            return $0.outstanding == 0
        }
        let reply = try link.replies(1)
        #expect(reply == [.status("PONG")])
    }

    /// A server that says nothing while it owes a reply is given up at the deadline, not before.
    @Test
    func silence() throws {
        let server = try RedisServer()
        let link = try Link(ready: server) { $0.replyTimeoutMilliseconds = 10_000 }
        server.pause()
        defer { server.resume() }
        link.connection.tick(now: link.now + 1_000_000)
        #expect(link.isReady, "an idle connection has no deadline")
        link.connection.output.command("PING")
        link.connection.flush(now: link.now)
        guard let deadline = link.nextDeadline else {
            Issue.record("a request that is sent has a deadline")
            return
        }
        link.connection.tick(now: deadline - 1)
        #expect(link.isReady)
        link.connection.tick(now: deadline)
        #expect(link.broken?.kind == .timedOut)
        #expect(link.broken?.operation == .receive)
        let descriptor = link.connection.fileDescriptor
        #expect(descriptor == nil)
    }

    @Test("A server that accepts but never answers is given up while connecting")
    func silentHandshake() throws {
        let server = try RedisServer()
        server.pause()
        defer { server.resume() }
        let link = Link(RedisAddress(.unix(path: server.socketPath)))
        try link.run(until: "handshake sent") { $0.state == .handshaking && !$0.wantsWrite }
        let deadline = link.nextDeadline
        link.connection.tick(now: deadline ?? 0)
        #expect(link.broken?.kind == .timedOut)
        #expect(link.broken?.operation == .handshake)
    }

    @Test("A name may take longer to look up than connecting may take")
    func slowLookup() throws {
        let server = try RedisServer()
        let link = Link(RedisAddress(.unix(path: server.socketPath)))
        // What the owner tells next, it tells after the lookup.
        link.skew = 60_000
        try link.becomeReady()
        #expect(link.generation == 1, "the first attempt")
    }

    @Test("A lookup that takes long and fails is waited after as if it had taken no time")
    func failedLookup() throws {
        var lookups = 0
        var connection = RedisConnection(
            address: RedisAddress(.tcp(host: "nowhere", port: 1)), settings: .init()
        ) { _ throws(RedisLinkError) in
            lookups += 1
            throw RedisLinkError(.resolve, .unreachable, "nobody knows")
        }
        connection.connect(now: 0)
        connection.tick(now: 60_000)
        #expect(lookups == 1, "not again at once")
        connection.tick(now: connection.nextDeadline ?? 0)
        #expect(lookups == 2)
    }

    @Test("Behind an address that does not answer in time the next one of the name is tried")
    func silentAddress() throws {
        let server = try RedisServer()
        // Nobody says that the socket is connected, so the first address answers to nobody.
        let address = RedisAddress(.unix(path: server.socketPath))
        var connection = RedisConnection(address: address, settings: .init()) {
            endpoint throws(RedisLinkError) in
            let found = try SocketAddress.all(of: endpoint)
            return found + found
        }
        connection.connect(now: 0)
        connection.tick(now: 0)
        connection.tick(now: 5_000)
        let (state, generation, deadline) = (
            connection.state, connection.generation, connection.nextDeadline
        )
        #expect(state == .connecting && generation == 2 && deadline == 10_000)
        connection.tick(now: 10_000)
        let failure = connection.failure
        #expect(failure?.operation == .connect && failure?.kind == .timedOut)
    }

    @Test("No server, no such name: broken with the reason, and tried again later")
    func unreachable() throws {
        let port = FreePort.next()
        for text in [
            "redis://127.0.0.1:\(port)", "redis://nowhere.invalid", "unix:///nowhere/redis.sock",
        ] {
            let link = Link(try RedisAddress(parsing: text))
            let failure = try link.failure()
            #expect(failure?.kind == .unreachable)
            #expect(failure?.isRetriable == true)
            #expect(link.nextDeadline != nil)
        }
    }

    @Test("A server at its limit of clients is told from a wrong password")
    func crowded() throws {
        let server = try RedisServer { $0.settings["maxclients"] = "2" }
        let first = try Link(ready: server)
        let second = try Link(ready: server)
        for _ in 0..<50 {
            let third = Link(RedisAddress(.unix(path: server.socketPath)))
            let failure = try third.failure()
            #expect(failure?.kind == .busy, "whether it closes before we have sent or after")
        }
        #expect(first.isReady && second.isReady)
    }

    @Test("A server that lost its scripts breaks the connection, and the next one loads them")
    func scriptsLost() throws {
        let server = try RedisServer()
        let link = try Link(ready: server)
        let keys = try Keys(namespace: "rs").partition(0)
        let token = StoredToken(high: 1, low: 1)
        try server.cli("SCRIPT", "FLUSH")
        for _ in 0..<3 { link.connection.output.claim(keys, token: token, owner: "me") }
        let failure = try link.failure()
        #expect(failure?.kind == .scriptMissing)
        let refused = try link.replies(1)
        #expect(refused.first?.failure?.kind == .scriptMissing)
        #expect(link.waiting == 0, "the rest of the pipeline is dropped with the connection")
        try link.becomeReady()
        link.connection.output.claim(keys, token: token, owner: "me")
        let reply = try link.replies(1)
        #expect(reply.first?.elements?.count == 5)
    }

    @Test("A replica refuses writes and is left: behind the name may be a new master by now")
    func replica() throws {
        let server = try RedisServer()
        let link = try Link(ready: server)
        try server.cli("REPLICAOF", "127.0.0.1", "\(FreePort.next())")
        link.connection.output.command("SET", "a", "b")
        let failure = try link.failure()
        #expect(failure?.kind == .readOnly)
        let refused = try link.replies(1)
        #expect(refused.first?.failure == failure)
        try server.cli("REPLICAOF", "NO", "ONE")
        try link.becomeReady()
        let stored = try link.ask("SET", "a", "b")
        #expect(stored == .status("OK"))
    }

    @Test("A transaction has one reply, and its first error is that reply")
    func transaction() throws {
        let server = try RedisServer()
        let link = try Link(ready: server)
        link.connection.output.command("SET", "a", "1")
        link.connection.output.beginTransaction()
        link.connection.output.command("GET", "a")
        link.connection.output.command("INCR", "a")
        link.connection.output.endTransaction()
        link.connection.output.beginTransaction()
        link.connection.output.command("GET", "a")
        link.connection.output.command("NOSUCHCOMMAND")
        link.connection.output.command("GET", "a")
        link.connection.output.endTransaction()
        link.connection.output.command("GET", "a")
        #expect(link.outstanding == 4)
        let replies = try link.replies(4)
        #expect(replies[0] == .status("OK"))
        #expect(replies[1] == .array([.text("1"), .integer(2)]))
        #expect(replies[2].failure?.message.hasPrefix("ERR unknown command") == true)
        #expect(replies[3] == .text("2"))
    }

    @Test("A command with too few arguments, or one too many, traps before it can shift replies")
    func miscounted() async {
        await #expect(processExitsWith: .failure) {
            var writer = RespWriter()
            writer.command(arguments: 2)
            writer.argument("GET" as StaticString)
            writer.command("PING")
        }
        await #expect(processExitsWith: .failure) {
            var writer = RespWriter()
            writer.command(arguments: 1)
            writer.argument("PING" as StaticString)
            writer.argument("x" as StaticString)
        }
    }
}
