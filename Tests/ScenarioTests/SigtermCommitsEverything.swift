// Rule: SIGTERM ends a worker within its budget with exit code 0 and everything that it has
// applied in Redis; the next one replays nothing of it.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct SigtermCommitsEverything {
    /// While events flow in, and long before their commits are due.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func whileEventsFlow() throws {
        let scenario = try Scenario("sigterm")
        let lines = try TraceSlice.lines()
        let half = lines.count / 2
        let arguments = ["--flush-interval", "1h", "--shutdown-budget", "10s"]
        let first = try scenario.start(arguments)
        try scenario.publish(lines.prefix(half))
        try scenario.expectAnswers()
        // Nothing was due, so nothing is stored yet.
        #expect(try scenario.storedPositions().isEmpty)
        #expect(try first.stop() == .exit(0))
        try scenario.expectStored()
        #expect(try scenario.storedPositions() == scenario.ends.mapValues { $0 + 1 })

        // The second one is stopped while it reads.
        try scenario.publish(lines.dropFirst(half))
        let second = try scenario.launch(arguments)
        _ = try second.process.waitForLine("a started partition") {
            $0.contains("partition_started")
        }
        // Beyond its budget the process would not have ended by itself.
        second.process.terminate()
        #expect(try second.process.wait(within: .seconds(12)) == .exit(0))

        let third = try scenario.start(arguments)
        try scenario.expectAnswers()
        let metrics = try third.metrics()
        #expect(metrics.sum("readstates_events_included_total") == 0)
        #expect(metrics.sum("readstates_events_applied_total") <= Double(lines.count - half))
        #expect(try third.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// SIGINT does the same, and a worker that waits for Kafka or Redis ends at once.
    @Test func whileWaiting() throws {
        let scenario = try Scenario("waiting", on: .embedded)
        let worker = try scenario.start()
        worker.process.send(signal: 2)
        #expect(try worker.process.wait() == .exit(0))

        let nowhere = "redis://127.0.0.1:\(FreePort.next())"
        let waiting = try scenario.launch(redis: nowhere)
        _ = try waiting.process.waitForLine("word of the wait") { $0.contains("event=waiting") }
        #expect(try waiting.get("/readyz")?.status == 503)
        #expect(try waiting.get("/livez")?.status == 200)
        #expect(try waiting.stop() == .exit(0))
    }
}
