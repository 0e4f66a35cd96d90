// Rule: a Redis that acknowledged commits and lost them costs a replay and nothing else, whether
// the loss comes with a replica that takes the address of its dead primary, or with the end of an
// append-only file.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct RedisMayComeBackWithoutItsNewestWrites {
    private static let broker = KafkaServer.isAvailable ? Broker.kafka : .embedded

    /// The replica has stopped following before the newest commits.
    @Test(arguments: [nil, "200"])
    func aReplicaThatLacksThem(_ cacheStates: String?) throws {
        let scenario = try Scenario("stale-\(cacheStates ?? "whole")", on: Self.broker)
        var arguments = ["--flush-interval", "100ms"]
        if let cacheStates { arguments += ["--cache-states", cacheStates] }
        try check(scenario, arguments) { redis in
            let replica = try redis.replica()
            try replica.stopFollowing()
            return { try redis.fail(over: replica) }
        }
    }

    /// As after a crash of the machine.
    @Test func anAppendOnlyFileWithoutItsEnd() throws {
        let scenario = try Scenario("tail", on: Self.broker)
        try check(scenario, ["--flush-interval", "100ms"]) { redis in
            { try redis.restart(losing: 50_000) }
        }
    }

    /// `prepare` is called in the middle of the log, and what it gives once all of it is stored.
    private func check(
        _ scenario: Scenario, _ arguments: [String],
        prepare: (RedisServer) throws -> () throws -> Void
    ) throws {
        let lines = try TraceSlice.lines()
        let worker = try scenario.start(arguments)
        try scenario.publish(lines.prefix(10_000), as: "protobuf")
        try expectAllStored(scenario)
        let lose = try prepare(scenario.redis)
        try scenario.publish(lines.dropFirst(10_000).prefix(10_000), as: "protobuf")
        try expectAllStored(scenario)
        let before = try scenario.storedPositions()
        try lose()
        let after = try scenario.storedPositions()
        try #require(after != before, "nothing was lost")
        // Nothing new comes: it is noticed without that, and the answers are right at once.
        try scenario.expectAnswers()
        try worker.waitForMetrics("a replay") { metrics in
            metrics.sum("readstates_rolled_back_total") > 0
        }
        try worker.waitUntilReady()
        try scenario.publish(lines.dropFirst(20_000), as: "protobuf")
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }

    private func expectAllStored(_ scenario: Scenario) throws {
        var positions: [Int32: Int64] = [:]
        try waitUntil("all is stored", seen: "\(positions), \(scenario.ends)") {
            positions = try scenario.storedPositions()
            return scenario.ends.allSatisfy { positions[$0.key] == $0.value + 1 }
        }
    }
}
