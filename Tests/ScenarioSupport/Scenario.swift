// What every scenario begins with: a topic, a group, a namespace and a Redis of its own, and the
// fold of everything it has published. The Kafka is that of the test process, or the program's own
// embedded broker where a scenario is to run without one; the workers are the real program.

import Foundation
package import KafkaLog
import ReadStateCore
package import RedisLink
package import TestSupport

/// Where a scenario's events come from.
package enum Broker: Sendable {
    /// The Apache Kafka of this test process.
    case kafka
    /// One that a scenario may hurt.
    case server(KafkaServer)
    /// `readstates embedded-broker`, whose topic is fixed: `chat-events`, 4 partitions.
    case embedded
}

/// One scenario's surroundings. Ends and deletes all of it with its last reference.
package final class Scenario {
    package let topic: String
    package let group: String
    package let bootstrap: String
    package let redis: RedisServer
    package let keys: Keys
    package let partitions: Int32
    /// The fold of what was published.
    package private(set) var fold = ReferenceFold()
    /// The last offset of each partition that something was published to.
    package private(set) var ends: [Int32: Int64] = [:]
    /// The embedded broker's process.
    package let embedded: ReadStatesProgram?
    /// The database that the workers were told to use.
    package var database = 0

    /// `name` begins the names of topic, group and namespace.
    package init(
        _ name: String, on broker: Broker = .kafka, partitions: Int32 = 4,
        topicSettings: [String: String] = [:], withDeadLetters: Bool = true,
        redis change: (inout RedisServer.Options) -> Void = { _ in }
    ) throws {
        redis = try RedisServer(change)
        keys = try Keys(namespace: name)
        group = "scenario-\(name)"
        self.partitions = partitions
        switch broker {
        case .kafka, .server:
            topic = "scenario-\(name)"
            if case .server(let server) = broker {
                bootstrap = server.bootstrap
            } else {
                bootstrap = try KafkaServer.shared().bootstrap
            }
            embedded = nil
            try createTopic(topic, partitions: partitions, settings: topicSettings)
            if withDeadLetters { try createTopic(deadLetterTopic, settings: topicSettings) }
        case .embedded:
            precondition(partitions == 4 && withDeadLetters && topicSettings.isEmpty)
            topic = "chat-events"
            let program = try ReadStatesProgram(["embedded-broker"])
            let line = try program.process.waitForLine("the broker's address") {
                $0.hasPrefix("bootstrap=")
            }
            bootstrap = String(line.dropFirst("bootstrap=".count))
            embedded = program
        }
    }

    package var deadLetterTopic: String { "\(topic).dlq" }

    package var kafka: KafkaSettings { KafkaSettings(bootstrapServers: bootstrap, topic: topic) }

    /// Makes a topic on this scenario's Kafka.
    package func createTopic(
        _ name: String, partitions: Int32 = 1, settings: [String: String] = [:]
    ) throws {
        try TopicAdmin(kafka).create(
            name, partitions: partitions, replication: 1,
            configuration: settings.map { (key: $0.key, value: $0.value) }, within: .seconds(60))
    }

    package func partition(of user: UInt64) -> Int32 {
        Partitioning.partition(of: UserID(user), count: partitions).rawValue
    }

    package func requests(_ partition: Int32) -> String { keys.partition(partition).requests }

    package func address() throws -> RedisAddress {
        try RedisAddress(
            parsing: "\(redis.socketURL)?db=\(database)", password: redis.options.password)
    }

    /// For comparing this scenario's read states with a fold.
    package func comparison() throws -> Comparison {
        Comparison(try address(), keys, partitions: partitions)
    }

    // MARK: Events

    /// Publishes events in their JSON form with `readstates publish`, and folds them.
    package func publish(
        _ lines: some Sequence<some StringProtocol>, as encoding: String = "json"
    ) throws {
        var input = ""
        for line in lines {
            input += line
            input += "\n"
        }
        let result = try ReadStatesProgram.run(
            ["publish", "--kafka", bootstrap, "--topic", topic, "--encoding", encoding],
            input: input, within: .seconds(120))
        guard result.succeeded else {
            throw ChildProcess.CannotStart(description: "publish: \(result)")
        }
        for match in result.output.matches(of: #/partition (\d+): \d+, last offset (\d+)/#) {
            ends[Int32(match.1)!] = Int64(match.2)!
        }
        try fold.apply(lines: lines)
    }

    /// An event that was published in another way, at this place of its user's partition.
    package func note(_ line: String, user: UInt64, at offset: Int64) throws {
        try fold.apply(line: line)
        reached(offset, in: partition(of: user))
    }

    /// The partition's log reaches at least so far.
    package func reached(_ offset: Int64, in partition: Int32) {
        ends[partition] = max(ends[partition] ?? -1, offset)
    }

    // MARK: Workers

    /// What a worker of this scenario is started with. The fold knows no window, so the default is
    /// the largest there is; small intervals keep scenarios short.
    package func arguments(_ further: [String] = []) -> [String] {
        [
            "--group", group, "--namespace", keys.namespace, "--cache-memory", "64MB",
        ] + Self.defaults.filter { !further.contains($0.0) }.flatMap { [$0.0, $0.1] }
            + ["--kafka-property", "session.timeout.ms=4000"]
            + ["--kafka-property", "heartbeat.interval.ms=500"] + further
    }

    private static let defaults = [("--window", "1000"), ("--flush-interval", "500ms")]

    /// Starts a worker without waiting for anything.
    package func launch(
        _ further: [String] = [], redis: String? = nil
    ) throws -> ReadStatesProgram {
        try ReadStatesProgram.worker(
            kafka: bootstrap, redis: redis ?? self.redis.url, topic: topic, arguments(further))
    }

    /// Starts a worker and waits until it is ready.
    package func start(_ further: [String] = []) throws -> ReadStatesProgram {
        let worker = try launch(further)
        try worker.waitUntilReady()
        return worker
    }

    /// Runs a worker that is expected to end by itself.
    package func run(_ further: [String], redis: String? = nil) throws -> ChildProcess.Result {
        let worker = try launch(further, redis: redis)
        let ending = try worker.process.wait()
        return ChildProcess.Result(
            ending: ending, output: worker.process.output, errors: worker.process.errors)
    }
}

extension ReadStatesProgram {
    /// SIGTERM, and how it ended.
    package func stop() throws -> ChildProcess.Ending {
        process.terminate()
        return try process.wait()
    }

    /// Waits until the metrics satisfy a condition.
    package func waitForMetrics(_ what: String, _ holds: (Metrics) -> Bool) throws {
        try waitUntil(what, seen: self.process.tail) { holds(try metrics()) }
    }
}
