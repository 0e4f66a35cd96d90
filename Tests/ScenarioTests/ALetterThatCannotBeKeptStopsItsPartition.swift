// Rule: where a dead letter cannot be produced, its partition stops and says so rather than lose
// it; the other partitions go on, and once there is a dead-letter topic everything is applied.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct ALetterThatCannotBeKeptStopsItsPartition {
    private func sent(_ user: UInt64, _ id: Int) -> String {
        #"{"user_id":"\#(user)","channel_id":"9","message_sent":{"message_id":"\#(id)"}}"#
    }

    /// Without a dead-letter topic, which is made later.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func withoutADeadLetterTopic() throws {
        let scenario = try Scenario("letterless", withDeadLetters: false)
        let stopped: UInt64 = 11
        let home = scenario.partition(of: stopped)
        let going = (1...).lazy.map(UInt64.init).first { scenario.partition(of: $0) != home }!
        let worker = try scenario.start([
            // How long librdkafka gives a topic to appear before it fails a record for it.
            "--kafka-property", "topic.metadata.propagation.max.ms=1000",
        ])
        try scenario.publish([sent(stopped, 1)])
        let bad = try scenario.produce([RawRecord(key: "\(stopped)", value: "{")])[0]
        try scenario.publish([sent(stopped, 2), sent(going, 3)])

        _ = try worker.process.waitForLine("word of the dead letter") {
            $0.contains("dead_letter_failed") && $0.contains("partition=\(home)")
        }
        try waitUntil("an unready worker", seen: worker.process.tail) {
            try worker.get("/readyz")?.status == 503
        }
        // The other partition works.
        var asker = try Asker(scenario)
        let request = #"{"id":"1","reply_to":"r","get":{"user_id":"\#(going)","channel_id":"9"}}"#
        let reply = try asker.ask(
            request, of: scenario.requests(scenario.partition(of: going)), at: "r")
        #expect(reply[flag: "ok"] == true)
        let position = try scenario.storedPositions()[home] ?? 0
        #expect(position <= bad.offset)

        try scenario.createTopic(scenario.deadLetterTopic)
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        let letters = try scenario.records(of: scenario.deadLetterTopic, count: 1)
        #expect(letters[0].value == Array("{".utf8))
        #expect(letters[0].headers["readstates.offset"] == "\(bad.offset)")
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// With one that does not take a record of this size, between two that it takes: those come
    /// there once, however often the large one is tried again.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func tooLargeForTheDeadLetterTopic() throws {
        let scenario = try Scenario(
            "largeletter", topicSettings: ["max.message.bytes": "4000000"], withDeadLetters: false)
        try scenario.createTopic(
            scenario.deadLetterTopic, settings: ["max.message.bytes": "1000000"])
        let worker = try scenario.start()
        let user: UInt64 = 11
        try scenario.publish([sent(user, 1)])
        let large = "{" + String(repeating: " ", count: 2_000_000)
        let places = try scenario.produce(
            ["{1", large, "{3"].map { RawRecord(key: "\(user)", value: $0) })
        try scenario.publish([sent(user, 2)])
        let home = scenario.partition(of: user)
        func failures() -> Int {
            worker.process.errorLines.count { $0.contains("dead_letter_failed") }
        }
        try waitUntil("three tries", seen: worker.process.tail) { failures() >= 3 }
        #expect(
            try worker.get("/readyz")?.body
                == "partition \(home) is stopped: the dead letter of offset "
                + "\(places[1].offset) cannot be produced\n")
        #expect(try scenario.storedPositions()[home] == places[1].offset)

        let kafka = try KafkaServer.shared()
        let altered = try kafka.run(
            tool: "kafka-configs.sh",
            [
                "--bootstrap-server", kafka.bootstrap, "--alter", "--entity-type", "topics",
                "--entity-name", scenario.deadLetterTopic,
                "--add-config", "max.message.bytes=4000000",
            ])
        try #require(altered.succeeded, "\(altered)")
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
        let letters = try scenario.records(of: scenario.deadLetterTopic, count: 3)
        #expect(letters.map { $0.value?.count }.sorted { $0! < $1! } == [2, 2, large.utf8.count])
    }
}
