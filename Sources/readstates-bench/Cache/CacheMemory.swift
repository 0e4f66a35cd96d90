// What a read state costs in memory: charged and resident, with nothing unread and with windows,
// before and after users came and went.

import ReadStateCore

/// Fills a cache with users that have read everything, gives them unread messages, churns them.
func measureMemory(users: Int) {
    print("memory: bytes a state, charged and resident")
    var workload = Workload(users: users)
    _ = residentBytes()
    let before = residentBytes()
    var runner = CacheRunner()
    func show(_ what: String, _ cache: borrowing ReadStateCache) {
        let states = Double(cache.stateCount)
        let resident = Double(residentBytes() - before) / states
        let charged = Double(cache.chargedBytes) / states
        print(
            "  " + what.padding(44), rounded(charged, 2).leading(7),
            rounded(resident, 2).leading(7))
    }
    for user in 0..<users { runner.prefill(user, of: &workload) }
    show("nothing unread", runner.cache)

    // Half of the users leave, in random order, and others of other sizes come.
    var random = Random(seed: 3)
    for _ in 0..<2 {
        for user in 0..<users where random.next() & 1 == 0 {
            guard let slot = runner.cache.find(Workload.userID(user)) else { continue }
            runner.cache.remove(slot)
        }
        show("half of the users gone", runner.cache)
        for user in 0..<users where runner.cache.find(Workload.userID(user)) == nil {
            runner.prefill(user, of: &workload)
        }
        show("and back", runner.cache)
    }

    for round in 1...16 {
        runner.sendToAll(workload, users: users, round: round, apart: 300_000)
    }
    show("16 unread in every state", runner.cache)
    runner.readAll(workload, users: users)
    show("everything read again", runner.cache)
}

/// What an unread message costs more than a state has anyway, in windows of some to many, seconds
/// to a day apart.
func measureWindows(users: Int) {
    let counts = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32]
    print("windows: bytes charged more for each unread message")
    print("  unread in every state".padding(30), counts.map { "\($0)".leading(6) }.joined())
    var workload = Workload(users: users)
    for (name, apart) in [("a second", 1000), ("5 minutes", 300_000), ("a day", 86_400_000)] {
        var runner = CacheRunner()
        for user in 0..<users { runner.prefill(user, of: &workload) }
        let bare = runner.cache.chargedBytes
        var line = ""
        for round in 1...32 {
            runner.sendToAll(workload, users: users, round: round, apart: UInt64(apart))
            guard counts.contains(round) else { continue }
            let more = Double(runner.cache.chargedBytes - bare)
            line += rounded(more / Double(round * runner.cache.stateCount), 1).leading(6)
        }
        print("  " + "\(name) apart".padding(28), line)
    }
}

/// A cache with a number of bytes as its capacity holds that much and not more, one batch aside.
func measureCapacity() {
    let capacity = 128 << 20
    var workload = Workload(users: 1_200_000)
    var batch = EventBatch(capacity: Workload.batchSize)
    workload.fill(&batch)
    let before = residentBytes()
    var runner = CacheRunner()
    runner.capacity.bytes = capacity
    for user in 0..<workload.userCount { runner.prefill(user, of: &workload) }
    var smallest = Int.max
    var largest = 0
    for _ in 0..<6000 {
        workload.fill(&batch)
        runner.run(batch, of: workload, now: workload.now)
        smallest = min(smallest, runner.cache.chargedBytes)
        largest = max(largest, runner.cache.chargedBytes)
    }
    print(
        "capacity of 128 MB under 6 M events: charged",
        rounded(Double(smallest) / Double(capacity) * 100, 2), "to",
        rounded(Double(largest) / Double(capacity) * 100, 2), "%, resident",
        rounded(Double(residentBytes() - before) / Double(capacity) * 100, 1), "%,",
        runner.cache.stateCount, "states")
}
