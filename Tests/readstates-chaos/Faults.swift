// What may happen to the servers and the workers, and how each fault begins and is mended. A fault
// that lasts is mended by a step that is put on the schedule; two faults of the same server never
// overlap, those of different ones do.

import ScenarioSupport
import TestSupport

/// Something that happens sooner or later.
enum Fault: String, CaseIterable {
    case workerKilled = "kills"
    case workerTerminated = "terms"
    case workerTerminatedThenKilled = "terms-killed"
    case workerStoppedForLong = "zombies"
    case workerStoppedBriefly = "stalls"
    case workerJoins = "joins"
    case workerLeaves = "leaves"
    case redisKilled = "redis-kills"
    case redisTailLost = "redis-tails"
    case redisStale = "redis-stale"
    case redisStopped = "redis-stalls"
    case redisSlow = "redis-slow"
    case redisCut = "redis-cuts"
    case kafkaStopped = "kafka-stalls"
    case kafkaKilled = "kafka-kills"

    /// How often, compared with the others.
    var weight: Int {
        switch self {
        case .workerKilled: 20
        case .workerTerminated: 8
        case .workerTerminatedThenKilled: 8
        case .workerStoppedForLong: 10
        case .workerStoppedBriefly: 10
        case .workerJoins, .workerLeaves: 10
        case .redisKilled: 8
        case .redisTailLost: 8
        case .redisStale: 8
        case .redisStopped: 6
        case .redisSlow: 4
        case .redisCut: 8
        case .kafkaStopped: 4
        case .kafkaKilled: 3
        }
    }

    /// One of them, as often as their weights say.
    static func random(_ random: inout SeededNumbers) -> Fault {
        var draw = random.among(0...allCases.reduce(-1) { $0 + $1.weight })
        for fault in allCases {
            draw -= fault.weight
            if draw < 0 { return fault }
        }
        preconditionFailure("the draw is below the sum of all weights")
    }
}

extension Chaos {
    /// Makes a fault begin; false if it cannot be now.
    func begin(_ fault: Fault) throws -> Bool {
        switch fault {
        case .workerKilled, .workerTerminated, .workerTerminatedThenKilled, .workerStoppedForLong,
            .workerStoppedBriefly, .workerJoins, .workerLeaves:
            return try beginOfWorker(fault)
        case .redisKilled, .redisTailLost, .redisStale, .redisStopped, .redisSlow, .redisCut:
            guard !isRedisTroubled else { return false }
            isRedisTroubled = true
            try beginOfRedis(fault)
            return true
        case .kafkaStopped, .kafkaKilled:
            guard !isKafkaTroubled, fault == .kafkaStopped || kafka != nil else { return false }
            isKafkaTroubled = true
            beginOfKafka(fault)
            return true
        }
    }

    // MARK: Workers

    private func beginOfWorker(_ fault: Fault) throws -> Bool {
        if fault == .workerJoins {
            guard workers.count < Self.mostWorkers else { return false }
            try launch()
            return true
        }
        let well = workers.filter { $0.isWell }
        guard let worker = well.randomElement(using: &random) else { return false }
        switch fault {
        case .workerKilled:
            worker.isWell = false
            worker.program.process.kill()
            later(0...3_000) { [self] in try replace(worker) }
        case .workerTerminated:
            worker.end()
            later(0...3_000) { [self] in try launch() }
        case .workerTerminatedThenKilled:
            worker.end()
            later(10...1_500) { [self] in
                worker.isKilled = true
                worker.program.process.kill()
                try replace(worker)
            }
        case .workerStoppedForLong:
            worker.isWell = false
            worker.program.process.pause()
            later(5_000...9_000) { worker.wakeUp() }
        case .workerStoppedBriefly:
            worker.isWell = false
            worker.program.process.pause()
            later(100...3_000) { worker.wakeUp() }
        case .workerLeaves:
            guard well.count > 1 else { return false }
            worker.end()
        default: preconditionFailure("\(fault) is none of a worker")
        }
        return true
    }

    private func replace(_ worker: ChaosWorker) throws {
        retire(worker)
        try launch()
    }

    // MARK: Redis

    private func beginOfRedis(_ fault: Fault) throws {
        let redis = scenario.redis
        switch fault {
        case .redisKilled:
            redis.kill()
            later(0...4_000) { [self] in try redisIsBack { try redis.start() } }
        case .redisTailLost:
            redis.kill()
            try redis.cutLog(by: random.among(1...200_000))
            later(0...2_000) { [self] in try redisIsBack { try redis.start() } }
        case .redisStale:
            let replica = try redis.replica()
            try replica.stopFollowing()
            later(100...5_000) { [self] in try redisIsBack { try redis.fail(over: replica) } }
        case .redisStopped:
            redis.pause()
            later(100...12_000) { [self] in redisIsBack { redis.resume() } }
        case .redisSlow:
            proxy.delayReplies(by: .seconds(2))
            later(4_000...10_000) { [self] in redisIsBack { proxy.delayReplies(by: .zero) } }
        case .redisCut:
            proxy.cut()
            isRedisTroubled = false
        default: preconditionFailure("\(fault) is none of Redis")
        }
    }

    private func redisIsBack(_ mend: () throws -> Void) rethrows {
        try mend()
        isRedisTroubled = false
    }

    // MARK: Kafka

    private func beginOfKafka(_ fault: Fault) {
        guard let kafka else {
            let broker = scenario.embedded!.process
            broker.pause()
            later(100...8_000) { [self] in
                broker.resume()
                isKafkaTroubled = false
            }
            return
        }
        switch fault {
        case .kafkaStopped:
            kafka.pause()
            later(100...8_000) { [self] in
                kafka.resume()
                isKafkaTroubled = false
            }
        default:
            kafka.kill()
            later(0...2_000) { [self] in
                try kafka.start()
                isKafkaTroubled = false
            }
        }
    }
}
