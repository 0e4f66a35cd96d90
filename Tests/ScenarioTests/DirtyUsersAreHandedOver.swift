// Rule: partitions that go to another worker with thousands of dirty users are committed within the
// budget, and the next owner replays nothing; where the budget is too short for that, they are let
// go as they are, and the next owner replays the rest. Nothing is lost either way, and questions
// are answered all the time.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads, .enabled(if: KafkaServer.isAvailable))
struct DirtyUsersAreHandedOver {
    private static let users = 4_000

    /// Time enough: everything is committed before the partitions change hands.
    @Test(arguments: ["range", "cooperative-sticky"])
    func withinTheBudget(_ strategy: String) throws {
        let scenario = try Scenario("handed-\(strategy)")
        let (first, second) = try handOver(scenario, strategy, budget: "20s")
        #expect(!first.process.errors.contains("partition_let_go_dirty"))
        let metrics = try second.metrics()
        #expect(metrics.sum("readstates_events_included_total") == 0)
        try finish(scenario, first, second)
    }

    /// A millisecond is not enough for any of it.
    @Test(arguments: ["range", "cooperative-sticky"])
    func beyondTheBudget(_ strategy: String) throws {
        let scenario = try Scenario("dropped-\(strategy)")
        let (first, second) = try handOver(scenario, strategy, budget: "1ms")
        _ = try first.process.waitForLine("word of what was not committed") {
            $0.contains("partition_let_go_dirty")
        }
        try finish(scenario, first, second)
    }

    /// Redis answers after two seconds, so that committing takes the better part of the budget: who
    /// asks meanwhile is answered before any partition is given back.
    @Test(arguments: ["range", "cooperative-sticky"])
    func answeringMeanwhile(_ strategy: String) throws {
        let scenario = try Scenario("answering-\(strategy)")
        let proxy = SlowProxy(to: .tcp(port: scenario.redis.port))
        let arguments = Self.arguments(strategy, budget: "20s")
        let first = try scenario.launch(arguments, redis: "redis://127.0.0.1:\(proxy.port)")
        try publishAndWait(scenario, first)
        proxy.delayReplies(by: .seconds(2))
        let second = try scenario.launch(arguments)
        _ = try first.process.waitForLine("partitions taken away") {
            $0.contains("partitions_revoked")
        }
        var asker = try Asker(scenario)
        for partition in 0..<scenario.partitions {
            let user = try #require((1...100).first { scenario.partition(of: $0) == partition })
            try asker.push(
                #"{"id":"r","reply_to":"r","totals":{"user_id":"\#(user)"}}"#,
                to: scenario.requests(partition))
        }
        for _ in 0..<scenario.partitions {
            let reply = try JSON(asker.pop("r"))
            #expect(reply[object: "totals"]?[number: "mention_count"] == 1)
        }
        #expect(!first.process.errors.contains("partition_released"))
        proxy.delayReplies(by: .zero)
        try waitUntilShared(first, second)
        try finish(scenario, first, second)
    }

    private static func arguments(_ strategy: String, budget: String) -> [String] {
        [
            "--flush-interval", "1h", "--revoke-budget", budget,
            "--kafka-property", "partition.assignment.strategy=\(strategy)",
        ]
    }

    /// Leaves the worker with nothing committed.
    private func publishAndWait(_ scenario: Scenario, _ worker: ReadStatesProgram) throws {
        try scenario.publish(ManyUsers.lines(Self.users))
        try worker.waitForMetrics("dirty users") {
            $0.sum("readstates_dirty_users") == Double(Self.users)
        }
        #expect(try scenario.storedPositions().isEmpty)
    }

    private func waitUntilShared(
        _ first: ReadStatesProgram, _ second: ReadStatesProgram
    ) throws {
        _ = try second.process.waitForLine("a partition that was taken over") {
            $0.contains("partition_started")
        }
        try first.waitUntilReady()
        try second.waitUntilReady()
    }

    /// A worker with nothing committed, and a second one that has taken over a share of it.
    private func handOver(
        _ scenario: Scenario, _ strategy: String, budget: String
    ) throws -> (ReadStatesProgram, ReadStatesProgram) {
        let arguments = Self.arguments(strategy, budget: budget)
        let first = try scenario.start(arguments)
        try publishAndWait(scenario, first)
        let second = try scenario.launch(arguments)
        try waitUntilShared(first, second)
        return (first, second)
    }

    private func finish(
        _ scenario: Scenario, _ first: ReadStatesProgram, _ second: ReadStatesProgram
    ) throws {
        try scenario.expectAnswers()
        try scenario.publish(ManyUsers.moreLines(Self.users))
        try scenario.expectAnswers()
        #expect(try first.stop() == .exit(0))
        #expect(try second.stop() == .exit(0))
        // What the first one could not commit in its last moments, a third one replays.
        let third = try scenario.start()
        try scenario.expectAnswers()
        #expect(try third.stop() == .exit(0))
        try scenario.expectStored()
    }
}
