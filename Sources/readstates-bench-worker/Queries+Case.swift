// Queries while events flow at 70 % of the rate that is possible, beside a floor.
//
// The possible rate is what publisher, Kafka, worker and Redis sustain together, with the questions
// and with the commits of all users in each flush interval. It is found by trying, downwards from
// the rate at which events are published and applied when nothing holds the publisher back: that is
// too much, because many small batches cost all of them more than few large ones. A rate is
// sustained if its round ends with all events applied and no question left to be asked.
//
// The floor is two processes in the worker's place at the same rate of events: the bare reader on
// the same topic, and a program that pops the requests from the same lists and pushes an answer of
// the same size by the same call, without looking anything up (`Answerer`). It commits nothing, so
// the worker's ratio to it holds the commits too.

import Glibc
import TestSupport

/// A million users of 16 channels: 8 million states, and as many commits as there can be, since all
/// users change within each flush interval.
private let manyUsers = Traffic(events: 12_000_000, users: 1_000_000, channels: 16)

func measureQueries(_ bench: Bench) throws {
    let topic = try bench.topic(partitions: 2, of: bench.traffic(manyUsers))
    let worker = try bench.startWorker(topic, until: 1)
    _ = try worker.waitUntilApplied()
    let load =
        ["load", "--kafka", bench.bootstrap, "--topic", topic.name] + topic.traffic.arguments
    let questions =
        load + ["--redis", bench.redis.socketURL, "--namespace", worker.namespace]
        + ["--queries", "1000", "--duration", "8s"]
    let rate =
        try bench.settings.rate ?? Int(0.7 * sustainedRate(bench, worker, load, questions))
    let rounds = questions + ["--rate", "\(rate)", "--seed"]
    let resident = Int(try worker.program.metrics().sum("readstates_resident_states"))
    say("  \(resident) states, \(rate) events/s")
    var seen: [[Double]] = []
    for round in 0..<bench.settings.rounds {
        let run = try ask(rounds + ["\(30 + round)"], "worker")
        seen.append([run.p50, run.p99])
        // What one round left undone is not the next one's.
        let behind = try secondsBehind(worker, run)
        if behind > mostBehind { say("      the worker was \(text(behind)) s behind at its end") }
    }
    try worker.end()
    let floor = try askFloor(bench, topic, worker.namespace, rounds)
    for (index, name) in ["p50", "p99"].enumerated() {
        let (one, other) = (seen.map { $0[index] }.min()!, floor.map { $0[index] }.min()!)
        say(
            "  \(name): worker \(text(one)) ms, floor \(text(other)) ms, "
                + "ratio \(text(one / other))")
    }
    try bench.redis.cli("FLUSHALL")
}

/// More than this at the end of a round is not keeping up.
private let mostBehind = 0.2
/// Of 8,000: each of the askers may be late for a few at the end.
private let mostUnasked = 80

/// Events a second that everybody together sustains. See the head of this file.
private func sustainedRate(
    _ bench: Bench, _ worker: RunningWorker, _ load: [String], _ questions: [String]
) throws -> Double {
    // The embedded broker would drop what was not read yet.
    let duration = bench.isRealKafka ? "15s" : "4s"
    let begin = seconds()
    let run = try ReadStatesProgram.run(
        load + ["--seed", "2", "--duration", duration], within: .seconds(120))
    guard let match = run.output.firstMatch(of: #/published (\d+) events/#),
        let events = Double(match.output.1)
    else { throw BenchFailure("load: \(run.output)\(run.errors)") }
    var rate = events / (try worker.waitUntilApplied(lastOffsets(run.output)) - begin)
    say("  \(Int(rate)) events/s without questions, as fast as that goes")
    for trial in 0..<8 {
        rate *= 0.85
        let seed = ["--seed", "\(3 + trial)"]
        let run = try ask(questions + ["--rate", "\(Int(rate))"] + seed, "trial")
        let behind = try secondsBehind(worker, run)
        say("      of \(Int(rate)) events/s \(text(behind)) s behind, \(run.unasked) not asked")
        let keepsUp = behind <= mostBehind && run.unasked < mostUnasked
        guard keepsUp, run.rate > 0.98 * rate else { continue }
        say("  \(Int(rate)) events/s are possible, of which 70 % are sent")
        return rate
    }
    throw BenchFailure("no rate is sustained")
}

/// How long after the end of a round its last event is applied.
private func secondsBehind(_ worker: RunningWorker, _ run: Asked) throws -> Double {
    let begin = seconds()
    return try worker.waitUntilApplied(run.lastOffsets) - begin
}

/// The same questions, answered by the floor.
private func askFloor(
    _ bench: Bench, _ topic: Topic, _ namespace: String, _ questions: [String]
) throws -> [[Double]] {
    let exe = "/proc/\(getpid())/exe"
    let answerer = try ChildProcess(
        [exe, "answer", bench.redis.socketURL, namespace, "\(topic.partitions)"])
    let reader = try ChildProcess(
        [exe, "bare", bench.bootstrap, topic.name, "\(topic.partitions)", "0"])
    defer {
        answerer.kill()
        reader.kill()
    }
    return try (0..<bench.settings.rounds).map {
        let run = try ask(questions + ["\(50 + $0)"], "floor")
        return [run.p50, run.p99]
    }
}

/// What came of a run of `load` with queries.
private struct Asked {
    /// Milliseconds.
    var p50: Double
    var p99: Double
    /// Questions that were due and not asked.
    var unasked: Int
    /// Events a second.
    var rate: Double
    var lastOffsets: [Int32: Int64]
}

private func ask(_ words: [String], _ name: String) throws -> Asked {
    let run = try ReadStatesProgram.run(words)
    guard let match = run.output.firstMatch(of: #/p50 ([\d.]+) ms, p99 ([\d.]+) ms/#),
        let p50 = Double(match.output.1), let p99 = Double(match.output.2),
        let rate = run.output.firstMatch(of: #/: (\d+) events/s/#).flatMap({ Double($0.output.1) })
    else { throw BenchFailure("load: \(run.output)\(run.errors)") }
    let unasked = run.output.firstMatch(of: #/(\d+) were due and not asked/#)
    say("    \(name): p50 \(text(p50)) ms, p99 \(text(p99)) ms")
    return Asked(
        p50: p50, p99: p99, unasked: unasked.flatMap { Int($0.output.1) } ?? 0, rate: rate,
        lastOffsets: lastOffsets(run.output))
}
