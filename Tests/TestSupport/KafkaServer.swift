// A throwaway Apache Kafka broker (KRaft, one node: broker and controller) from the distribution
// that KAFKA_HOME names. Starting one takes several seconds, so a test process shares one, and
// tests keep apart by topics and groups of their own. Tests that hurt the broker make one for
// themselves.

import Foundation
import Glibc
import Synchronization

/// A real Kafka, ended and deleted with its owner.
package final class KafkaServer: Sendable {
    /// Where Apache Kafka is unpacked, from the environment.
    package static let home = ProcessInfo.processInfo.environment["KAFKA_HOME"].flatMap {
        $0.isEmpty ? nil : $0
    }

    /// Whether there is a Kafka to test with; says loudly, once, if not.
    package static let isAvailable: Bool = {
        if let home {
            let script = "\(home)/bin/kafka-server-start.sh"
            precondition(
                FileManager.default.isExecutableFile(atPath: script),
                "KAFKA_HOME is set, but there is no \(script)")
            return true
        }
        let text = "*** SKIPPED: tests with a real Kafka. Set KAFKA_HOME to run them. ***\n"
        FileHandle.standardError.write(Data(text.utf8))
        return false
    }()

    /// The broker that all tests of this process share; ends with the process.
    package static func shared() throws -> KafkaServer { try sharedServer.get() }
    private static let sharedServer = Result { try KafkaServer() }

    package let port: Int
    package var bootstrap: String { "127.0.0.1:\(port)" }
    private let home: String
    private let folder = TemporaryDirectory("kafka")
    private let configuration: String
    private let process = Mutex<ChildProcess?>(nil)

    /// Starts a broker and waits until it answers. `settings` are laid over those below.
    package init(settings: [String: String] = [:]) throws {
        guard let home = Self.home else {
            throw ChildProcess.CannotStart(description: "KAFKA_HOME is not set")
        }
        self.home = home
        port = FreePort.next()
        let values = Self.settings(port: port, data: folder.file("data"))
            .merging(settings) { _, given in given }
        let lines = values.map { "\($0.key)=\($0.value)\n" }.sorted().joined()
        configuration = try folder.write(lines, to: "server.properties")
        let format = try run(
            tool: "kafka-storage.sh",
            ["format", "-t", Self.clusterIdentifier(), "-c", configuration])
        guard format.succeeded else {
            throw ChildProcess.CannotStart(
                description: "kafka-storage.sh: \(format.output)\(format.errors)")
        }
        try start()
    }

    deinit { kill() }

    private static func settings(port: Int, data: String) -> [String: String] {
        let controller = FreePort.next()
        return [
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": "1@127.0.0.1:\(controller)",
            "controller.listener.names": "CONTROLLER",
            "listeners": "PLAINTEXT://127.0.0.1:\(port),CONTROLLER://127.0.0.1:\(controller)",
            "advertised.listeners": "PLAINTEXT://127.0.0.1:\(port)",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": data,
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "2",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "2",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            // No wait for stragglers, and a lost session is a matter of seconds.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            // A killed broker is back in seconds.
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "2000",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "log.cleaner.dedupe.buffer.size": "16777216",
        ]
    }

    /// 16 random bytes in base64 for URLs; must not begin with a dash, which would be an option.
    private static func clusterIdentifier() -> String {
        let bytes = [0x51] + (1..<16).map { _ in UInt8.random(in: .min ... .max) }
        return Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    // MARK: Life

    /// Starts the broker on the data it has and waits until it answers.
    package func start() throws {
        precondition(process.withLock { $0 == nil }, "kill it before starting it again")
        let started = try ChildProcess(
            ["\(home)/bin/kafka-server-start.sh", configuration], environment: environment)
        process.withLock { $0 = started }
        try waitUntil("Kafka on \(bootstrap)", within: .seconds(180), seen: started.tail) {
            if let ending = started.ending {
                throw DeadlinePassed(description: "Kafka ended: \(ending)\n\(started.tail)")
            }
            return answers
        }
    }

    /// A broker is ready when it answers a request (ApiVersions, version 0, without a client id),
    /// not when its port is open.
    private var answers: Bool {
        let request: [UInt8] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0, 0]
        let answer = exchange(with: .tcp(port: port), send: request) { $0.count >= 10 }
        return (answer?.count ?? 0) >= 10
    }

    /// `kill -9`; what was acknowledged is in its files.
    package func kill() {
        process.withLock { process in
            process?.kill()
            process = nil
        }
    }

    /// An orderly end.
    package func stop() throws {
        let running = process.withLock { process in
            defer { process = nil }
            return process
        }
        running?.terminate()
        try running?.wait()
    }

    /// Stops the process as it is: connections stay open, nothing is answered.
    package func pause() { process.withLock { $0?.pause() } }
    package func resume() { process.withLock { $0?.resume() } }

    /// What the broker has said so far.
    package var log: String { process.withLock { $0?.output ?? "" } }

    // MARK: Its tools

    /// Runs one of the distribution's tools; each takes seconds, most of it the start of Java.
    package func run(
        tool: String, _ arguments: [String], input: String = ""
    ) throws -> ChildProcess.Result {
        try ChildProcess.run(
            ["\(home)/bin/\(tool)"] + arguments, environment: environment, input: input,
            within: .seconds(120))
    }

    /// Makes a topic with the distribution's own tool.
    package func createTopic(
        _ name: String, partitions: Int, settings: [String: String] = [:]
    ) throws {
        let result = try run(
            tool: "kafka-topics.sh",
            ["--bootstrap-server", bootstrap, "--create", "--topic", name]
                + ["--partitions", "\(partitions)", "--replication-factor", "1"]
                + settings.flatMap { ["--config", "\($0.key)=\($0.value)"] })
        guard result.succeeded else {
            throw ChildProcess.CannotStart(
                description: "kafka-topics.sh: \(result.output)\(result.errors)")
        }
    }

    /// A small heap and the serial collector: many tests, few cores.
    private var environment: [String: String?] {
        [
            "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m",
            "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC -Djava.awt.headless=true",
            "LOG_DIR": folder.file("logs"),
        ]
    }
}
