// What a seed decides before the first step: the size of the world, the engine's limits, the
// faults. Worlds are small and limits tight, because trouble comes from things that meet, and in a
// small world everything meets soon.

import ReadStateCore

/// What to run.
package struct RunOptions: Sendable {
    package var seed: UInt64
    /// Faults that are kept off: for shrinking a failing run.
    package var without: Set<Fault> = []
    /// Most steps with faults; nil: as many as the seed says.
    package var steps: Int?
    /// Most records of a partition's log; nil: as many as the seed says.
    package var records: Int?
    package var planted: PlantedBug?
    /// Called with a line for every step.
    package var trace: (@Sendable (String) -> Void)?

    package init(seed: UInt64) { self.seed = seed }
}

/// One run's world.
struct Plan {
    let workers: Int
    let partitions: Int
    /// Per partition.
    let users: Int
    let channels: Int
    let mostChannels: Int
    let isHot: Bool
    let records: Int
    let steps: Int
    let batchLimit: Int
    /// Milliseconds that a step may take.
    let stepTime: Int
    let settings: EngineSettings
    let capacity: CacheCapacity
    let weights: FaultWeights

    init(_ options: RunOptions, _ random: inout Random) {
        weights = FaultWeights(&random, without: options.without)
        workers = random.among(1...3)
        partitions = random.one(of: [1, 1, 2, 3])
        users = random.one(of: [2, 4, 10, 30])
        channels = random.one(of: [1, 2, 4])
        mostChannels = random.chance(60) ? random.one(of: [100, 300, 2_000]) : channels
        isHot = random.chance(300)
        let size = random.one(of: [40, 80, 160, 320])
        records = min(size, options.records ?? .max)
        let steps = size * partitions * random.one(of: [6, 12, 24])
        self.steps = min(steps, options.steps ?? .max)
        batchLimit = random.one(of: [1, 4, 16, 64])
        stepTime = random.one(of: [1, 10, 100])
        settings = Self.settings(&random)
        capacity = CacheCapacity(
            bytes: random.chance(200) ? random.one(of: [500, 2_000, 8_000]) : .max,
            states: random.chance(600) ? random.one(of: [1, 3, 10, 30]) : .max)
    }

    private static func settings(_ random: inout Random) -> EngineSettings {
        var settings = EngineSettings()
        settings.window = random.one(of: [0, 1, 2, 3, 8, 32])
        settings.flushInterval = Int64(random.one(of: [20, 200, 2_000, 30_000]))
        settings.commitUserLimit = random.one(of: [1, 2, 16])
        settings.commitStateLimit = random.one(of: [1, 8, 512])
        settings.commitsInFlightLimit = random.one(of: [1, 2, 4])
        settings.loadUserLimit = random.one(of: [1, 3, 64])
        settings.loadsInFlightLimit = random.one(of: [1, 2, 8])
        settings.parkedLimit = random.one(of: [1, 8, 64, 16_384])
        settings.deadLetterLimit = random.one(of: [1, 4, 1_024])
        settings.leavingLimit = random.one(of: [1, 3, 2_048])
        settings.questionLimit = random.one(of: [4, 65_536])
        settings.questionPatience = Int64(random.one(of: [50, 5_000, 10_000_000]))
        return settings
    }
}
