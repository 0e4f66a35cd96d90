// One run: servers, workers, a publisher, and a schedule of faults that the seed determines. Once a
// minute everything is mended, the publisher pauses, and all read states are compared with the
// fold: what the workers answer, and what they have stored. The servers' own speed decides what
// exactly happens, so a seed makes a run likely and not certain.

import Foundation
import KafkaLog
import RedisLink
import ScenarioSupport
import TestSupport

/// A worker of the run, until it has ended.
final class ChaosWorker {
    let number: Int
    let program: ReadStatesProgram
    /// Running, and nothing is being done to it.
    var isWell = true
    /// It was told to end, and must have by then.
    var mustEndBy: ContinuousClock.Instant?
    var isKilled = false

    init(number: Int, _ program: ReadStatesProgram) {
        self.number = number
        self.program = program
    }

    func end() {
        isWell = false
        mustEndBy = .now + .seconds(60)
        program.process.terminate()
    }

    func wakeUp() {
        program.process.resume()
        isWell = true
    }
}

/// Something did not go as promised; the text says what.
struct ChaosFailure: Error, CustomStringConvertible {
    let description: String
}

final class Chaos {
    static let mostWorkers = 4
    private static let betweenChecks: Duration = .seconds(45)
    /// How long everything may take to be in order again once nothing is done to it any more.
    private static let recovery: Duration = .seconds(240)

    let scenario: Scenario
    let proxy: SlowProxy
    let kafka: KafkaServer?
    let traffic: Traffic
    let logs: String
    var random: SeededNumbers
    var workers: [ChaosWorker] = []
    var isRedisTroubled = false
    var isKafkaTroubled = false
    private(set) var summary = Summary()

    private let strategy: String
    private var launched = 0
    private var schedule: [(due: ContinuousClock.Instant, step: () throws -> Void)] = []

    init(_ arguments: Arguments, logs: String) throws {
        self.logs = logs
        random = SeededNumbers(seed: arguments.seed)
        let kafka = KafkaServer.isAvailable ? try KafkaServer() : nil
        self.kafka = kafka
        // librdkafka's mock cluster knows eager rebalances only.
        let isCooperative = random.chance(500)
        strategy = kafka != nil && isCooperative ? "cooperative-sticky" : "range"
        scenario = try Scenario(
            "chaos-\(arguments.seed)", on: kafka.map { .server($0) } ?? .embedded)
        proxy = SlowProxy(to: .tcp(port: scenario.redis.port))
        traffic = Traffic(seed: arguments.seed, perSecond: arguments.rate)
    }

    /// Makes faults for so long, and checks.
    func run(for duration: Duration) throws {
        let begin = ContinuousClock.now
        defer { summary.note(traffic.eventCount, ContinuousClock.now - begin) }
        for _ in 0..<2 { try launch() }
        traffic.start(scenario.kafka)
        let end = begin + duration
        while ContinuousClock.now < end {
            try makeFaults(until: min(end, .now + Self.betweenChecks))
            try check()
        }
        try endAll()
    }

    /// What the run came to so far, and the logs of the workers that still run.
    func finish() -> Summary {
        for worker in workers { keepLog(of: worker) }
        workers.removeAll()
        return summary
    }

    // MARK: Faults

    private func makeFaults(until end: ContinuousClock.Instant) throws {
        while ContinuousClock.now < end {
            try pass(until: min(end, .now + .milliseconds(random.among(200...3_000))))
            let fault = Fault.random(&random)
            if try begin(fault) {
                say("\(fault.rawValue)")
                summary.faults[fault, default: 0] += 1
            }
        }
    }

    /// Puts a step on the schedule, so many milliseconds from now.
    func later(_ milliseconds: ClosedRange<Int>, _ step: @escaping () throws -> Void) {
        let due = ContinuousClock.now + .milliseconds(random.among(milliseconds))
        schedule.append((due, step))
    }

    /// Lets time pass, and takes the steps that come due.
    private func pass(until end: ContinuousClock.Instant) throws {
        try waitUntil("time", within: .seconds(3_600)) {
            try takeSteps()
            return ContinuousClock.now >= end
        }
    }

    private func takeSteps() throws {
        while let index = schedule.firstIndex(where: { $0.due <= .now }) {
            try schedule.remove(at: index).step()
        }
        for worker in workers { try checkEnd(of: worker) }
        if let failure = traffic.failure { throw ChaosFailure(description: failure) }
    }

    // MARK: Workers

