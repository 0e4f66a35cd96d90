// The cases about time: idle, start, visibility, hand-over, the flush.

import Glibc
import KafkaLog
import ReadStateClient
import ReadStateCore
import ReadStateService
import ReadStateWire
import RedisLink
import Synchronization
import TestSupport

/// What a worker of many partitions costs while nothing happens.
func measureIdle(_ bench: Bench) throws {
    let partitions: Int32 = bench.isRealKafka ? 256 : 16
    let topic = try bench.topic(partitions: partitions)
    let worker = try bench.startWorker(topic, ["--flush-interval", "1s"], until: 1)
    _ = try worker.waitUntilApplied()
    try waitUntil("all is committed") {
        try worker.program.metrics().sum("readstates_dirty_users") == 0
    }
    usleep(2_000_000)
    let (before, start) = (ProcessCost.of(worker.process.identifier), seconds())
    usleep(15_000_000)
    let after = ProcessCost.of(worker.process.identifier)
    let share = (after.cpu - before.cpu) / (seconds() - start)
    say("  idle with \(partitions) partitions: \(text(share * 100)) % of a core")
    try worker.end()
    try bench.redis.cli("FLUSHALL")
}

/// From the group's assignment to the first event applied, and to all partitions started.
func measureStart(_ bench: Bench) throws {
    let topic = try bench.topic(partitions: 2)
    var joins: [Double] = []
    var firsts: [Double] = []
    for _ in 0..<bench.settings.rounds {
        let worker = try bench.startWorker(topic, until: 0)
        _ = try worker.waitUntilApplied()
        let assigned = try worker.time(of: "event=partitions_assigned")
        joins.append(assigned - worker.begun)
        firsts.append(worker.firstApplied - assigned)
        worker.process.kill()
        try bench.redis.cli("FLUSHALL")
    }
    say(
        "  from the start to the group's assignment \(text(median(joins) * 1000, 0)) ms, "
            + "from there to the first event applied and told \(text(median(firsts) * 1000, 0)) ms")
}

/// From the acknowledgement of an event's produce to an answer that includes it.
func measureVisibility(_ bench: Bench) throws {
    let topic = Topic(
        name: "visibility", partitions: 2, traffic: Traffic(events: 0), lastOffsets: [:])
    try bench.createTopic(topic.name, partitions: topic.partitions)
    let worker = try bench.startWorker(topic, until: 0)
    try worker.program.waitUntilReady()
    var producer = try Producer(
        KafkaSettings(bootstrapServers: bench.bootstrap, topic: topic.name), for: .bulk)
    let keys = try Keys(namespace: worker.namespace)
    var client = try QueryClient(
        try RedisAddress(parsing: bench.redis.socketURL), keys, timeout: .seconds(5))
    var times: [Double] = []
    for number in 1...600 {
        let user = UInt64(number % 100 + 1)
        var key: [UInt8] = []
        Decimal.append(user, to: &key)
        var event = EventFields(listStart: 0)
        (event.user, event.channel, event.message) = (user, 9, UInt64(number))
        event.kind = .messageSent
        var value: [UInt8] = []
        EventEncoder.protobuf(event, entries: [], into: &value)
        // Both arrays outlive the call.
        _ = try unsafe producer.produce(
            key: key.span.bytes, value: value.span.bytes, ticket: UInt64(number))
        var offset: Int64?
        while offset == nil {
            producer.poll(milliseconds: 100) {
                if case .delivered(let delivery) = $0 { offset = delivery.offset }
            }
        }
        let acknowledged = seconds()
        _ = try client.ask(.get(UserID(user), ChannelID(9)), minOffset: Offset(offset!))
        times.append(seconds() - acknowledged)
    }
    times.removeFirst(100)
    say(
        "  visible after its produce was acknowledged: p50 \(milliseconds(times, 0.5)), "
            + "p99 \(milliseconds(times, 0.99)), max \(milliseconds(times, 1))")
    try worker.end()
}

private func milliseconds(_ times: [Double], _ share: Double) -> String {
    "\(text(quantile(share, of: times) * 1000)) ms"
}

// MARK: Hand-over and flush

