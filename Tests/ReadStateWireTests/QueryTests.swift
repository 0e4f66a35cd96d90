// What is a query, what is answered with an error, and what is dropped.

import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateWire

@Suite struct QueryTests {
    private func decode(_ bytes: [UInt8]) -> DecodedQuery {
        var decoder = QueryDecoder(namespace: utf8("readstates"))
        return decoder.decodeOne(bytes)
    }
    private func decode(_ json: String) -> DecodedQuery { decode(utf8(json)) }

    /// The code and id of an error, `nil` for anything else.
    private func refusal(_ outcome: DecodedQuery) -> (code: QueryErrorCode, id: String)? {
        guard case .refused(let address, let code, let message) = outcome else { return nil }
        #expect(address.replyTo == utf8("l") && !message.isEmpty)
        return (code, String(decoding: address.id, as: UTF8.self))
    }

    /// Expects an error with the given code and id.
    private func expect(
        _ outcome: DecodedQuery, _ code: QueryErrorCode, id: String = "r1",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let refusal = refusal(outcome)
        #expect(
            refusal?.code == code && refusal?.id == id, "\(outcome)",
            sourceLocation: sourceLocation)
    }

    private let start = "{\"id\":\"r1\",\"reply_to\":\"l\","

    private func question(_ outcome: DecodedQuery) -> Question? {
        guard case .query(let query) = outcome else { return nil }
        #expect(outcome.user == query.question.user)
        return query.question
    }

    /// A reply goes to any list but one of the service's own namespace.
    @Test func replyTargets() {
        func allowed(_ key: String) -> Bool {
            ReplyTarget.isAllowed(utf8(key), namespace: utf8("readstates"))
        }
        for good in [
            "l", "some:list", "readstates", "readstatesx:y", "{readstates}:x", "{readstates",
            "readstates:reply:", "readstates:reply:1", "xreadstates:y", "{other:0}:requests",
            String(repeating: "x", count: 256),
        ] { #expect(allowed(good), "\(good)") }
        for bad in [
            "", "readstates:", "readstates:meta", "readstates:requests", "readstates:reply",
            "readstates:replyx", "{readstates:0}:requests", "{readstates:", "{readstates:reply:",
            String(repeating: "x", count: 257),
        ] { #expect(!allowed(bad), "\(bad)") }
        #expect(
            decode("{\"id\":\"r\",\"reply_to\":\"readstates:meta\",\"totals\":{\"user_id\":\"7\"}}")
                == .unanswerable(.forbiddenReplyTo))
    }

    /// Questions are read with their defaults; a limit of 0 or more than 10,000 is 10,000.
    @Test func questions() {
        let user = UserID(7)
        #expect(
            question(decode(start + "\"get\":{\"user_id\":\"7\",\"channelId\":9}}"))
                == .get(user, ChannelID(9)))
        #expect(question(decode(start + "\"totals\":{\"userId\":7}}")) == .totals(user))
        for (limit, expected) in [
            ("0", 10_000), ("1", 1), ("9999", 9999), ("10000", 10_000), ("10001", 10_000),
            ("4294967295", 10_000), ("null", 10_000),
        ] {
            #expect(
                question(decode(start + "\"list\":{\"user_id\":\"7\",\"limit\":\(limit)}}"))
                    == .list(user, unreadOnly: false, after: ChannelID(0), limit: expected))
        }
        #expect(
            question(
                decode(
                    start + "\"list\":{\"user_id\":\"7\",\"unreadOnly\":true,"
                        + "\"after_channel_id\":\"9223372036854775807\"}}"))
                == .list(
                    user, unreadOnly: true, after: ChannelID(UInt64(Int64.max)), limit: 10_000))
    }

    /// Deadline and offset are kept; an offset of 0 is not the same as none.
    @Test func deadlineAndOffset() {
        let rest = "\"totals\":{\"user_id\":\"7\"}}"
        guard case .query(let plain) = decode(start + rest),
            case .query(let full) = decode(
                start + "\"deadline_unix_ms\":1795328400000,\"min_offset\":\"0\"," + rest)
        else {
            Issue.record("no queries")
            return
        }
        #expect(plain.deadlineUnixMilliseconds == 0 && plain.minOffset == nil)
        #expect(full.deadlineUnixMilliseconds == 1_795_328_400_000)
        #expect(full.minOffset == .zero)
        for query in [plain, full] {
            for encoding in [Encoding.json, .protobuf] {
                var query = query
                query.address.encoding = encoding
                #expect(decode(encoded(query)) == .query(query))
            }
        }
        expect(decode(start + "\"min_offset\":-1," + rest), .badRequest)
        expect(decode(start + "\"min_offset\":1.5," + rest), .badRequest)
        expect(decode(start + "\"deadline_unix_ms\":\"x\"," + rest), .badRequest)
    }

    /// A deadline may be any number: one that has passed is below 0, one that never comes far away,
    /// and neither overflows whatever time it is.
    @Test(arguments: [
        "0", "1", "-1", "1795328400000", "\"9223372036854775807\"", "\"-9223372036854775807\"",
    ])
    func patience(_ deadline: String) throws {
        let rest = "\"deadline_unix_ms\":\(deadline),\"totals\":{\"user_id\":\"7\"}}"
        guard case .query(var query) = decode(start + rest) else {
            Issue.record("no query")
            return
        }
        func check() {
            for now in [Int64(0), 1_795_328_400_001] {
                guard let patience = query.patience(at: now) else {
                    #expect(query.deadlineUnixMilliseconds == 0)
                    continue
                }
                #expect(patience.signum() == (query.deadlineUnixMilliseconds > now ? 1 : -1))
                #expect(patience.magnitude < 1 << 42)
            }
        }
        check()
        if query.deadlineUnixMilliseconds != 0 { query.deadlineUnixMilliseconds = .min }
        check()
    }

    /// Whatever is wrong with a request that tells where to reply to, it is answered.
    @Test(arguments: [
        "}", "\"get\":{}}", "\"get\":{\"user_id\":\"7\"}}", "\"get\":{\"channel_id\":\"7\"}}",
        "\"get\":{\"user_id\":\"0\",\"channel_id\":\"1\"}}", "\"get\":[]}", "\"get\":null}",
        "\"get\":{\"user_id\":\"7\",\"channel_id\":\"9223372036854775808\"}}",
        "\"totals\":{\"user_id\":\"9223372036854775808\"}}", "\"totals\":{\"user_id\":-1}}",
        "\"list\":{\"user_id\":\"7\",\"limit\":-1}}", "\"list\":{\"user_id\":\"7\",\"limit\":1.5}}",
        "\"list\":{\"user_id\":\"7\",\"limit\":4294967296}}",
        "\"list\":{\"user_id\":\"7\",\"unread_only\":1}}",
        "\"list\":{\"user_id\":\"7\",\"after_channel_id\":\"x\"}}",
        "\"totals\":{\"user_id\":\"7\"},\"get\":{\"user_id\":\"7\",\"channel_id\":\"1\"}}",
        "\"totals\":{\"user_id\":\"7\",\"user_id\":\"7\"}}",
        "\"id\":\"r1\",\"totals\":{\"user_id\":\"7\"}}",
        "\"totals\":{\"user_id\":\"7\"}} x", "\"totals\":{\"user_id\":\"7\"}", "\"totals\"", "",
        "\"x\":[1,{\"y\":\"}\\\"]\"}],\"z\":tru", "\u{0}}",
    ])
    func malformedIsAnswered(_ rest: String) {
        expect(decode(start + rest), .badRequest)
    }

    /// In malformed JSON, id and reply list are found behind other members, escaped and in any
    /// order.
    @Test func malformedJSONIsScanned() {
        expect(
            decode(
                "{\"a\":\"\\\"id\",\"b\":{\"id\":\"no\"}, \"replyTo\" : \"\\u006c\",\"c\":[\"}\"],"
                    + "\"id\":\"r\\u00e9\\ud83d\\ude00\\n\",!"), .badRequest,
            id: "r\u{e9}\u{1f600}\n")
        for silent in [
            "{\"id\":\"r1\",!\"reply_to\":\"l\"}", "{\"id\":\"r1\",\"reply_to\":\"l", "{",
            "{\"x\":{\"reply_to\":\"l\"},!}", "{\"reply_to\":\"\\ud800\",!", "{\"reply_to\":7,!",
        ] { #expect(decode(silent) == .unanswerable(.noReplyTo), "\(silent)") }
    }

    /// An id has 1 to 256 bytes. Without one, the error goes out with an empty id.
    @Test func idLimits() {
        func request(_ id: String) -> DecodedQuery {
            decode("{\"id\":\(id),\"reply_to\":\"l\",\"totals\":{\"user_id\":\"7\"}}")
        }
        let longest = String(repeating: "i", count: 256)
        #expect(question(request("\"\(longest)\"")) != nil)
        expect(request("\"\(longest)i\""), .tooLarge, id: longest + "i")
        for none in ["\"\"", "null", "7"] { expect(request(none), .badRequest, id: "") }
    }

    /// Protobuf that breaks off, or is wrong, is answered too; text that is not UTF-8 is
    /// unreadable.
    @Test func malformedProtobufIsAnswered() {
        var bytes: [UInt8] = []
        ProtobufWriter.string(1, utf8("r1"), into: &bytes)
        ProtobufWriter.string(2, utf8("l"), into: &bytes)
        expect(decode(bytes), .badRequest)
        expect(decode(bytes + [0x2a, 0x05]), .badRequest)
        expect(decode(bytes + [0x00]), .badRequest)
        var query = bytes
        let totals = ProtobufWriter.begin(7, into: &query)
        ProtobufWriter.fixed64(1, 7, into: &query)
        ProtobufWriter.end(totals, into: &query)
        #expect(question(decode(query)) == .totals(UserID(7)))
        expect(
            decode([0x0a, 0x01, 0xff] + bytes.dropFirst(4) + query.dropFirst(7)), .badRequest,
            id: "")
        #expect(decode([0x12, 0x01, 0xff] + query.prefix(4)) == .unanswerable(.noReplyTo))
        #expect(decode([]) == .unanswerable(.noReplyTo))
        #expect(decode("hello") == .unanswerable(.noReplyTo))
        #expect(decode("[]") == .unanswerable(.noReplyTo))
    }

    /// A request of 64 KiB is answered. One byte more, and it is too large if its beginning tells
    /// id and reply list, else dropped.
    @Test func sizeLimit() {
        let rest = "\"totals\":{\"user_id\":\"7\"},\"x\":\""
        let room = Query.sizeLimit - start.utf8.count - rest.utf8.count - 2
        let filler = String(repeating: "x", count: room)
        #expect(question(decode(start + rest + filler + "\"}")) != nil)
        expect(decode(start + rest + filler + "x\"}"), .tooLarge)
        let late = "{\"x\":\"" + filler + String(repeating: "x", count: 200) + "\","
        #expect(decode(late + start.dropFirst() + rest + "\"}") == .unanswerable(.tooLarge))
        #expect(
            decode("{\"reply_to\":\"l\"," + rest + filler + filler + "\"}")
                == .unanswerable(.tooLarge))
        #expect(
            decode("{\"id\":\"r\",\"reply_to\":\"readstates:x\"," + rest + filler + filler)
                == .unanswerable(.forbiddenReplyTo))
        var bytes: [UInt8] = []
        ProtobufWriter.string(1, utf8("r1"), into: &bytes)
        ProtobufWriter.string(2, utf8("l"), into: &bytes)
        ProtobufWriter.string(9, [UInt8](repeating: 0, count: Query.sizeLimit), into: &bytes)
        expect(decode(bytes), .tooLarge)
    }

    /// Random queries are written as protoc writes them, and read back the same in both encodings.
    @Test func randomQueriesAgree() throws {
        var numbers = SeededNumbers(seed: 41)
        var queries: [Query] = []
        for _ in 0..<1000 { queries.append(randomQuery(&numbers)) }
        let theirs = try Protoc.encode(queries.map(text), type: "Query", file: "queries")
        try #require(theirs.count == queries.count)
        for (query, bytes) in zip(queries, theirs) {
            var query = query
            #expect(encoded(query) == bytes)
            #expect(decode(bytes) == .query(query))
            query.address.encoding = .json
            #expect(decode(encoded(query)) == .query(query))
        }
    }

    private func randomQuery(_ numbers: inout SeededNumbers) -> Query {
        let ids = ["r1", "\"\\/", "\u{1}\u{1f}\n", "\u{e9}\u{1f600}", "x"]
        let question: Question
        let user = UserID(numbers.id())
        switch numbers.below(3) {
        case 0: question = .get(user, ChannelID(numbers.id()))
        case 1:
            question = .list(
                user, unreadOnly: numbers.chance(2),
                after: ChannelID(numbers.chance(2) ? 0 : numbers.id()),
                limit: 1 + numbers.below(10_000))
        default: question = .totals(user)
        }
        return Query(
            address: ReplyAddress(
                id: utf8(ids[numbers.below(ids.count)]),
                replyTo: utf8(ids[numbers.below(ids.count)]), encoding: .protobuf),
            deadlineUnixMilliseconds: numbers.chance(2)
                ? 0 : Int64(bitPattern: numbers.next()) >> Int64(1 + numbers.below(60)),
            minOffset: numbers.chance(2)
                ? nil : Offset(Int64(numbers.next() >> UInt64(1 + numbers.below(63)))),
            question: question)
    }

    private func text(_ query: Query) -> String {
        func quoted(_ text: [UInt8]) -> String {
            "\"" + text.map { "\\" + String(0o1000 + Int($0), radix: 8).dropFirst() }.joined()
                + "\""
        }
        var text = "id: \(quoted(query.address.id))\nreply_to: \(quoted(query.address.replyTo))\n"
        text += "deadline_unix_ms: \(query.deadlineUnixMilliseconds)\n"
        if let offset = query.minOffset { text += "min_offset: \(offset.rawValue)\n" }
        switch query.question {
        case .get(let user, let channel):
            text += "get { user_id: \(user.rawValue) channel_id: \(channel.rawValue) }\n"
        case .list(let user, let unreadOnly, let after, let limit):
            text += "list { user_id: \(user.rawValue) unread_only: \(unreadOnly) "
            text += "after_channel_id: \(after.rawValue) limit: \(limit) }\n"
        case .totals(let user):
            text += "totals { user_id: \(user.rawValue) }\n"
        }
        return text
    }
}