    /// Starts a worker with settings of its own: commits seldom or often, caches large or small.
    func launch() throws {
        launched += 1
        let interval = ["50ms", "500ms", "2s", "5s"].randomElement(using: &random)!
        var arguments = [
            "--flush-interval", interval, "--shutdown-budget", "10s",
            "--kafka-property", "partition.assignment.strategy=\(strategy)",
        ]
        if let states = [nil, "400", "4000"].randomElement(using: &random)! {
            arguments += ["--cache-states", states]
        }
        let program = try scenario.launch(arguments, redis: "redis://127.0.0.1:\(proxy.port)")
        workers.append(ChaosWorker(number: launched, program))
    }

    /// A worker ends when it is told to, then with code 0, or when it is killed.
    private func checkEnd(of worker: ChaosWorker) throws {
        guard !worker.isKilled else { return }
        if let ending = worker.program.process.ending {
            guard worker.mustEndBy != nil || ending == .signal(9) else {
                throw ChaosFailure(description: "worker \(worker.number) ended: \(ending)")
            }
            if worker.mustEndBy != nil {
                // Before its first words a process has nothing to lose, and dies like any other.
                let hasBegun = !worker.program.process.errors.isEmpty
                guard ending == .exit(0) || (ending == .signal(SIGTERM) && !hasBegun) else {
                    throw ChaosFailure(
                        description: "worker \(worker.number), told to end, ended: \(ending)")
                }
                retire(worker)
            }
        } else if let limit = worker.mustEndBy, limit < .now {
            throw ChaosFailure(description: "worker \(worker.number) was told to end, and runs")
        }
    }

    /// Forgets a worker that has ended, and keeps its log.
    func retire(_ worker: ChaosWorker) {
        guard workers.contains(where: { $0 === worker }) else { return }
        keepLog(of: worker)
        workers.removeAll { $0 === worker }
    }

    private func keepLog(of worker: ChaosWorker) {
        let text = worker.program.process.errors
        summary.count(log: text)
        try? Data(text.utf8).write(to: URL(filePath: "\(logs)/worker-\(worker.number).log"))
    }

    // MARK: Checks

    /// Mends everything, pauses the publisher, and compares.
    private func check() throws {
        try waitUntil("mended faults", within: .seconds(300)) {
            try takeSteps()
            return schedule.isEmpty
        }
        let published = try traffic.pause()
        try waitUntil("ready workers", within: Self.recovery, seen: tails) {
            try takeSteps()
            return try workers.allSatisfy {
                try $0.mustEndBy == nil && $0.program.get("/readyz")?.status == 200
            }
        }
        let comparison = try scenario.comparison()
        summary.add(
            try comparison.answers(
                published.fold, ends: published.ends, within: Self.recovery,
                judge: Comparison.isEqual), "answered")
        try compareStored(published.fold)
        summary.checks += 1
        say(
            "check \(summary.checks): \(summary.compared) states compared, "
                + "\(summary.wrong.count) wrong, \(traffic.eventCount) events")
        guard summary.wrong.isEmpty else { throw ChaosFailure(description: "wrong states") }
        traffic.resume()
    }

    /// What is dirty is stored some seconds later.
    private func compareStored(_ fold: ReferenceFold) throws {
        try waitUntil("no dirty users", within: Self.recovery, seen: tails) {
            try takeSteps()
            return try workers.allSatisfy {
                try $0.program.metrics().sum("readstates_dirty_users") == 0
            }
        }
        summary.add(try scenario.comparison().stored(fold, judge: Comparison.isEqual), "stored")
    }

    private func endAll() throws {
        say("all are told to end")
        for worker in workers { worker.end() }
        try waitUntil("an end of all workers", within: Self.recovery) {
            try takeSteps()
            return workers.isEmpty
        }
        let published = try traffic.pause()
        // Workers that were told to end left some of the log to their successors.
        try launch()
        let comparison = try scenario.comparison()
        summary.add(
            try comparison.answers(
                published.fold, ends: published.ends, within: Self.recovery,
                judge: Comparison.isEqual), "answered")
        workers[0].end()
        try waitUntil("an end of the last worker", within: Self.recovery) {
            try takeSteps()
            return workers.isEmpty
        }
        // Everything it has applied is stored.
        summary.add(
            try comparison.stored(published.fold, judge: Comparison.isEqual), "stored at the end")
        guard summary.wrong.isEmpty else { throw ChaosFailure(description: "wrong states") }
    }

    private var tails: String {
        workers.map { "worker \($0.number): \($0.program.process.errors.suffix(1_500))" }
            .joined(separator: "\n")
    }
}
