// Queries while events flow at 70 % of the rate that is possible, beside a floor.
//
// The possible rate is what publisher, Kafka, worker and Redis sustain together with the commits in
// it: events are published as fast as that goes for one flush interval, while the users of the
// interval before are committed, and the time goes on until the last of them is applied.
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
    let possible = try sustainedRate(bench, worker, load)
    let rate = Int(possible * 0.7)
    let resident = Int(try worker.program.metrics().sum("readstates_resident_states"))
    say("  \(resident) states, \(Int(possible)) events/s are possible; 70 %: \(rate)")
    let questions =
        load + ["--redis", bench.redis.socketURL, "--namespace", worker.namespace]
        + ["--queries", "1000", "--rate", "\(rate)", "--duration", "8s", "--seed"]
    var seen: [[Double]] = []
    for round in 0..<bench.settings.rounds {
        let run = try ask(questions + ["\(3 + round)"], "worker")
        seen.append(run.answered)
        // What one round left undone is not the next one's.
        let begin = seconds()
        let behind = try worker.waitUntilApplied(run.lastOffsets) - begin
        if behind > 0.1 { say("      the worker was \(text(behind)) s behind at its end") }
    }
    try worker.end()
    let floor = try askFloor(bench, topic, worker.namespace, questions)
    for (index, name) in ["p50", "p99"].enumerated() {
        let (one, other) = (seen.map { $0[index] }.min()!, floor.map { $0[index] }.min()!)
        say(
            "  \(name): worker \(text(one)) ms, floor \(text(other)) ms, "
                + "ratio \(text(one / other))")
    }
    try bench.redis.cli("FLUSHALL")
}

/// Events a second that everybody together sustains. See the head of this file.
private func sustainedRate(
    _ bench: Bench, _ worker: RunningWorker, _ load: [String]
) throws -> Double {
    // The embedded broker would drop what was not read yet.
    let duration = bench.isRealKafka ? "30s" : "4s"
    let begin = seconds()
    let run = try ReadStatesProgram.run(
        load + ["--seed", "2", "--duration", duration], within: .seconds(120))
    guard let match = run.output.firstMatch(of: #/published (\d+) events/#),
        let events = Double(match.output.1)
    else { throw BenchFailure("load: \(run.output)\(run.errors)") }
    return events / (try worker.waitUntilApplied(lastOffsets(run.output)) - begin)
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
        try ask(questions + ["\(20 + $0)"], "floor").answered
    }
}

/// p50 and p99 in ms of a run of `load` with queries, and how far it wrote.
private func ask(
    _ words: [String], _ name: String
) throws -> (answered: [Double], lastOffsets: [Int32: Int64]) {
    let run = try ReadStatesProgram.run(words)
    guard let match = run.output.firstMatch(of: #/p50 ([\d.]+) ms, p99 ([\d.]+) ms/#),
        let p50 = Double(match.output.1), let p99 = Double(match.output.2)
    else { throw BenchFailure("load: \(run.output)\(run.errors)") }
    say("    \(name): p50 \(text(p50)) ms, p99 \(text(p99)) ms")
    return ([p50, p99], lastOffsets(run.output))
}
