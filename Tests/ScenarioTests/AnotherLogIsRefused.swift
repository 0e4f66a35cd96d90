// Rule: read states belong to one topic. A topic that is not there, another one in the same
// namespace, one with another number of partitions, and one that was deleted and made again end
// the worker with exit code 3, and what is stored stays as it is.

import KafkaLog
import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct AnotherLogIsRefused {
    /// A topic that does not exist is not made.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func noSuchTopic() throws {
        let scenario = try Scenario("missing")
        let worker = try ReadStatesProgram.worker(
            kafka: scenario.bootstrap, redis: scenario.redis.url, topic: "scenario-nowhere",
            scenario.arguments())
        #expect(try worker.process.wait() == .exit(3))
        #expect(worker.process.errors.contains("scenario-nowhere"))
        #expect(try scenario.redis.keys() == [])
    }

    /// The same without any Kafka.
    @Test func noSuchTopicOnTheEmbeddedBroker() throws {
        let scenario = try Scenario("nowhere", on: .embedded)
        let worker = try ReadStatesProgram.worker(
            kafka: scenario.bootstrap, redis: scenario.redis.url, topic: "chat-events.dlq",
            scenario.arguments())
        try worker.waitUntilReady()
        #expect(try worker.stop() == .exit(0))
        // The namespace belongs to that topic now.
        let result = try scenario.run([])
        #expect(result.ending == .exit(3))
        #expect(result.errors.contains("chat-events.dlq"))
    }

    /// Another topic, and then other partitions, in a namespace that is in use.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func anotherTopicOrOtherPartitions() throws {
        let scenario = try Scenario("identity")
        try scenario.publish(TraceSlice.lines().prefix(2_000))
        let first = try scenario.start()
        try scenario.expectAnswers()
        #expect(try first.stop() == .exit(0))

        try scenario.createTopic("scenario-identity-2", partitions: 4)
        let second = try ReadStatesProgram.worker(
            kafka: scenario.bootstrap, redis: scenario.redis.url, topic: "scenario-identity-2",
            scenario.arguments())
        #expect(try second.process.wait() == .exit(3))
        #expect(second.process.errors.contains("belongs to topic scenario-identity"))
        try scenario.expectStored()

        try scenario.addPartitions(upTo: 5)
        let third = try scenario.run([])
        #expect(third.ending == .exit(3))
        #expect(third.errors.contains("made for 4 partitions, the topic has 5"))
        try scenario.expectStored()
    }

    /// A topic that gets a further partition under a running worker: keys are hashed to other
    /// partitions from then on. None of the new one's records is taken for misrouted.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func furtherPartitions() throws {
        let scenario = try Scenario("growing")
        try scenario.publish(TraceSlice.lines().prefix(2_000))
        let worker = try scenario.start([
            "--kafka-property", "topic.metadata.refresh.interval.ms=1000",
        ])
        try scenario.expectAnswers()
        try scenario.addPartitions(upTo: 5)
        #expect(try worker.process.wait() == .exit(3))
        #expect(worker.process.errors.contains("made for 4 partitions, the topic has more"))
        #expect(try !scenario.redis.keys().contains { $0.hasPrefix("{growing:4}") })
    }

    /// A topic of the same name, made again, with as many records as before.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func madeAgain() throws {
        let scenario = try Scenario("again")
        let lines = try TraceSlice.lines()
        try scenario.publish(lines.prefix(2_000))
        let first = try scenario.start()
        try scenario.expectAnswers()
        #expect(try first.stop() == .exit(0))
        try scenario.expectStored()
        let positions = try scenario.storedPositions()

        try TopicAdmin(scenario.kafka).delete(scenario.topic, within: .seconds(60))
        try waitUntil("a topic made again") {
            (try? scenario.createTopic(scenario.topic, partitions: scenario.partitions)) != nil
        }
        let input = lines.dropFirst(2_000).prefix(10_000).joined(separator: "\n")
        let published = try ReadStatesProgram.run(
            ["publish", "--kafka", scenario.bootstrap, "--topic", scenario.topic], input: input)
        try #require(published.succeeded, "\(published)")
        let second = try scenario.run([])
        #expect(second.ending == .exit(3))
        #expect(second.errors.contains("not the one that these read states were made from"))
        #expect(try scenario.storedPositions() == positions)
        try scenario.expectStored()
    }

    /// What the command line gets wrong is exit code 2, and the key is named.
    @Test func wrongUsage() throws {
        let nonsense = try ReadStatesProgram.run(["worker", "--cache-memroy", "1GB"])
        #expect(nonsense.ending == .exit(2))
        #expect(nonsense.errors.contains("cache-memroy"))
        #expect(nonsense.errors.contains("cache-memory"))

        let scenario = try Scenario("usage", on: .embedded)
        let property = try scenario.run(["--kafka-property", "enable.auto.commit=true"])
        #expect(property.ending == .exit(2))
        #expect(property.errors.contains("enable.auto.commit"))
        let window = try scenario.run(["--window", "1001"])
        #expect(window.ending == .exit(2))
        #expect(window.errors.contains("window"))
    }
}

extension Scenario {
    /// Has the topic on the shared Kafka hold more partitions than it was made with.
    fileprivate func addPartitions(upTo count: Int) throws {
        let altered = try KafkaServer.shared().run(
            tool: "kafka-topics.sh",
            [
                "--bootstrap-server", bootstrap, "--alter", "--topic", topic, "--partitions",
                "\(count)",
            ])
        try #require(altered.succeeded, "\(altered)")
    }
}
