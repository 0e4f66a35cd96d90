// Rule: whatever the size of the cache and the encoding of the events, every answer is the fold
// of the log, and what is in Redis after the end is that fold too.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct EveryAnswerEqualsTheFoldOfTheLog {
    /// With a cache that holds everything, for both encodings, on Apache Kafka.
    @Test(.enabled(if: KafkaServer.isAvailable), arguments: ["json", "protobuf"])
    func withALargeCache(_ encoding: String) throws {
        try check(Scenario("large-\(encoding)"), encoding)
    }

    /// The same without any Kafka, on the program's own broker.
    @Test func onTheEmbeddedBroker() throws {
        try check(Scenario("embedded", on: .embedded), "protobuf")
    }

    /// With a cache that holds a sixth of the states, so that users are evicted, and loaded again,
    /// all the time.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func withASmallCache() throws {
        try check(Scenario("small"), "protobuf", ["--cache-states", "200"]) { worker in
            // The figures may be a second old, and users on their way out are above the capacity
            // until they are committed.
            try worker.waitForMetrics("users evicted and loaded, a cache within its capacity") {
                $0.sum("readstates_cache_evictions_total") > 1_000
                    && $0.sum("readstates_loaded_users_total") > 1_000
                    && $0.sum("readstates_resident_states") <= 200
            }
        }
    }

    private func check(
        _ scenario: Scenario, _ encoding: String, _ arguments: [String] = [],
        _ look: (ReadStatesProgram) throws -> Void = { _ in }
    ) throws {
        let lines = try TraceSlice.lines()
        // Half of the log is there before the worker, half comes while it works.
        try scenario.publish(lines.prefix(lines.count / 2), as: encoding)
        let worker = try scenario.start(arguments)
        try scenario.publish(lines.dropFirst(lines.count / 2), as: encoding)
        try scenario.expectAnswers()
        #expect(try worker.metrics().sum("readstates_dead_letters_total") == 0)
        try look(worker)
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
        #expect(try scenario.storedPositions() == scenario.ends.mapValues { $0 + 1 })
    }
}
