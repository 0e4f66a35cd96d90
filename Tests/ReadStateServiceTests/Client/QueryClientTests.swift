import ReadStateClient
import ReadStateCore
import ReadStateWire
import RedisLink
import TestSupport
import Testing

@Suite struct QueryClientTests {
    private let redis: RedisServer
    private let keys: Keys

    init() throws {
        redis = try RedisServer()
        keys = try Keys(namespace: "readstates")
    }

    private func client(_ timeout: Duration = .seconds(20)) throws -> QueryClient {
        try QueryClient(RedisAddress(parsing: redis.url), keys, timeout: timeout)
    }

    /// Without a known number of partitions a request goes to the list that any worker routes; with
    /// one, to the list of the user's partition by murmur2. It carries its deadline and offset.
    @Test func routing() throws {
        let lists = [keys.requests] + (0..<8).map { keys.partition($0).requests }
        let responder = try Responder(redis, lists) { [reply(to: $0, .state(summary(9)))] }
        defer { responder.stop() }
        let question = Question.get(UserID(7), ChannelID(9))
        var first = try client()
        let answer = try first.ask(question, minOffset: Offset(77))
        #expect(answer.result == .state(summary(9)))
        #expect(answer.partition == PartitionID(3) && answer.appliedOffset == Offset(1500))
        _ = try redis.cli("HSET", keys.meta, "partitions", "8")
        var second = try client()
        _ = try second.ask(question)
        let own = Partitioning.partition(of: UserID(7), count: 8).rawValue
        #expect(responder.seen.map(\.list) == [keys.requests, keys.partition(own).requests])
        #expect(responder.seen.map(\.query.minOffset) == [Offset(77), nil])
        for seen in responder.seen {
            #expect(seen.query.question == question)
            #expect(seen.query.deadlineUnixMilliseconds > 1_700_000_000_000)
            let list = String(decoding: seen.query.address.replyTo, as: UTF8.self)
            #expect(list.hasPrefix("readstates:reply:"))
        }
    }

    /// Answers to other questions, as those that came after they were given up, are dropped; the
    /// own one behind them is taken.
    @Test func lateReplies() throws {
        let responder = try Responder(redis, [keys.requests]) { query in
            var stale = query
            stale.address.id = Array("q0".utf8)
            return [reply(to: stale, .state(summary(1))), reply(to: query, .state(summary(9)))]
        }
        defer { responder.stop() }
        var client = try client()
        let answer = try client.ask(.get(UserID(7), ChannelID(9)))
        #expect(answer.result == .state(summary(9)))
    }

    /// A list is asked for page by page until there is no more, each page after the last channel.
    @Test func paging() throws {
        let responder = try Responder(redis, [keys.requests]) { query in
            guard case .list(_, let unreadOnly, let after, let limit) = query.question, unreadOnly,
                limit == Question.listLimit
            else { return [] }
            let first = after.rawValue + 1
            let page = (first..<first + 2).map { summary($0) }
            return [reply(to: query, .states(page, more: first < 5))]
        }
        defer { responder.stop() }
        var client = try client()
        var channels: [UInt64] = []
        try client.list(UserID(7), unreadOnly: true) { _, states in
            channels += states.map(\.channel.rawValue)
        }
        #expect(channels == [1, 2, 3, 4, 5, 6])
    }

    /// A page that promises more and does not lead on is an error, not an endless loop.
    @Test func endlessPages() throws {
        let responder = try Responder(redis, [keys.requests]) { query in
            [reply(to: query, .states([summary(5)], more: true))]
        }
        defer { responder.stop() }
        var client = try client()
        do throws(QueryError) {
            try client.list(UserID(7), unreadOnly: false) { _, _ in }
            Issue.record("a list that does not lead on came to an end")
        } catch {
            #expect(error == .malformedReply)
        }
    }

