// Rule: a Redis that answers after two seconds makes everything slow and nothing wrong; the worker
// stays ready, since every answer still comes.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct ASlowRedisMakesNothingWrong {
    /// Every reply of Redis to the worker is two seconds late, for commits, loads and requests.
    @Test func answeringAfterTwoSeconds() throws {
        let scenario = try Scenario("slow", on: KafkaServer.isAvailable ? .kafka : .embedded)
        let lines = try TraceSlice.lines()
        let proxy = SlowProxy(to: .tcp(port: scenario.redis.port))
        let worker = try scenario.launch(
            ["--flush-interval", "100ms"], redis: "redis://127.0.0.1:\(proxy.port)")
        try worker.waitUntilReady()
        try scenario.publish(lines.prefix(10_000), as: "protobuf")
        try scenario.expectAnswers()
        proxy.delayReplies(by: .seconds(2))
        let seconds = try worker.metrics().sum("readstates_commit_seconds_sum")
        try scenario.publish(lines.dropFirst(10_000).prefix(10_000), as: "protobuf")
        // How many commits there are is a matter of the machine's speed; each partition has one.
        try worker.waitForMetrics("slow commits") {
            $0.sum("readstates_commit_seconds_sum") > seconds + 6
        }
        #expect(try worker.get("/readyz")?.status == 200)
        #expect(!worker.process.errors.contains("redis_connection_broken"))
        proxy.delayReplies(by: .zero)
        try scenario.expectAnswers()

        // Cut off in the middle of slow replies.
        proxy.delayReplies(by: .seconds(2))
        try scenario.publish(lines.dropFirst(20_000), as: "protobuf")
        proxy.cut()
        _ = try worker.process.waitForLine("word of the cut") {
            $0.contains("redis_connection_broken")
        }
        proxy.delayReplies(by: .zero)
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }
}
