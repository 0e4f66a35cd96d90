// Queries while events flow at 70 % of the rate that is possible, beside a floor.
//
// The possible rate is what publisher, Kafka, worker and Redis sustain together, with the questions
// and with the commits of all users in each flush interval. It is found by trying, downwards from
// the rate at which events are published and applied when nothing holds the publisher back: that is
// too much, because many small batches cost all of them more than few large ones. A rate is
// sustained if its round, as long as the flush interval, ends with all events applied and no
// question left to be asked.
//
// The floor is a program that pops requests from lists of its own and pushes an answer of the same
// size, by the same calls, without looking anything up (`Answerer`). It is asked in the same
// seconds as the worker, by a process of the same kind, so both wait for the same Redis and the
// same cores: what is left is what a worker adds. Rounds without a worker follow, where the bare
// reader takes the events and nothing is committed.

import Glibc
import TestSupport

/// Half a million users of 16 channels: 8 million states, and as many commits as there can be,
/// since all users change within each flush interval.
private let manyUsers = Traffic(events: 12_000_000, users: 500_000, channels: 16)

func measureQueries(_ bench: Bench) throws {
    let topic = try bench.topic(partitions: 2, of: bench.traffic(manyUsers))
    let worker = try bench.startWorker(topic, until: 1)
    _ = try worker.waitUntilApplied()
    let flow = try Flow(bench, topic, worker)
    let rate = try bench.settings.rate ?? Int(0.7 * flow.sustainedRate())
    let resident = Int(try worker.program.metrics().sum("readstates_resident_states"))
    say("  \(resident) states, \(rate) events/s")
    let beside = try (0..<bench.settings.rounds).map { _ in
        let run = try flow.round(rate, seconds: 8)
        // What one round left undone is not the next one's.
        let behind = try flow.secondsBehind(run)
        if behind > mostBehind { say("      the worker was \(text(behind)) s behind at its end") }
        return run
    }
    try worker.end()
    let alone = try flow.withoutWorker {
        try (0..<bench.settings.rounds).map { _ in try flow.round(rate, seconds: 8) }
    }
    tell("p50", beside, alone) { $0.p50 }
    tell("p99", beside, alone) { $0.p99 }
    try bench.redis.cli("FLUSHALL")
}

/// Of the lowest of all rounds, and the median of what the rounds give one by one.
private func tell(
    _ name: String, _ beside: [Round], _ alone: [Round], _ figure: (Latency) -> Double
) {
    let workers = beside.map { figure($0.worker!) }
    let floors = beside.map { figure($0.floor) }
    let (worker, floor) = (workers.min()!, floors.min()!)
    let ratios = zip(workers, floors).map { $0 / $1 }
    let without = alone.map { figure($0.floor) }.min()!
    say(
        "  \(name): worker \(text(worker)) ms, floor \(text(floor)) ms, "
            + "ratio \(text(worker / floor)), of the rounds \(text(median(ratios))); "
            + "floor without a worker \(text(without)) ms, ratio \(text(worker / without))")
}

/// More than this at the end of a round is not keeping up.
private let mostBehind = 0.2
/// Which part of the questions may stay unasked: each of the askers may be late for a few at the
/// end.
private let mostUnasked = 0.01
/// Questions a second, of the worker and of the floor each.
private let questions = 500

/// What came of questions.
private struct Latency {
    /// Milliseconds.
    var p50: Double
    var p99: Double
    /// Questions that were due and not asked.
    var unasked: Int
}

private struct Round {
    /// Nil without a worker.
    var worker: Latency?
    var floor: Latency
    /// Events a second that were published.
    var rate: Double
    var lastOffsets: [Int32: Int64]
}

/// Events at a rate, and questions of the worker and of the floor beside them.
private final class Flow {
    private let bench: Bench
    private let topic: Topic
    private let worker: RunningWorker
    private let floor: Floor
    private var hasWorker = true
    private var seed = 1

    init(_ bench: Bench, _ topic: Topic, _ worker: RunningWorker) throws {
        self.bench = bench
        self.topic = topic
        self.worker = worker
        // Askers are made by `load`, which publishes too: an event a second that nobody reads.
        try bench.createTopic("quiet", partitions: topic.partitions)
        floor = try Floor(bench, partitions: topic.partitions)
    }

