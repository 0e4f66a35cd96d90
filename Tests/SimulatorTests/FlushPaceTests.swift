// When users are committed: all in time, a burst of them spread, everybody else as late as may be.

import ReadStateCore
import TestSupport
import Testing

/// An engine that is asked for commits as a shard asks, every 5 ms, by a store that carries them
/// out at once.
private struct Flushing: ~Copyable {
    let interval: Int64
    var engine: PartitionEngine
    var now = Instant(milliseconds: 1_000_000)
    private var offset: Int64 = 0
    private var dirtySince: [UserID: Instant] = [:]
    /// How long each commit's users were dirty, in milliseconds.
    private(set) var commits: [(at: Instant, ages: [Int64])] = []

    init(interval: Int64) {
        self.interval = interval
        var settings = EngineSettings()
        settings.flushInterval = interval
        engine = PartitionEngine(
            partition: PartitionID(0), settings: settings, capacity: CacheCapacity())
        engine.claimSent(OwnerToken(high: 0, low: 1))
        let stored = StoredClaim(owner: nil, position: nil, number: .zero, fingerprint: nil)
        _ = engine.claimed(OwnerToken(high: 0, low: 1), stored)
        engine.start(at: .zero, now: now)
    }

    var ages: [Int64] { commits.flatMap(\.ages) }
    /// Those of the last interval's commits.
    var lastAges: [Int64] {
        let since = now.advanced(byMilliseconds: -interval)
        return commits.filter { since < $0.at }.flatMap(\.ages)
    }

    /// So many new users change, and 5 ms pass.
    mutating func step(users: Int) {
        var batch = EventBatch(capacity: max(1, users))
        for _ in 0..<users {
            let user = UserID(UInt64(offset) + 1)
            dirtySince[user] = now
            batch.append(
                Event(
                    offset: Offset(offset), user: user, channel: ChannelID(1), op: .none,
                    kind: .messageSent(MessageID(7), mention: false, own: false)))
            offset += 1
        }
        engine.apply(batch, upTo: Offset(offset), lastRecord: nil, now: now)
        _ = commit()
        now = now.advanced(byMilliseconds: 5)
    }

    /// What the engine wants to send now is sent and carried out; tells how many commits it was.
    mutating func commit() -> Int {
        let before = commits.count
        while let commit = engine.nextCommit(now: now) {
            let ages = commit.users.map { user in
                now.milliseconds - dirtySince.removeValue(forKey: user.user)!.milliseconds
            }
            if !ages.isEmpty { commits.append((now, ages)) }
            for user in commit.users { engine.takeChanges(of: user) { _, _ in } }
            engine.committed(commit.number)
        }
        return commits.count - before
    }

    /// Steps of 5 ms in which, in the middle, `rate` users a second change.
    mutating func run(seconds: Double, usersPerSecond rate: Double) {
        var owed = 0.0
        for _ in 0..<Int(seconds * 200) {
            owed += rate / 200
            step(users: Int(owed))
            owed -= owed.rounded(.down)
        }
    }
}

@Suite struct FlushPaceTests {
    @Test("A burst of users is spread over the last three quarters of the interval")
    func burst() {
        var flushing = Flushing(interval: 30_000)
        flushing.run(seconds: 1, usersPerSecond: 30_000)
        flushing.run(seconds: 31, usersPerSecond: 0)
        #expect(flushing.engine.dirtyUsers == 0)
        #expect(flushing.ages.count == 30_000)
        #expect(flushing.ages.allSatisfy { $0 <= 30_000 })
        var ofSecond: [Int64: Int] = [:]
        for commit in flushing.commits {
            ofSecond[commit.at.milliseconds / 1_000, default: 0] += commit.ages.count
        }
        // An even share of the 22.5 s is 1,333.
        #expect(ofSecond.values.allSatisfy { $0 <= 1_600 })
        #expect(flushing.commits.count < 30_000 / 64 + 10)
    }

    @Test("Commits of a burst are sent one at a time, each when the engine says, none before")
    func moments() throws {
        var flushing = Flushing(interval: 30_000)
        flushing.run(seconds: 1, usersPerSecond: 10_000)
        flushing.run(seconds: 10, usersPerSecond: 0)
        #expect(flushing.commits.count > 10)
        for _ in 0..<10 {
            let moment = flushing.engine.nextEarlyCommit
            let next = try #require(moment)
            flushing.now = next.advanced(byMilliseconds: -1)
            #expect(flushing.commit() == 0)
            flushing.now = next
            #expect(flushing.commit() == 1)
        }
    }

    @Test(
        "Users who change evenly are committed when they are due or a fifteenth of that earlier",
        arguments: [
            (30_000, 1), (30_000, 5), (30_000, 40), (30_000, 1_000), (1_000, 30), (1_000, 5_000),
        ] as [(Int64, Double)])
    func even(interval: Int64, rate: Double) {
        var flushing = Flushing(interval: interval)
        // The beginning is a step, and spread a little as a burst is.
        flushing.run(seconds: Double(interval) / 1_000 * 5, usersPerSecond: rate)
        #expect(flushing.ages.allSatisfy { $0 <= interval + 5 })
        let lead = interval / 15
        #expect(flushing.lastAges.allSatisfy { $0 >= interval - lead - 5 })
    }

    @Test("Users who change at random are committed about as late as those who change evenly")
    func random() {
        var numbers = SeededNumbers(seed: 5)
        var flushing = Flushing(interval: 30_000)
        for _ in 0..<150 * 200 { flushing.step(users: numbers.next() % 8 == 0 ? 4 : 0) }
        #expect(flushing.ages.allSatisfy { $0 <= 30_005 })
        #expect(flushing.lastAges.reduce(0, +) / Int64(flushing.lastAges.count) >= 28_000)
    }

    @Test("A few users of a quiet partition share commits")
    func shared() {
        var flushing = Flushing(interval: 30_000)
        flushing.run(seconds: 90, usersPerSecond: 2)
        #expect(flushing.commits.count <= 60 * 2 / 4)
    }
}
