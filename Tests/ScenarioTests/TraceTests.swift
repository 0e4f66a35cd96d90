import TestSupport
import Testing

extension Scenarios {
    /// The read states of real conversations are answered as a plain fold of the log has them: from
    /// a cache too small for them, and by the next worker from what the first one stored.
    @Test func theTraceIsAnsweredAsFolded() throws {
        let scenario = try Scenario()
        try scenario.publish(Trace.lines())
        let arguments = ["--window", "1000", "--cache-states", "300"]

        let worker = try scenario.readyWorker(arguments)
        try scenario.expectAnswers()
        let metrics = try worker.metrics()
        #expect(metrics.sum("readstates_cache_evictions_total") > 0)
        #expect(metrics.sum("readstates_loads_total") > 0)
        try worker.stop()

        let next = try scenario.readyWorker(arguments)
        try scenario.expectAnswers()
        #expect(try next.metrics().sum("readstates_events_applied_total") == 0)
        try next.stop()
    }

    /// With a window smaller than the backlog, a count is right or says that it is an upper bound.
    @Test func aSmallWindowIsExactOrSaysSo() throws {
        let scenario = try Scenario()
        try scenario.publish(Trace.lines(limit: 100_000))
        let worker = try scenario.readyWorker(["--window", "8"])
        try scenario.expectAnswers(.upperBounds)
        try worker.stop()
    }
}