    /// Events a second that everybody together sustains. See the head of this file.
    func sustainedRate() throws -> Double {
        // The embedded broker would drop what was not read yet.
        let duration = bench.isRealKafka ? 15 : 4
        let begin = seconds()
        let run = try ended(publish(nil, seconds: duration))
        guard let match = run.firstMatch(of: #/published (\d+) events/#),
            let events = Double(match.output.1)
        else { throw BenchFailure("load: \(run)") }
        var rate = events / (try worker.waitUntilApplied(lastOffsets(run)) - begin)
        say("  \(Int(rate)) events/s without questions, as fast as that goes")
        let length = bench.isRealKafka ? 30 : 8
        while rate > 1_000 {
            rate *= 0.85
            let run = try round(Int(rate), seconds: length)
            let behind = try secondsBehind(run)
            let unasked = run.worker!.unasked
            say("      of \(Int(rate)) events/s \(text(behind)) s behind, \(unasked) not asked")
            let isAsked = Double(unasked) < mostUnasked * Double(length * questions)
            guard behind <= mostBehind, isAsked, run.rate > 0.98 * rate else { continue }
            say("  \(Int(rate)) events/s are possible, of which 70 % are sent")
            return rate
        }
        throw BenchFailure("no rate is sustained")
    }

    /// Some seconds of events and questions.
    func round(_ rate: Int, seconds: Int) throws -> Round {
        let events = try publish(rate, seconds: seconds)
        let askers = try (
            worker: hasWorker ? ask(worker.namespace, seconds: seconds) : nil,
            floor: ask(floor.namespace, seconds: seconds)
        )
        let output = try ended(events)
        guard
            let seen = output.firstMatch(of: #/: (\d+) events/s/#).flatMap({ Double($0.output.1) })
        else { throw BenchFailure("load: \(output)") }
        let round = try Round(
            worker: askers.worker.map { try latency(ended($0)) },
            floor: latency(ended(askers.floor)), rate: seen, lastOffsets: lastOffsets(output))
        for (name, latency) in [("worker", round.worker), ("floor", round.floor)] {
            guard let latency else { continue }
            say("    \(name): p50 \(text(latency.p50)) ms, p99 \(text(latency.p99)) ms")
        }
        return round
    }

    /// How long after the end of a round its last event is applied.
    func secondsBehind(_ round: Round) throws -> Double {
        let begin = seconds()
        return try worker.waitUntilApplied(round.lastOffsets) - begin
    }

    /// Something to do while a bare reader takes the events. The worker has ended.
    func withoutWorker<Result>(_ body: () throws -> Result) throws -> Result {
        hasWorker = false
        let reader = try ChildProcess(
            ["/proc/\(getpid())/exe", "bare", bench.bootstrap, topic.name]
                + ["\(topic.partitions)", "0"])
        defer { reader.kill() }
        return try body()
    }

    private func publish(_ rate: Int?, seconds: Int) throws -> ChildProcess {
        seed += 1
        let words = ["load", "--kafka", bench.bootstrap, "--topic", topic.name]
        return try ReadStatesProgram(
            words + topic.traffic.arguments + ["--seed", "\(seed)", "--duration", "\(seconds)s"]
                + (rate.map { ["--rate", "\($0)"] } ?? [])
        ).process
    }

    private func ask(_ namespace: String, seconds: Int) throws -> ChildProcess {
        let words = ["load", "--kafka", bench.bootstrap, "--topic", "quiet", "--rate", "1"]
        return try ReadStatesProgram(
            words + topic.traffic.arguments
                + ["--redis", bench.redis.socketURL, "--namespace", namespace]
                + ["--queries", "\(questions)", "--duration", "\(seconds)s"]
        ).process
    }

    /// What a run of `load` prints.
    private func ended(_ load: ChildProcess) throws -> String {
        let ending = try load.wait(within: .seconds(120))
        guard ending == .exit(0) else { throw BenchFailure("load: \(load.tail)") }
        return load.output
    }

    private func latency(_ output: String) throws -> Latency {
        guard let match = output.firstMatch(of: #/p50 ([\d.]+) ms, p99 ([\d.]+) ms/#),
            let p50 = Double(match.output.1), let p99 = Double(match.output.2)
        else { throw BenchFailure("load: \(output)") }
        let unasked = output.firstMatch(of: #/(\d+) were due and not asked/#)
        return Latency(p50: p50, p99: p99, unasked: unasked.flatMap { Int($0.output.1) } ?? 0)
    }
}