    /// Refusals, replies to another kind of question, junk, and silence are told apart.
    @Test func failures() throws {
        func failure(
            _ timeout: Duration = .seconds(20), _ bytes: @escaping @Sendable (Query) -> [[UInt8]]
        ) throws -> QueryError? {
            _ = try redis.cli("FLUSHALL")
            let responder = try Responder(redis, [keys.requests], answer: bytes)
            defer { responder.stop() }
            var client = try client(timeout)
            do throws(QueryError) {
                _ = try client.ask(.totals(UserID(7)))
                return nil
            } catch {
                return error
            }
        }
        #expect(
            try failure { [reply(to: $0, .error(code: "behind", message: "not yet"))] }
                == .refused(code: "behind", message: "not yet"))
        #expect(try failure { [reply(to: $0, .state(summary(9)))] } == .malformedReply)
        #expect(try failure { _ in [Array("nonsense".utf8)] } == .malformedReply)
        #expect(
            try failure(.seconds(1)) { _ in [] } == .noAnswer(milliseconds: 1000))
    }

    /// Where no Redis is, the error says so; one that comes back is used again.
    @Test func brokenRedis() throws {
        let responder = try Responder(redis, [keys.requests]) { [reply(to: $0, .totals(.init()))] }
        responder.stop()
        var client = try client(.seconds(2))
        redis.kill()
        do throws(QueryError) {
            _ = try client.ask(.totals(UserID(7)))
            Issue.record("an answer without a Redis")
        } catch {
            guard case .redis = error else { throw error }
        }
        try redis.start()
        let again = try Responder(redis, [keys.requests]) { [reply(to: $0, .totals(.init()))] }
        defer { again.stop() }
        let answer = try waitFor("an answer") { try? client.ask(.totals(UserID(7))) }
        #expect(answer.result == .totals(UserTotals()))
    }
}

@Suite struct QueryCommandTests {
    private let redis: RedisServer

    init() throws { redis = try RedisServer() }

    private func run(_ arguments: String...) throws -> ChildProcess.Result {
        try ReadStatesProgram.run(
            [arguments[0], "--redis", redis.socketURL, "--timeout", "20s"]
                + arguments.dropFirst())
    }

    /// Tables for people, the contract's JSON for programs; a count that is an upper bound says so.
    @Test func answers() throws {
        let responder = try Responder(redis, ["readstates:requests"]) { query in
            switch query.question {
            case .get(_, let channel):
                let state = summary(channel.rawValue, exact: false)
                return [reply(to: query, .state(state))]
            case .list: return [reply(to: query, .states([summary(9), summary(10)], more: false))]
            case .totals:
                var totals = UserTotals()
                (totals.unreadChannels, totals.mentionCount) = (2, 3)
                return [reply(to: query, .totals(totals))]
            }
        }
        defer { responder.stop() }
        let get = try run("get", "7", "9")
        #expect(get.succeeded)
        #expect(
            get.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) } == [
                ["channel", "last", "read", "last", "message", "unread", "mentions"],
                ["9", "1234", "1300", "≤4", "≤1"],
                ["partition", "3,", "applied", "offset", "1500"],
            ])
        #expect(
            try run("get", "7", "9", "--json").output == """
                {"id":"q1","ok":true,"partition":3,"applied_offset":1500,"state":{"user_id":"7",\
                "channel_id":"9","last_read_id":"1234","last_message_id":"1300","unread":true,\
                "unread_count":4,"mention_count":1,"exact":false}}

                """)
        let list = try run("list", "7")
        #expect(list.output.split(separator: "\n").count == 3)
        #expect(try run("list", "7", "--json").output.contains("\"more\":false"))
        let totals = try run("totals", "7")
        #expect(totals.output.contains("\n2                3\n"))
        #expect(try run("totals", "7", "--json").output.contains("\"unread_channels\":2"))
    }

    /// Exit codes: 2 for what is not an id, 1 for a refusal, for silence and for no Redis.
    @Test func failures() throws {
        for id in ["0", "x", "-1", "07", "9223372036854775808", "+7"] {
            let result = try run("get", "7", "--", id)
            #expect(result.ending == .exit(2), "\(id)")
            #expect(result.errors.contains("CHANNEL"))
        }
        let silence = try run("totals", "7", "--timeout", "1s")
        #expect(silence.ending == .exit(1))
        #expect(silence.errors.contains("no answer within 1000 ms"))
        _ = try redis.cli("FLUSHALL")
        let responder = try Responder(redis, ["readstates:requests"]) { query in
            [reply(to: query, .error(code: "unavailable", message: "starting"))]
        }
        let refusal = try run("totals", "7")
        responder.stop()
        #expect(refusal.ending == .exit(1))
        #expect(refusal.errors == "readstates: unavailable: starting\n")
        redis.kill()
        let nobody = try run("totals", "7")
        #expect(nobody.ending == .exit(1))
        #expect(nobody.errors.contains("redis"))
        #expect(nobody.output == "")
    }
}
