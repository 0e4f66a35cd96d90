// Rule: a worker that is killed in the middle of its work, commits included, costs time and nothing
// else: the next one goes on from what is stored, and every answer is the fold of the log.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct AKilledWorkerLosesNothing {
    /// Killed three times while it commits and, in the small cache, evicts and loads.
    @Test(.enabled(if: KafkaServer.isAvailable), arguments: [nil, "200"])
    func killedWhileCommitting(_ cacheStates: String?) throws {
        let scenario = try Scenario("killed-\(cacheStates ?? "whole")")
        let lines = try TraceSlice.lines()
        var arguments = ["--flush-interval", "50ms"]
        if let cacheStates { arguments += ["--cache-states", cacheStates] }
        var from = 0
        for part in 1...3 {
            let worker = try scenario.start(arguments)
            let before = try scenario.storedPositions()
            let to = lines.count * part / 4
            try scenario.publish(lines[from..<to], as: "protobuf")
            from = to
            try waitUntil("the first commits", seen: worker.process.tail) {
                try scenario.storedPositions() != before
            }
            worker.process.kill()
        }
        let worker = try scenario.start(arguments)
        try scenario.publish(lines[from...], as: "protobuf")
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }
}
