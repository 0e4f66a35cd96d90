// Rule: where the log no longer reaches back to a partition's stored position, the worker says
// which range is gone and serves that partition no more, until an operator has moved the position;
// the other partitions go on. Nothing is skipped on its own.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads, .enabled(if: KafkaServer.isAvailable))
struct ALogThatBeginsTooLateWaitsForTheOperator {
    private static let users: UInt64 = 400
    private static let partition: Int32 = 2

    /// Records are deleted behind the position while no worker runs.
    @Test func recordsAreDeleted() throws {
        let scenario = try Scenario("gone")
        try scenario.publish(Self.sent(101, to: 1...Self.users))
        let first = try scenario.start()
        try scenario.expectAnswers()
        #expect(try first.stop() == .exit(0))
        let position = try #require(try scenario.storedPositions()[Self.partition])
        let beginning = try deleteRecords(of: scenario)
        try scenario.publish(Self.sent(103, to: 1...Self.users))

        let worker = try scenario.launch()
        let line = try worker.process.waitForLine("word of the gap") {
            $0.contains("event=log_range_gone")
        }
        #expect(line.contains("partition=\(Self.partition) from=\(position) to=\(beginning - 1)"))
        try expectTold(worker, from: position, to: beginning - 1)
        // The others are served, and answer; nobody answers for this one.
        try worker.waitForMetrics("three served partitions") {
            $0.sum("readstates_partition_owned") == 3
        }
        try expectOthersAnswered(scenario)
        #expect(try scenario.storedPositions()[Self.partition] == position)

        // What the log's line says is to be done.
        let key = scenario.keys.partition(Self.partition).position
        #expect(line.contains("HSET \(key) offset \(beginning)"))
        try scenario.redis.cli("HSET", key, "offset", "\(beginning)")
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        try worker.waitForMetrics("nothing gone") {
            $0.sum("readstates_partition_gone_offsets") == 0
        }
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// Publishes events of one partition that the fold never hears of, since nobody will ever read
    /// them, and deletes them. Returns where the log begins now.
    private func deleteRecords(of scenario: Scenario) throws -> Int64 {
        let lost = (1...Self.users).filter { scenario.partition(of: $0) == Self.partition }
        let result = try ReadStatesProgram.run(
            ["publish", "--kafka", scenario.bootstrap, "--topic", scenario.topic],
            input: lost.flatMap { Self.sent(102, to: $0...$0) }.joined(separator: "\n"))
        try #require(result.succeeded, "\(result)")
        let end = try #require(scenario.ends[Self.partition]) + 1 + Int64(lost.count)
        let folder = TemporaryDirectory("deletion")
        let request = try folder.write(
            #"{"version":1,"partitions":[{"topic":"\#(scenario.topic)","#
                + #""partition":\#(Self.partition),"offset":\#(end)}]}"#, to: "records.json")
        let kafka = try KafkaServer.shared()
        let deleted = try kafka.run(
            tool: "kafka-delete-records.sh",
            ["--bootstrap-server", kafka.bootstrap, "--offset-json-file", request])
        try #require(deleted.succeeded, "\(deleted)")
        return end
    }

    private func expectTold(_ worker: ReadStatesProgram, from: Int64, to: Int64) throws {
        try waitUntil("the reason on /readyz", seen: worker.process.tail) {
            let page = try worker.get("/readyz")
            return page?.status == 503
                && page?.body.contains(
                    "partition \(Self.partition): offsets \(from) to \(to) are gone") == true
        }
        try waitUntil("the range on /status", seen: worker.process.tail) {
            try worker.get("/status")?.body.contains("\"gone_from\":\(from),\"gone_to\":\(to)")
                == true
        }
        let sample = "readstates_partition_gone_offsets{partition=\"\(Self.partition)\"}"
        try worker.waitForMetrics("the range's size") { $0[sample] == Double(to - from + 1) }
        #expect(try worker.get("/livez")?.status == 200)
    }

    private func expectOthersAnswered(_ scenario: Scenario) throws {
        for user in 1...Self.users where scenario.partition(of: user) != Self.partition {
            let minOffset = scenario.ends[scenario.partition(of: user)]!
            let result = try ReadStatesProgram.run(
                [
                    "get", "\(user)", "9", "--redis", scenario.redis.socketURL, "--namespace",
                    scenario.keys.namespace, "--min-offset", "\(minOffset)", "--json",
                ])
            #expect(result.output.contains(#""unread_count":2"#), "\(result)")
            // One of each is enough: each asks in a process of its own.
            if user > 20 { return }
        }
    }

    private static func sent(_ message: Int, to users: ClosedRange<UInt64>) -> [String] {
        users.map {
            #"{"user_id":"\#($0)","channel_id":"9","message_sent":{"message_id":"\#(message)"}}"#
        }
    }
}
