// Rule: a worker that is told to end and killed before it is done has stored some of what it knew;
// the next one replays the rest.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct KilledWhileItEnds {
    /// SIGTERM with thousands of dirty users and a Redis so slow that the end takes a while, and
    /// SIGKILL in the middle of the last commits.
    @Test func sigtermAndThenSigkill() throws {
        let users = 4_000
        let scenario = try Scenario("killed-end", on: KafkaServer.isAvailable ? .kafka : .embedded)
        let proxy = SlowProxy(to: .tcp(port: scenario.redis.port))
        let worker = try scenario.launch(
            ["--flush-interval", "1h"], redis: "redis://127.0.0.1:\(proxy.port)")
        try worker.waitUntilReady()
        try scenario.publish(ManyUsers.lines(users))
        try worker.waitForMetrics("dirty users") {
            $0.sum("readstates_dirty_users") == Double(users)
        }
        #expect(try scenario.storedPositions().isEmpty)
        proxy.delayReplies(by: .milliseconds(200))
        worker.process.terminate()
        try waitUntil("the first of the last commits", seen: worker.process.tail) {
            try !scenario.storedPositions().isEmpty
        }
        worker.process.kill()
        #expect(worker.process.ending == .signal(9), "it was done before it was killed")
        let positions = try scenario.storedPositions()
        #expect(scenario.ends.contains { positions[$0.key] != $0.value + 1 })

        let next = try scenario.start()
        try scenario.expectAnswers()
        try scenario.publish(ManyUsers.moreLines(users))
        try scenario.expectAnswers()
        #expect(try next.stop() == .exit(0))
        try scenario.expectStored()
    }
}
