// Rule: while Redis is away a worker takes nothing in that it could lose, says so and is not
// ready; when Redis is back, with all it had or without its tail, every read state is again the
// fold of the log.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct RedisMayGoAwayAndComeBack {
    private static let broker = KafkaServer.isAvailable ? Broker.kafka : .embedded

    /// Killed while events flow, and started again on its append-only file.
    @Test func withAllItHad() throws {
        let scenario = try Scenario("redis-away", on: Self.broker)
        try check(scenario, ["--flush-interval", "100ms", "--cache-states", "200"])
    }

    /// Started again without any of it: the worker notices, and replays the log.
    @Test func withNothingLeft() throws {
        let scenario = try Scenario("redis-empty", on: Self.broker) { $0.appendOnly = .off }
        try check(scenario, ["--flush-interval", "100ms", "--allow-unsafe-redis"])
    }

    /// Standing still, with its connections open.
    @Test func standingStill() throws {
        let scenario = try Scenario("redis-still", on: Self.broker)
        let lines = try TraceSlice.lines()
        let worker = try scenario.start(["--flush-interval", "100ms"])
        try scenario.publish(lines.prefix(10_000), as: "protobuf")
        scenario.redis.pause()
        try scenario.publish(lines.dropFirst(10_000).prefix(10_000), as: "protobuf")
        try waitUntil("an unready worker", seen: worker.process.tail) {
            try worker.get("/readyz")?.status == 503
        }
        scenario.redis.resume()
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }

    private func check(_ scenario: Scenario, _ arguments: [String]) throws {
        let lines = try TraceSlice.lines()
        let worker = try scenario.start(arguments)
        try scenario.publish(lines.prefix(10_000), as: "protobuf")
        try waitUntil("the first commits") { try !scenario.storedPositions().isEmpty }
        scenario.redis.kill()
        try scenario.publish(lines.dropFirst(10_000).prefix(10_000), as: "protobuf")
        try waitUntil("an unready worker", seen: worker.process.tail) {
            try worker.get("/readyz")?.status == 503
        }
        #expect(try worker.get("/readyz")?.body.contains("Redis") == true)
        #expect(worker.process.errors.contains("redis_connection_broken"))
        #expect(try worker.get("/livez")?.status == 200)
        try scenario.redis.start()
        try worker.waitUntilReady()
        try scenario.publish(lines.dropFirst(20_000), as: "protobuf")
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }
}
