// Rule: a Kafka that is out of reach is no reason to end: the worker keeps trying, says so, is
// not ready, and works as soon as Kafka is there; when Kafka goes away later, it goes on where it
// was.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct KafkaMayComeLaterAndGoAway {
    /// A broker of its own, killed before the worker starts and again while it works.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func killedAndStarted() throws {
        let kafka = try KafkaServer()
        let scenario = try Scenario("kafka-away", on: .server(kafka))
        let lines = try TraceSlice.lines()
        try scenario.publish(lines.prefix(10_000), as: "protobuf")
        kafka.kill()
        let worker = try scenario.launch()
        _ = try worker.process.waitForLine("word of the wait") {
            $0.contains("event=waiting") && $0.contains("kafka")
        }
        #expect(try worker.get("/readyz")?.status == 503)
        #expect(try worker.get("/readyz")?.body.contains("kafka") == true)
        try kafka.start()
        try worker.waitUntilReady()
        try scenario.expectAnswers()

        kafka.kill()
        // Answers come from what is here.
        try scenario.expectAnswers()
        #expect(worker.process.isRunning)
        try kafka.start()
        try scenario.publish(lines.dropFirst(10_000), as: "protobuf")
        try scenario.expectAnswers()
        try worker.waitUntilReady()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// The embedded broker standing still.
    @Test func standingStill() throws {
        let scenario = try Scenario("broker-still", on: .embedded)
        let lines = try TraceSlice.lines()
        try scenario.publish(lines.prefix(5_000), as: "protobuf")
        scenario.embedded!.process.pause()
        let worker = try scenario.launch()
        _ = try worker.process.waitForLine("word of the wait") {
            $0.contains("event=waiting") && $0.contains("kafka")
        }
        #expect(try worker.get("/readyz")?.status == 503)
        scenario.embedded!.process.resume()
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
    }
}
