import TestSupport
import Testing

@testable import RedisLink

/// Requests and replies over lists of a real Redis.
struct ListsTests {
    private let server: RedisServer
    private let link: Link

    init() throws {
        server = try RedisServer()
        link = try Link(ready: server)
    }

    /// The list and values of the next reply to `popRequests`; nil if it had none.
    private func popped(on link: Link) throws -> (list: String, values: [String])? {
        try link.read { reply in
            guard let popped = try PoppedRequests(reply) else { return nil }
            var values: [String] = []
            for index in 0..<popped.count { values.append(popped[index].text) }
            return (popped.list.text, values)
        }
    }

    @Test("Requests come oldest first, from the first list that has any, no more than asked for")
    func pop() throws {
        let lists = ["a", "b", "c"]
        try server.cli("RPUSH", "a", "a1", "a2", "a3")
        try server.cli("RPUSH", "c", "c1")
        link.connection.output.popRequests(lists, first: 0, limit: 2)
        let first = try popped(on: link)
        #expect(first?.list == "a" && first?.values == ["a1", "a2"])
        link.connection.output.popRequests(lists, first: 1, limit: 2)
        let second = try popped(on: link)
        #expect(second?.list == "c" && second?.values == ["c1"], "a busy list does not hide others")
        link.connection.output.popRequests(lists, first: 2)
        let third = try popped(on: link)
        #expect(third?.list == "a" && third?.values == ["a3"])
    }

    @Test("Requests that are put back are found as they were, before newer ones")
    func pushBack() throws {
        try server.cli("RPUSH", "a", "1", "2", "3", "4")
        link.connection.output.popRequests(["a"], first: 0, limit: 3)
        let other = try Link(ready: server)
        try link.read { reply in
            guard let popped = try PoppedRequests(reply) else {
                Issue.record("nothing popped")
                return
            }
            other.connection.output.beginPushBack(to: "a", count: popped.count)
            for index in (0..<popped.count).reversed() {
                other.connection.output.argument(popped[index])
            }
        }
        let length = try other.replies(1)
        #expect(length == [.integer(4)])
        #expect(try server.cli("LRANGE", "a", "0", "-1") == "1\n2\n3\n4")
    }

    @Test("A blocked call that is ended early has lost no request, however close they come")
    func unblock() throws {
        let blocked = try Link(ready: server)
        guard let id = blocked.clientID else {
            Issue.record("no client id")
            return
        }
        blocked.connection.output.popRequests(["a", "b"], first: 0, seconds: 5)
        blocked.connection.flush(now: blocked.now)
        try waitUntil("the call blocks") {
            try server.cli("INFO", "clients").contains("blocked_clients:1")
        }
        link.connection.output.unblock(clientID: id)
        let ended = try link.replies(1)
        #expect(ended == [.integer(1)])
        #expect(try popped(on: blocked) == nil)

        var received: [String] = []
        for round in 0..<300 {
            blocked.connection.output.popRequests(["a", "b"], first: round % 2, seconds: 5)
            blocked.connection.flush(now: blocked.now)
            // In every order of arrival: the push first, the end first, or the call itself last.
            if round % 3 == 0 { link.connection.output.unblock(clientID: id) }
            link.connection.output.command("RPUSH", round % 5 < 2 ? "a" : "b", "\(round)")
            link.connection.output.unblock(clientID: id)
            _ = try link.replies(round % 3 == 0 ? 3 : 2)
            received += try popped(on: blocked)?.values ?? []
        }
        for list in ["a", "b"] {
            let left = try server.cli("LRANGE", list, "0", "-1")
            received += left.split(separator: "\n").map(String.init)
        }
        #expect(received.sorted() == (0..<300).map { "\($0)" }.sorted())
    }

    /// Pushes each reply to its list, in one call.
    private func push(
        _ replies: [(text: String, list: String)], on link: Link? = nil
    ) throws -> [RedisValue] {
        let link = link ?? self.link
        var command = ReplyCommand()
        for (text, list) in replies {
            let (text, list) = (Array(text.utf8), Array(list.utf8))
            command.add(text.span.bytes, to: list.span.bytes)
        }
        command.finish(into: &link.connection.output)
        return try link.replies(1)[0].elements ?? []
    }

    @Test("Replies are pushed, and their lists expire within a minute")
    func reply() throws {
        #expect(try push([("r1", "list")]) == [.integer(1)])
        #expect(try push([("r2", "list"), ("s1", "second")]) == [.integer(2), .integer(1)])
        #expect(try server.cli("LRANGE", "list", "0", "-1") == "r1\nr2")
        #expect(try server.cli("LRANGE", "second", "0", "-1") == "s1")
        for list in ["list", "second"] {
            let left = Int(try server.cli("PTTL", list)) ?? 0
            #expect((1...60_000).contains(left))
        }
    }

