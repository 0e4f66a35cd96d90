// One run: a world made from a seed, driven step by step. In each step chance picks who moves next:
// a worker handles one thing that came to it, Redis carries out one request, a record is produced,
// a question is asked, or a fault strikes. After a number of such steps the faults end, everybody
// is woken up, and the world must come to rest: lag zero, everything stored, every question
// settled.
//
//     log ──▶ Worker ⇄ Connection ⇄ FakeRedis        group ──▶ Worker
//               │ PartitionEngine (the shipped one)
//               ▼
//     answers, stored states, dead letters ──▶ checked against Truth
//
// Time is a number that grows with the steps. Nothing in a run depends on a clock, an address or
// the order of a hash table, so the same seed is the same run, to the last step.

import ReadStateCore

/// A simulated world.
package final class Simulation {
    let options: RunOptions
    let plan: Plan
    var random: Random
    package internal(set) var tally = Tally()
    /// The first thing that was not as it should be.
    package internal(set) var failure: String?

    // The log
    var truths: [Truth] = []
    var logStart: [Int64]
    var logEnd: [Int64]
    /// A part of the log that was still needed is gone; nobody can carry on by themselves.
    var isUnreachable: [Bool]
    /// Dead letters and skipped records that were accounted for, by partition and offset.
    var stored: [Set<Int64>]
    var skipped: [Set<Int64>]

    // Redis
    var redis: FakeRedis
    var knowsScripts = true
    /// The step in which all connections to a server that lost writes break at last.
    var cutsAt: Int?
    /// Connections that still have requests on the way.
    var connections: [Connection] = []

    // The group
    var owner: [Int]
    /// To whom a partition goes once its owner has given it up.
    var target: [Int?]
    /// How often a partition was given to somebody.
    var gifts: [Int]

    var workers: [Worker] = []
    var now = Instant(milliseconds: 1_000_000)
    var step = 0
    /// Faults are over.
    var isQuiet = false
    var queries: [Query] = []
    var lists: [[Int]]
    var sharedList: [Int] = []
    var batch: EventBatch

    package init(_ options: RunOptions) {
        self.options = options
        random = Random(seed: options.seed)
        plan = Plan(options, &random)
        let count = plan.partitions
        logStart = Array(repeating: 0, count: count)
        logEnd = Array(repeating: 0, count: count)
        isUnreachable = Array(repeating: false, count: count)
        stored = Array(repeating: [], count: count)
        skipped = Array(repeating: [], count: count)
        owner = Array(repeating: -1, count: count)
        target = Array(repeating: nil, count: count)
        gifts = Array(repeating: 0, count: count)
        lists = Array(repeating: [], count: count)
        redis = FakeRedis(partitions: count, planted: options.planted)
        batch = EventBatch(capacity: plan.batchLimit)
        makeLogs()
        workers = (0..<plan.workers).map { Worker(index: $0) }
        for worker in workers { begin(worker) }
    }

    /// Runs to the end, or to the first failure.
    package func run() {
        tally.runs = 1
        for partition in 0..<plan.partitions {
            give(partition, to: random.below(plan.workers))
        }
        while step < plan.steps, failure == nil { advance() }
        calmDown()
        let limit = step + 3_000 + 60 * plan.partitions * plan.records
        while failure == nil, !isSettled {
            if step >= limit {
                fail("no progress: \(whatIsMissing())")
            } else {
                advance()
            }
        }
        if failure == nil { checkEnd() }
        for worker in workers { harvest(worker) }
        tally.steps = step
        if failure != nil { tally.mismatches = 1 }
    }

    func fail(_ text: @autoclosure () -> String) {
        if failure == nil { failure = "step \(step): " + text() }
    }

    func trace(_ text: @autoclosure () -> String) {
        if let trace = options.trace { trace("\(step) \(text())") }
    }

    /// A fault strikes with its weight, per mille.
    func strikes(_ fault: Fault) -> Bool {
        guard !isQuiet, random.chance(plan.weights[fault]) else { return false }
        tally.count(fault)
        return true
    }

    private func advance() {
        step += 1
        now = now.advanced(byMilliseconds: Int64(random.below(plan.stepTime + 1)))
        if isQuiet {
            now = now.advanced(byMilliseconds: max(20, plan.settings.flushInterval / 50))
        } else {
            applyFaults()
        }
        switch random.below(100) {
        case ..<50: turn(workers[random.below(workers.count)])
        case ..<82: serve()
        case ..<92: produce()
        case ..<97: askSomething()
        default: checkSomeCache()
        }
    }

    private func produce() {
        let partition = random.below(plan.partitions)
        let most = min(plan.batchLimit, 1 + random.below(8))
        logEnd[partition] = min(truths[partition].end, logEnd[partition] + Int64(most))
    }

    private func makeLogs() {
        for partition in 0..<plan.partitions {
            var users: [UserID] = []
            var candidate: UInt64 = 1
            while users.count < plan.users {
                let user = UserID(candidate)
                candidate += 1
                if home(of: user) == partition { users.append(user) }
            }
            var truth = Truth(
                partition: PartitionID(Int32(partition)), window: plan.settings.window)
            var maker = LogMaker(
                users, channels: plan.channels, most: plan.mostChannels, isHot: plan.isHot,
                random: &random)
            for _ in 0..<plan.records {
                let text = maker.add(to: &truth, plan.weights, &tally, &random)
                trace("partition \(partition) \(truth.end - 1): \(truth.records.last!.content)")
                if let text { fail(text) }
            }
            truth.finish()
            truths.append(truth)
        }
    }

    func home(of user: UserID) -> Int {
        Int(Partitioning.partition(of: user, count: Int32(plan.partitions)).rawValue)
    }

    /// What a record looks like.
    func fingerprint(_ partition: Int, _ offset: Int64) -> RecordFingerprint {
        RecordFingerprint(
            offset: Offset(offset),
            hash: Random.mix(UInt64(bitPattern: offset) &* 31 &+ UInt64(partition)))
    }

    func freshToken() -> OwnerToken { OwnerToken(high: random.next(), low: random.next()) }

    /// Takes an engine's counters into the tally before it goes.
    func harvest(_ worker: Worker) {
        for station in worker.stations {
            let counters = station.engine.counters
            tally.events += Int(counters.applied + counters.unchanged)
            tally.commits += Int(counters.commits)
            tally.loads += Int(counters.loads)
            tally.answers += Int(counters.answers)
            tally.claimsKept += Int(counters.claimsKept)
            tally.claimsFresh += Int(counters.claimsFresh)
            tally.evictions += Int(counters.evictions)
        }
    }
}
