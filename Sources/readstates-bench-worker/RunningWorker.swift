// The real worker process, with the questions that tell when it has done what.

import Glibc
import ReadStateCore
import ReadStateWire
import RedisLink
import TestSupport

/// Questions at a worker's lists, and the list of their answers.
private struct OpenQuestions: ~Copyable {
    private var client: BlockingRedis
    private let keys: Keys
    private let replyList: String

    init(_ address: RedisAddress, _ keys: Keys) throws(RedisLinkError) {
        client = try BlockingRedis(address)
        self.keys = keys
        replyList = "\(keys.replyPrefix)bench"
    }

    /// Asks about somebody of a partition; to be answered when `offset` is applied.
    mutating func ask(
        _ partition: Int32, of partitions: Int32, at offset: Int64
    ) throws(RedisLinkError) {
        let query = Self.question(partition, partitions, replyList, offset)
        let list = keys.partition(partition).requests
        // The array outlives the call.
        _ = try client.call { unsafe $0.pushRequest(query.span.bytes, to: list) }
    }

    /// Whether an answer came within two seconds.
    mutating func takeAnswer() throws(RedisLinkError) -> Bool {
        let list = replyList
        let reply = try client.call(timeoutMilliseconds: 5_000) { $0.command("BLPOP", list, "2") }
        return !reply.isNull
    }

    /// A question about somebody of a partition, to be answered when `offset` is applied.
    private static func question(
        _ partition: Int32, _ partitions: Int32, _ list: String, _ offset: Int64
    ) -> [UInt8] {
        var user: UInt64 = 1
        while Partitioning.partition(of: UserID(user), count: partitions).rawValue != partition {
            user += 1
        }
        var time = timespec()
        // The clock writes into our own structure.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        let query = Query(
            address: ReplyAddress(
                id: Array("\(offset)".utf8), replyTo: Array(list.utf8), encoding: .protobuf),
            deadlineUnixMilliseconds: Int64(time.tv_sec) * 1000 + 600_000,
            minOffset: Offset(offset), question: .totals(UserID(user)))
        var bytes: [UInt8] = []
        QueryEncoder.encode(query, into: &bytes)
        return bytes
    }

}

/// A worker that was started by the bench.
final class RunningWorker {
    let program: ReadStatesProgram
    let namespace: String
    /// Events up to the offsets that are waited for.
    let events: Int
    let begun: Double
    private let partitions: Int32
    private var questions: OpenQuestions
    private var expected: Int
    private(set) var firstApplied = 0.0

    var process: ChildProcess { program.process }

    init(
        bootstrap: String, redis: RedisServer, topic: Topic, namespace: String, part: Double,
        arguments: [String]
    ) throws {
        self.namespace = namespace
        partitions = topic.partitions
        var questions = try OpenQuestions(
            RedisAddress(parsing: redis.socketURL), Keys(namespace: namespace))
        var events = 0
        for (partition, last) in topic.lastOffsets {
            let offset = Int64(Double(last) * part)
            events += Int(offset) + 1
            try questions.ask(partition, of: topic.partitions, at: 0)
            try questions.ask(partition, of: topic.partitions, at: offset)
        }
        self.events = events
        self.questions = questions
        expected = 2 * topic.lastOffsets.count
        begun = seconds()
        program = try ReadStatesProgram(
            ["worker", "--kafka", bootstrap, "--redis", redis.socketURL, "--topic", topic.name]
                + ["--namespace", namespace, "--group", namespace, "--listen", "127.0.0.1:0"]
                + arguments)
    }

    /// Waits for all answers; when the last one came.
    func waitUntilApplied() throws -> Double {
        while expected > 0 {
            guard try questions.takeAnswer() else {
                guard process.isRunning else { throw BenchFailure("worker: \(process.tail)") }
                continue
            }
            if firstApplied == 0 { firstApplied = seconds() }
            expected -= 1
        }
        return seconds()
    }

    /// Waits until further offsets are applied, one of each partition; when the last one was.
    func waitUntilApplied(_ offsets: [Int32: Int64]) throws -> Double {
        for (partition, offset) in offsets {
            try questions.ask(partition, of: partitions, at: offset)
        }
        expected += offsets.count
        return try waitUntilApplied()
    }

    /// When the first partition was started, on the clock of `seconds`.
    func started() throws -> Double { try time(of: "event=partition_started") }

    /// When the first line of the log with this text was written.
    func time(of text: String) throws -> Double {
        let line = try process.waitForLine(text) { $0.contains(text) }
        guard let match = line.firstMatch(of: #/T(\d\d):(\d\d):(\d\d\.\d+)Z/#),
            let hours = Double(match.output.1), let minutes = Double(match.output.2),
            let rest = Double(match.output.3)
        else { throw BenchFailure("no time in: \(line)") }
        // The log tells the time of day; how long ago that is, both clocks agree on.
        var now = timespec()
        // The clock writes into our own structure.
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        let today = Double(now.tv_sec % 86_400) + Double(now.tv_nsec) / 1e9
        var ago = today - (hours * 3600 + minutes * 60 + rest)
        if ago < 0 { ago += 86_400 }
        return seconds() - ago
    }

    /// SIGTERM: it commits everything and ends.
    func end() throws {
        process.terminate()
        let ending = try process.wait(within: .seconds(120))
        guard ending == .exit(0) else { throw BenchFailure("worker: \(process.tail)") }
    }
}
