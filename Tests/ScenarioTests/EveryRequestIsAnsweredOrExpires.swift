// Rule: a request that has an id and a reply list is answered, in kind, or expires; what cannot be
// answered is dropped with a count, and no request can hurt a key that is not its reply list.

import Foundation
import ReadStateCore
import ReadStateWire
import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct EveryRequestIsAnsweredOrExpires {
    private static let broker = KafkaServer.isAvailable ? Broker.kafka : .embedded
    private static let user: UInt64 = 7

    private static func event(_ channel: Int, _ rest: String, user: UInt64 = user) -> String {
        #"{"user_id":"\#(user)","channel_id":"\#(channel)",\#(rest)}"#
    }

    /// Channel 9: one read, one unread that is a mention; 11: caught up; 12 to 16: one unread each.
    private static let events =
        [
            event(9, #""message_sent":{"message_id":"101"}"#),
            event(9, #""message_sent":{"message_id":"102","mention":"MENTION_USER"}"#),
            event(9, #""message_read":{"message_id":"101"}"#),
            event(11, #""message_sent":{"message_id":"103","own":true}"#),
        ] + (12...16).map { event($0, #""message_sent":{"message_id":"\#(100 + $0)"}"#) }

    /// A worker with user 7's events applied.
    private func begin(_ name: String) throws -> (Scenario, ReadStatesProgram) {
        let scenario = try Scenario(name, on: Self.broker)
        try scenario.publish(Self.events)
        let worker = try scenario.start()
        try scenario.expectAnswers()
        return (scenario, worker)
    }

    private func finish(_ scenario: Scenario, _ worker: ReadStatesProgram) throws {
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// Each question in JSON, to the list of the partition and to the list from which requests are
    /// routed; the replies are those of the contract, and expire.
    @Test func inJSON() throws {
        let (scenario, worker) = try begin("json-requests")
        var asker = try Asker(scenario)
        let home = scenario.partition(of: Self.user)
        let end = scenario.ends[home]!
        for list in [scenario.requests(home), scenario.keys.requests] {
            try asker.push(
                #"{"id":"r1","reply_to":"r","get":{"user_id":"7","channel_id":"9"}}"#, to: list)
            let reply = String(decoding: try asker.pop("r"), as: UTF8.self)
            #expect(
                reply == #"{"id":"r1","ok":true,"partition":\#(home),"applied_offset":\#(end),"#
                    + #""state":{"user_id":"7","channel_id":"9","last_read_id":"101","#
                    + #""last_message_id":"102","unread":true,"unread_count":1,"#
                    + #""mention_count":1,"exact":true}}"#)
            let totals = try asker.ask(
                #"{"id":"r2","reply_to":"r","totals":{"user_id":"7"}}"#, of: list, at: "r")
            #expect(totals[object: "totals"]?[number: "unread_channels"] == 6)
            #expect(totals[object: "totals"]?[number: "mention_count"] == 1)
            let nothing = try asker.ask(
                #"{"id":"r3","reply_to":"r","get":{"user_id":"7","channel_id":"999"}}"#,
                of: list, at: "r")
            #expect(nothing[flag: "ok"] == true)
            #expect(nothing[object: "state"]?[text: "last_read_id"] == "0")
            #expect(nothing[object: "state"]?[flag: "unread"] == false)
        }
        try finish(scenario, worker)
    }

    /// A protobuf request is answered in protobuf, with the same facts.
    @Test func inProtobuf() throws {
        let (scenario, worker) = try begin("pb-requests")
        var asker = try Asker(scenario)
        let user = UserID(Self.user)
        let list = scenario.requests(scenario.partition(of: Self.user))
        var decoder = ReplyDecoder()
        func ask(_ question: Question) throws -> ReadStateWire.Reply {
            let address = ReplyAddress(
                id: Array("p1".utf8), replyTo: Array("r".utf8), encoding: .protobuf)
            var request: [UInt8] = []
            QueryEncoder.encode(Query(address: address, question: question), into: &request)
            try asker.push(request, to: list)
            let bytes = try asker.pop("r")
            #expect(bytes.first != UInt8(ascii: "{"))
            guard let reply = decoder.decode(bytes.span.bytes), reply.id == address.id else {
                throw DeadlinePassed(description: "no reply to p1: \(bytes)")
            }
            return reply
        }
        let got = try ask(.get(user, ChannelID(9)))
        #expect(
            got.result
                == .state(
                    ReadStateSummary(
                        channel: ChannelID(9), lastRead: MessageID(101),
                        lastMessage: MessageID(102), unreadCount: 1, mentionCount: 1, exact: true)))
        guard
            case .states(let states, let more) = try ask(
                .list(user, unreadOnly: true, after: ChannelID(12), limit: 2)
            ).result
        else { throw DeadlinePassed(description: "no states") }
        #expect(states.map(\.channel) == [ChannelID(13), ChannelID(14)] && more)
        guard case .totals(let totals) = try ask(.totals(user)).result
        else { throw DeadlinePassed(description: "no totals") }
        #expect(totals.unreadChannels == 6 && totals.mentionCount == 1)
        try finish(scenario, worker)
    }

    /// Lists come in the order of channels, page by page; `unread_only` leaves out what is read;
    /// 10,000 states are the most in one reply.
    @Test func inPages() throws {
        let (scenario, worker) = try begin("pages")
        var asker = try Asker(scenario)
        func list(_ user: UInt64, _ options: String) throws -> (channels: [String], more: Bool) {
            let reply = try asker.ask(
                #"{"id":"l","reply_to":"r","list":{"user_id":"\#(user)"\#(options)}}"#,
                of: scenario.requests(scenario.partition(of: user)), at: "r")
            let states = try #require(reply[list: "states"], "\(reply)")
            let more = try #require(reply[flag: "more"] as Bool?)
            return (states.compactMap { $0[text: "channel_id"] }, more)
        }
        #expect(try list(7, "") == (["9", "11", "12", "13", "14", "15", "16"], false))
        #expect(try list(7, #","unread_only":true,"limit":3"#) == (["9", "12", "13"], true))
        #expect(
            try list(7, #","unread_only":true,"limit":3,"after_channel_id":"13""#)
                == (["14", "15", "16"], false))
        #expect(try list(7, #","after_channel_id":"16""#) == ([], false))
        #expect(try list(4_711, "") == ([], false))

        let many = (0..<11).map { batch in
            let entries = (1...1_000).map {
                #"{"channel_id":"\#(batch * 1_000 + $0)","message_id":"5"}"#
            }
            return #"{"user_id":"8","read_many":{"entries":[\#(entries.joined(separator: ","))]}}"#
        }
        try scenario.publish(many)
        try scenario.expectAnswers()
        let first = try list(8, "")
        #expect(first.channels.count == 10_000 && first.more)
        let last = try list(8, #","after_channel_id":"10000","limit":20000"#)
        #expect(last.channels.count == 1_000 && !last.more)
        try finish(scenario, worker)
    }

    /// `min_offset` is for reading one's own write; an offset that is not reached is `behind`, at
    /// the deadline or after 5 s; a deadline that has passed drops the request.
    @Test func inTime() throws {
        let (scenario, worker) = try begin("deadlines")
        var asker = try Asker(scenario)
        let home = scenario.partition(of: Self.user)
        let list = scenario.requests(home)
        let get = #""get":{"user_id":"7","channel_id":"9"}"#
        let next = scenario.ends[home]! + 1
        try asker.push(
            #"{"id":"late","reply_to":"late","min_offset":\#(next + 1000),\#(get)}"#, to: list)
        let soon = Int(Date().timeIntervalSince1970 * 1000) + 500
        let behind = try asker.ask(
            #"{"id":"b","reply_to":"r","min_offset":\#(next + 1000),"deadline_unix_ms":\#(soon),"#
                + get + "}", of: list, at: "r")
        #expect(behind[flag: "ok"] == false && behind.errorCode == "behind", "\(behind)")

        try asker.push(
            #"{"id":"dropped","reply_to":"r","deadline_unix_ms":1,\#(get)}"#, to: list)
        try asker.push(
            #"{"id":"dropped","reply_to":"r","deadline_unix_ms":"-9223372036854775807",\#(get)}"#,
            to: list)
        // Asked before it is written, answered after.
        try asker.push(#"{"id":"own","reply_to":"r","min_offset":\#(next),\#(get)}"#, to: list)
        try scenario.publish([Self.event(9, #""message_sent":{"message_id":"200"}"#)])
        let own = try JSON(asker.pop("r"))
        #expect(own[text: "id"] == "own")
        #expect(own[object: "state"]?[text: "last_message_id"] == "200")
        #expect(own[number: "applied_offset"] == Int(next))

        let late = try JSON(asker.pop("late"))
        #expect(late.errorCode == "behind", "\(late)")
        try worker.waitForMetrics("counts of late requests") {
            $0.sum("readstates_requests_expired_total") == 2
                && $0.sum("readstates_requests_behind_total") == 2
        }
        try finish(scenario, worker)
    }

    /// What is wrong with a request is answered where it says to whom; the rest is counted.
    @Test func malformed() throws {
        let (scenario, worker) = try begin("malformed")
        var asker = try Asker(scenario)
        let home = scenario.partition(of: Self.user)
        let list = scenario.requests(home)
        func code(_ request: String, of list: String) throws -> String? {
            let reply = try asker.ask(request, of: list, at: "r")
            #expect(reply[flag: "ok"] == false)
            return reply.errorCode
        }
        let get = #""get":{"user_id":"7","channel_id":"9"}"#
        let long = String(repeating: "x", count: 257)
        let pad = String(repeating: "y", count: 100_000)
        let bad = [
            #"{"id":"1","reply_to":"r","get":{"user_id":"7""#,
            #"{"id":"1","reply_to":"r"}"#,
            #"{"reply_to":"r",\#(get)}"#,
            #"{"id":"1","reply_to":"r","get":{"user_id":"0","channel_id":"9"}}"#,
            #"{"id":"1","reply_to":"r","min_offset":-1,\#(get)}"#,
        ]
        for request in bad { #expect(try code(request, of: list) == "bad_request", "\(request)") }
        let wrong = scenario.requests((home + 1) % scenario.partitions)
        #expect(try code(#"{"id":"1","reply_to":"r",\#(get)}"#, of: wrong) == "bad_request")
        #expect(try code(#"{"id":"\#(long)","reply_to":"r",\#(get)}"#, of: list) == "too_large")
        let large = #"{"id":"1","reply_to":"r","pad":"\#(pad)",\#(get)}"#
        #expect(try code(large, of: list) == "too_large")
        let huge = #"{"id":"1","reply_to":"r","pad":"\#(String(repeating: pad, count: 100))"}"#
        #expect(try code(huge, of: scenario.keys.requests) == "too_large")

        try asker.push(#"{"pad":"\#(pad)","id":"1","reply_to":"r",\#(get)}"#, to: list)
        try asker.push(#"{"id":"1",\#(get)}"#, to: list)
        try asker.push("", to: list)
        try asker.push([0xff, 0x00, 0x7b], to: list)
        try worker.waitForMetrics("counts of unanswerable requests") {
            self.unanswerable("too_large", $0) == 1 && self.unanswerable("no_reply_to", $0) == 3
        }
        try finish(scenario, worker)
    }

    /// A reply list that is one of the service's own keys, or somebody's key of another kind, is
    /// left exactly as it was, its expiry too.
    @Test func toForeignKeys() throws {
        let (scenario, worker) = try begin("foreign")
        var asker = try Asker(scenario)
        let home = scenario.partition(of: Self.user)
        let list = scenario.requests(home)
        let position = scenario.keys.partition(home).position
        let own = [
            position, scenario.keys.partition(home).user(7), scenario.keys.meta,
            scenario.keys.requests, list, "{foreign:99}:anything",
        ]
        _ = try asker.call("HSET", "theirs", "field", "value")
        _ = try asker.call("HSET", "lasting", "field", "value")
        _ = try asker.call("EXPIRE", "theirs", "5000")
        for target in own + ["theirs", "lasting", ""] {
            try asker.push(
                #"{"id":"1","reply_to":"\#(target)","totals":{"user_id":"7"}}"#, to: list)
        }
        try worker.waitForMetrics("counts of foreign keys") {
            self.unanswerable("forbidden_reply_to", $0) == own.count + 1
                && $0.sum("readstates_answers_undeliverable_total") == 2
        }
        #expect(try asker.call("HGET", "theirs", "field").text == "value")
        #expect(try asker.call("TTL", "theirs").integer! > 4_000)
        #expect(try asker.call("TTL", "lasting").integer == -1)
        for target in own { #expect(try asker.call("TTL", target).integer! < 0, "\(target)") }
        #expect(try asker.call("EXISTS", "{foreign:99}:anything").integer == 0)
        try finish(scenario, worker)
    }

    /// One reply list that the worker's user may not write costs nobody else an answer, though
    /// those of one turn share a call.
    @Test func toForbiddenKeys() throws {
        let scenario = try Scenario("forbidden", on: Self.broker) {
            $0.users = ["worker on >s3cret ~{forbidden:* ~forbidden:* ~ours* &* +@all"]
        }
        try scenario.publish(Self.events)
        let worker = try scenario.launch(
            redis: "redis://worker:s3cret@127.0.0.1:\(scenario.redis.port)")
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        var asker = try Asker(scenario)
        let requests = ["ours1", "theirs", "ours2"].map {
            #"{"id":"1","reply_to":"\#($0)","totals":{"user_id":"7"}}"#
        }
        let list = scenario.requests(scenario.partition(of: Self.user))
        _ = try asker.call("RPUSH", list, requests[0], requests[1], requests[2])
        for target in ["ours1", "ours2"] {
            #expect(try JSON(asker.pop(target))[flag: "ok"] == true)
        }
        try worker.waitForMetrics("a count of the forbidden key") {
            $0.sum("readstates_answers_undeliverable_total") == 1
                && $0.sum("readstates_answers_lost_total") == 0
        }
        #expect(worker.process.errors.contains("event=answer_refused"))
        #expect(try worker.stop() == .exit(0))
    }

    /// Answers that a full Redis does not take are lost, and not their askers' fault.
    @Test func toAFullRedis() throws {
        let (scenario, worker) = try begin("full")
        var asker = try Asker(scenario)
        let list = scenario.requests(scenario.partition(of: Self.user))
        let next = scenario.ends[scenario.partition(of: Self.user)]! + 1
        try asker.push(
            #"{"id":"1","reply_to":"r","min_offset":\#(next),"totals":{"user_id":"7"}}"#, to: list)
        try worker.waitForMetrics("a request that waits") {
            $0.sum("readstates_waiting_questions") == 1
        }
        _ = try asker.call("CONFIG", "SET", "maxmemory", "1")
        try worker.waitForMetrics("a count of the lost answer") {
            $0.sum("readstates_answers_lost_total") == 1
                && $0.sum("readstates_answers_undeliverable_total") == 0
        }
        _ = try asker.call("CONFIG", "SET", "maxmemory", "0")
        try finish(scenario, worker)
    }

    /// Answers that are on their way when a connection breaks are counted: their askers may have
    /// them, or not.
    @Test func overAConnectionThatBreaks() throws {
        let scenario = try Scenario("broken-link", on: Self.broker)
        try scenario.publish(Self.events)
        let proxy = SlowProxy(to: .tcp(port: scenario.redis.port))
        let worker = try scenario.launch(redis: "redis://127.0.0.1:\(proxy.port)")
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        var asker = try Asker(scenario)
        let home = scenario.partition(of: Self.user)
        let next = scenario.ends[home]! + 1
        try asker.push(
            #"{"id":"1","reply_to":"r","min_offset":\#(next),"totals":{"user_id":"7"}}"#,
            to: scenario.requests(home))
        try worker.waitForMetrics("a request that waits") {
            $0.sum("readstates_waiting_questions") == 1
        }
        // From now on Redis hears what it is told, and is not heard.
        proxy.delayReplies(by: .seconds(600))
        try scenario.publish([Self.event(9, #""message_sent":{"message_id":"200"}"#)])
        _ = try asker.pop("r")
        proxy.delayReplies(by: .zero)
        proxy.cut()
        try worker.waitForMetrics("a count of the answer") {
            $0.sum("readstates_answers_lost_total") == 1
        }
        try worker.waitUntilReady()
        try finish(scenario, worker)
    }

    /// More requests than may wait are told so at once; those that wait are answered in their time.
    @Test func tooMany() throws {
        let scenario = try Scenario("too-many", on: Self.broker)
        try scenario.publish(Self.events)
        let worker = try scenario.start(["--request-limit", "2", "--shards", "1"])
        try scenario.expectAnswers()
        var asker = try Asker(scenario)
        let home = scenario.partition(of: Self.user)
        let next = scenario.ends[home]! + 1
        for id in 1...4 {
            try asker.push(
                #"{"id":"\#(id)","reply_to":"r","min_offset":\#(next),"totals":{"user_id":"7"}}"#,
                to: scenario.requests(home))
        }
        for id in ["3", "4"] {
            let reply = try JSON(asker.pop("r"))
            #expect(reply[text: "id"] == id && reply.errorCode == "unavailable", "\(reply)")
        }
        try scenario.publish([Self.event(9, #""message_sent":{"message_id":"200"}"#)])
        for _ in 1...2 { #expect(try JSON(asker.pop("r"))[flag: "ok"] == true) }
        try finish(scenario, worker)
    }

    /// A list of requests that somebody made a key of another kind is told once a second, not as
    /// fast as it can be tried; once it is gone, requests are answered again.
    @Test func fromAKeyThatIsNoList() throws {
        let (scenario, worker) = try begin("no-list")
        var asker = try Asker(scenario)
        let list = scenario.requests(scenario.partition(of: Self.user))
        _ = try asker.call("SET", list, "text")
        func failures() -> [Substring] {
            worker.process.errors.split(separator: "\n").filter { $0.contains("requests_failed") }
        }
        try waitUntil("attempts in three seconds") {
            Set(failures().map { $0.prefix("time=2026-11-22T18:55:15".count) }).count >= 3
        }
        #expect(failures().count < 100)
        _ = try asker.call("DEL", list)
        let totals = try asker.ask(
            #"{"id":"1","reply_to":"r","totals":{"user_id":"7"}}"#, of: list, at: "r")
        #expect(totals[flag: "ok"] == true)
        try finish(scenario, worker)
    }

    /// A reply that nobody reads is gone after a minute; so is one under the client's own prefix.
    @Test func repliesExpire() throws {
        let (scenario, worker) = try begin("expiry")
        var asker = try Asker(scenario)
        let list = scenario.requests(scenario.partition(of: Self.user))
        for target in ["unread-replies", scenario.keys.replyPrefix + "mine"] {
            try asker.push(
                #"{"id":"1","reply_to":"\#(target)","totals":{"user_id":"7"}}"#, to: list)
            try waitUntil("a reply in \(target)") {
                try asker.call("LLEN", target).integer == 1
            }
            let left = try asker.call("PTTL", target).integer!
            #expect((1...60_000).contains(left) && left > 30_000)
        }
        try finish(scenario, worker)
    }

    private func unanswerable(_ reason: String, _ metrics: Metrics) -> Int {
        metrics.samples.reduce(0) { sum, sample in
            let isIt =
                sample.key.hasPrefix("readstates_requests_unanswerable_total{")
                && sample.key.contains("reason=\"\(reason)\"")
            return isIt ? sum + Int(sample.value) : sum
        }
    }
}