/// A second worker comes while users are dirty: how long do queries of either half wait?
func measureHandOver(_ bench: Bench) throws {
    let topic = try bench.topic(partitions: 2)
    let first = try bench.startWorker(topic, until: 1)
    _ = try first.waitUntilApplied()
    let floor = try Floor(bench, partitions: topic.partitions)
    // One for each partition: a question that waits at one keeps none from the other.
    var askers = try (0..<topic.partitions).map {
        try ("partition \($0)", SteadyAsker(bench, namespace: first.namespace, partition: $0))
    }
    askers.append(try ("floor", SteadyAsker(bench, namespace: floor.namespace)))
    usleep(3_000_000)
    let begin = seconds()
    let second = try ReadStatesProgram(
        ["worker", "--kafka", bench.bootstrap, "--redis", bench.redis.socketURL]
            + ["--topic", topic.name, "--namespace", first.namespace]
            + ["--group", first.namespace, "--listen", "127.0.0.1:0"])
    _ = try second.process.waitForLine("a second owner") { $0.contains("partition_started") }
    usleep(3_000_000)
    let end = seconds()
    for (name, asker) in askers {
        let all = asker.stop()
        let calm = all.filter { $0.asked < begin }.map(\.seconds)
        let moved = all.filter { $0.asked >= begin && $0.asked < end }.map(\.seconds)
        say(
            "  \(name): before p99 \(milliseconds(calm, 0.99)), longest "
                + "\(milliseconds(calm, 1)); meanwhile p99 \(milliseconds(moved, 0.99)), longest "
                + "\(milliseconds(moved, 1))")
    }
    second.process.terminate()
    try second.process.wait(within: .seconds(60))
    try first.end()
    try bench.redis.cli("FLUSHALL")
}

/// Two minutes of queries with a burst of users at 20 s: does the flush at 50 s show?
func measureFlush(_ bench: Bench) throws {
    let topic = try bench.topic(partitions: 2)
    let worker = try bench.startWorker(topic, ["--flush-interval", "30s"], until: 1)
    _ = try worker.waitUntilApplied()
    try waitUntil("all is committed", within: .seconds(90)) {
        try worker.program.metrics().sum("readstates_dirty_users") == 0
    }
    let floor = try Floor(bench, partitions: topic.partitions)
    let askers = try [worker.namespace, floor.namespace].map {
        try SteadyAsker(bench, namespace: $0)
    }
    let begin = seconds()
    usleep(20_000_000)
    let burst = try ReadStatesProgram.run(
        ["load", "--kafka", bench.bootstrap, "--topic", topic.name, "--users", "300000"]
            + ["--channels", "1", "--skew", "0", "--count", "600000", "--seed", "9"])
    let touched = seconds() - begin
    let rate = burst.output.split(separator: "\n").last ?? ""
    say("  burst from 20.0 s to \(text(touched, 1)) s: \(rate)")
    while seconds() - begin < 120 { usleep(200_000) }
    let answers = askers.map { $0.stop() }
    for from in stride(from: 0.0, to: 120, by: 5) {
        let figures = answers.map { all in
            let part = all.filter { $0.asked - begin >= from && $0.asked - begin < from + 5 }
                .map(\.seconds)
            return "p50 \(milliseconds(part, 0.5)), p99 \(milliseconds(part, 0.99)), "
                + "longest \(milliseconds(part, 1))"
        }
        say("  \(text(from, 0).column(3)) s: \(figures[0]); floor \(figures[1])")
    }
    try worker.end()
    try bench.redis.cli("FLUSHALL")
}

/// One answered question.
struct AnsweredQuestion: Sendable {
    var asked: Double
    var seconds: Double
}

/// Asks one question after the other about users of all partitions or of one, on a thread of its
/// own, some 500 a second.
final class SteadyAsker {
    private let shared = SharedAnswers()
    private var thread: OSThread?

    private final class SharedAnswers: Sendable {
        let isStopped = Atomic(false)
        let answered = Mutex<[AnsweredQuestion]>([])
    }

    init(_ bench: Bench, namespace: String, partition: Int32? = nil) throws {
        let keys = try Keys(namespace: namespace)
        let address = try RedisAddress(parsing: bench.redis.socketURL)
        let (users, shared) = (UInt64(bench.traffic().users), shared)
        @Sendable func isAsked(_ user: UInt64) -> Bool {
            partition == nil
                || Partitioning.partition(of: UserID(user), count: 2).rawValue == partition
        }
        thread = try OSThread(name: "asker") {
            guard var client = try? QueryClient(address, keys, timeout: .seconds(30)) else {
                return
            }
            var user: UInt64 = 1
            while !shared.isStopped.load(ordering: .relaxed) {
                repeat { user = user % users + 1 } while !isAsked(user)
                let asked = seconds()
                guard (try? client.ask(.get(UserID(user), ChannelID(1)))) != nil else { continue }
                let taken = seconds() - asked
                shared.answered.withLock {
                    $0.append(AnsweredQuestion(asked: asked, seconds: taken))
                }
                usleep(2_000)
            }
        }
    }

    func stop() -> [AnsweredQuestion] {
        shared.isStopped.store(true, ordering: .relaxed)
        thread.take()?.join()
        return shared.answered.withLock { $0 }
    }
}