    @Test("A call of replies is full after so many, or so many bytes, and empty once it is written")
    func full() throws {
        var command = ReplyCommand()
        let (small, large) = ([UInt8](repeating: 1, count: 1), [UInt8](repeating: 1, count: 70_000))
        var added = 0
        while !command.isFull {
            command.add(small.span.bytes, to: small.span.bytes)
            added += 1
        }
        #expect(added == 16)
        command.finish(into: &link.connection.output)
        let isEmpty = command.isEmpty
        #expect(isEmpty)
        command.add(large.span.bytes, to: small.span.bytes)
        let isFull = command.isFull
        #expect(isFull)
        command.finish(into: &link.connection.output)
        let lengths = try link.replies(2).map { $0.elements?.last }
        #expect(lengths == [.integer(16), .integer(17)])
    }

    /// A name that is another kind of key is left as it was, its expiry too.
    @Test(
        arguments: [
            ["SET", "k", "v"], ["HSET", "k", "f", "v"], ["SADD", "k", "v"],
            ["ZADD", "k", "1", "v"],
            ["XADD", "k", "1-1", "f", "v"],
        ])
    func wrongType(make: [String]) throws {
        let owner = try Link(ready: server)
        owner.connection.output.command(make)
        _ = try owner.replies(1)
        let dump = try owner.ask("DUMP", "k")
        let results = try push([("r", "a"), ("r", "k"), ("r", "b")])
        #expect(results[1].failure?.kind == .wrongType)
        #expect(results[0] == .integer(1) && results[2] == .integer(1), "others get their reply")
        #expect(link.isReady, "one asker's mistake is not the connection's")
        let (after, forever) = (try owner.ask("DUMP", "k"), try owner.ask("PTTL", "k"))
        #expect(after == dump)
        #expect(forever == .integer(-1))
        let at = "4102444800000"
        _ = try owner.ask("PEXPIREAT", "k", at)
        _ = try push([("r", "k")])
        let expiry = try owner.ask("PEXPIRETIME", "k")
        #expect(expiry == .integer(4_102_444_800_000))
    }

    @Test("A list that our user may not touch loses its own reply, and nobody else's")
    func forbidden() throws {
        let server = try RedisServer { $0.users = ["worker on >s3cret ~ours* &* +@all"] }
        let address = RedisAddress(
            .unix(path: server.socketPath), username: "worker", password: "s3cret")
        let link = Link(address)
        try link.becomeReady()
        let results = try push([("r", "ours1"), ("r", "theirs"), ("r", "ours2")], on: link)
        #expect(results.count == 3)
        #expect(results.first == .integer(1) && results.last == .integer(1))
        #expect(results.dropFirst().first?.failure?.isOfList == true)
        #expect(try server.keys() == ["ours1", "ours2"])
    }

    @Test("A full Redis refuses replies for a reason of its own")
    func outOfMemory() throws {
        try server.cli("CONFIG", "SET", "maxmemory", "1")
        var command = ReplyCommand()
        let text = Array("r".utf8)
        command.add(text.span.bytes, to: text.span.bytes)
        command.finish(into: &link.connection.output)
        let failure = try link.replies(1)[0].failure
        #expect(failure?.kind == .outOfMemory && failure?.isOfList == false)
    }

    @Test("The first worker writes the namespace's identity, all others find it and compare")
    func meta() throws {
        let keys = try Keys(namespace: "rs")
        func ask(_ meta: Meta) throws -> Meta {
            link.connection.output.meta(keys, orElse: meta)
            return try link.read { try Meta($0) }
        }
        let mine = Meta(format: 1, topic: "chat-events", partitions: 32)
        #expect(try ask(mine) == mine)
        try server.cli("HSET", keys.meta, "generation", "4")
        let stored = try ask(Meta(format: 2, topic: "other", partitions: 8))
        #expect(stored == Meta(format: 1, topic: "chat-events", partitions: 32, generation: 4))
        #expect(mine.differences(from: stored).isEmpty)
        let other = Meta(format: 2, topic: "other", partitions: 8)
        #expect(other.differences(from: stored).count == 3)
        for generation in ["0", "18446744073709551615"] {
            try server.cli("HSET", keys.meta, "generation", generation)
            let kind = #expect(throws: RedisLinkError.self) { try ask(mine) }?.kind
            #expect(kind == .corrupt)
        }
        try server.cli("HDEL", keys.meta, "topic")
        let kind = #expect(throws: RedisLinkError.self) { try ask(mine) }?.kind
        #expect(kind == .corrupt)
    }
}
