// What every scenario stands on: a topic of its own on a real Kafka, a Redis of its own, the real
// program as worker, and a reference fold of all that was published. Events go in through the
// program's own command, questions through the bundled query client; what comes back is compared
// with the fold.

import KafkaLog
import ReadStateClient
import ReadStateCore
import ReadStateWire
import RedisLink
import Synchronization
import TestSupport
import Testing

/// Scenarios need a real Kafka; they run one after the other, each has the machine for itself.
@Suite(.serialized, .enabled(if: KafkaServer.isAvailable)) struct Scenarios {}

/// A topic, a Redis, and what was published to the one and must be answered from the other.
final class Scenario {
    let kafka: KafkaServer
    let redis: RedisServer
    let topic: String
    let partitions: Int32
    /// The read states that all events so far make.
    private(set) var fold = ReferenceFold()
    /// The last offset of each partition that was written to.
    private(set) var lastOffsets: [Int32: Int64] = [:]

    private static let count = Atomic<Int>(0)

    init(
        partitions: Int32 = 4, kafka: KafkaServer? = nil,
        redis: (inout RedisServer.Options) -> Void = { _ in }
    ) throws {
        self.kafka = try kafka ?? KafkaServer.shared()
        self.redis = try RedisServer(redis)
        self.partitions = partitions
        let number = Self.count.add(1, ordering: .relaxed).newValue
        topic = "scenario-\(number)"
        let admin = try TopicAdmin(KafkaSettings(bootstrapServers: self.kafka.bootstrap, topic: ""))
        try admin.create(topic, partitions: partitions, within: .seconds(60))
        try admin.create("\(topic).dlq", partitions: 1, within: .seconds(60))
    }

    // MARK: The program

    /// Starts a worker on this topic and this Redis that commits after one second, not thirty.
    func worker(_ arguments: [String] = []) throws -> ReadStatesProgram {
        let own = ["--group", topic, "--flush-interval", "1s"]
        return try ReadStatesProgram.worker(
            kafka: kafka.bootstrap, redis: redis.url, topic: topic, own + arguments)
    }

    /// Starts a worker and waits until it says that it is ready.
    func readyWorker(_ arguments: [String] = []) throws -> ReadStatesProgram {
        let worker = try worker(arguments)
        try worker.waitUntilReady()
        return worker
    }

    // MARK: Events

    /// Publishes events in their JSON form with the program's own command, which ends when Kafka
    /// has them all, and folds them.
    func publish(_ lines: some Sequence<some StringProtocol>) throws {
        let text = lines.map { "\($0)\n" }.joined()
        let result = try ReadStatesProgram.run(
            ["publish", "--kafka", kafka.bootstrap, "--topic", topic], input: text,
            within: .seconds(180))
        try #require(result.succeeded, "\(result)")
        for match in result.output.matches(of: #/partition (\d+): \d+, last offset (\d+)/#) {
            let partition = try #require(Int32(match.output.1))
            lastOffsets[partition] = Int64(match.output.2)
        }
        try fold.apply(lines: lines)
    }

    // MARK: Answers

    /// How answers may differ from the fold.
    enum Precision {
        /// Not at all: the window is larger than any backlog.
        case exact
        /// Where an answer says that it is not exact, its counts may be too high.
        case upperBounds
    }

    /// Asks for the states of every user, up to the last event of their partition, and compares.
    func expectAnswers(
        _ precision: Precision = .exact, within limit: Duration = ordinaryDeadline,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        var client = try QueryClient(
            RedisAddress(parsing: redis.url), Keys(namespace: "readstates"), timeout: limit)
        var wrong: [String] = []
        for (user, expected) in Dictionary(grouping: fold.all, by: \.key.user) {
            let partition = Partitioning.partition(of: UserID(user), count: partitions)
            let offset = lastOffsets[partition.rawValue].map(Offset.init)
            var answered: [UInt64: ReadStateSummary] = [:]
            try client.list(UserID(user), unreadOnly: false, minOffset: offset) { _, states in
                for state in states { answered[state.channel.rawValue] = state }
            }
            wrong += differences(of: answered, from: expected, user, precision)
        }
        let text = wrong.prefix(20).joined(separator: "\n")
        #expect(wrong.isEmpty, "\(wrong.count) differ:\n\(text)", sourceLocation: location)
    }

    private func differences(
        of answered: [UInt64: ReadStateSummary],
        from expected: [(key: ReferenceFold.Key, value: ReferenceFold.Expected)], _ user: UInt64,
        _ precision: Precision
    ) -> [String] {
        var wrong: [String] = []
        for (key, state) in expected where state != ReferenceFold.Expected() {
            guard let answer = answered[key.channel] else {
                wrong.append("user \(user) channel \(key.channel): missing, expected \(state)")
                continue
            }
            if !matches(answer, state, precision) {
                wrong.append("user \(user): \(answer), expected \(state)")
            }
        }
        let known = Set(expected.map(\.key.channel))
        for channel in answered.keys where !known.contains(channel) {
            wrong.append("user \(user) channel \(channel): nobody wrote that")
        }
        return wrong
    }

    private func matches(
        _ answer: ReadStateSummary, _ expected: ReferenceFold.Expected, _ precision: Precision
    ) -> Bool {
        guard answer.lastRead.rawValue == expected.lastRead,
            answer.lastMessage.rawValue == expected.lastMessage
        else { return false }
        if precision == .upperBounds, !answer.exact {
            return answer.unreadCount >= expected.unreadCount
                && answer.mentionCount >= expected.mentionCount
        }
        return answer.exact && answer.unreadCount == expected.unreadCount
            && answer.mentionCount == expected.mentionCount
    }
}

extension ReadStatesProgram {
    /// Ends the worker as an operator does, and expects that it ends well.
    func stop(at location: SourceLocation = #_sourceLocation) throws {
        process.terminate()
        let ending = try process.wait()
        #expect(ending == .exit(0), "\(process.tail)", sourceLocation: location)
    }
}
