// Bugs that the simulator or a reader found, each as the shortest way to it. A seed means another
// run as soon as the simulator changes; these do not.

import ReadStateCore
import Testing

/// An engine that has claimed an empty keyspace and reads a log from its beginning.
private func startedEngine(
    _ change: (inout EngineSettings) -> Void = { _ in }
) -> PartitionEngine {
    var settings = EngineSettings()
    settings.flushInterval = 10
    change(&settings)
    var engine = PartitionEngine(
        partition: PartitionID(0), settings: settings, capacity: CacheCapacity())
    claim(&engine, 1, nothingStored)
    return engine
}

private let nothingStored = StoredClaim(
    owner: nil, position: nil, number: .zero, fingerprint: nil)
private let start = Instant(milliseconds: 0)
private let later = Instant(milliseconds: 1_000)

private func token(_ number: UInt64) -> OwnerToken { OwnerToken(high: 0, low: number) }

private func claim(_ engine: inout PartitionEngine, _ number: UInt64, _ stored: StoredClaim) {
    engine.claimSent(token(number))
    if case .restart(let position) = engine.claimed(token(number), stored) {
        engine.start(at: position ?? .zero, now: start)
    }
}

/// The macro takes no engine, which cannot be copied.
private func nextCommit(_ engine: inout PartitionEngine) throws -> Commit {
    let commit = engine.nextCommit(now: later)
    return try #require(commit)
}

private func nextLoad(_ engine: inout PartitionEngine) throws -> Load {
    let load = engine.nextLoad()
    return try #require(load)
}

private func sent(_ offset: Int64, user: UInt64 = 7, _ message: UInt64) -> Event {
    Event(
        offset: Offset(offset), user: UserID(user), channel: ChannelID(1), op: .none,
        kind: .messageSent(MessageID(message), mention: false, own: false))
}

private func event(_ offset: Int64, user: UInt64 = 7, _ kind: Event.Kind) -> Event {
    let ofUser = kind == .userErased
    return Event(
        offset: Offset(offset), user: UserID(user), channel: ChannelID(ofUser ? 0 : 1), op: .none,
        kind: kind)
}

private func apply(_ engine: inout PartitionEngine, _ events: [Event], upTo: Int64) {
    var batch = EventBatch(capacity: 16)
    for event in events { batch.append(event) }
    engine.apply(batch, upTo: Offset(upTo), lastRecord: nil, now: start)
}

private func states(_ engine: inout PartitionEngine, of user: CommitUser) -> [ReadState] {
    var states: [ReadState] = []
    engine.takeChanges(of: user) { _, state in states.append(copy state) }
    return states
}

@Suite struct EngineFindingsTests {
    @Test("A record that is delivered twice within one batch is applied once")
    func twiceWithinABatch() {
        var engine = startedEngine()
        // Without the check the message would come back after the user was erased.
        apply(&engine, [sent(0, 5), event(1, .userErased), sent(0, 5)], upTo: 2)
        var count = 0
        engine.forEachState(of: UserID(7)) { _, state in count += state.unreadCount }
        #expect(count == 0)
        #expect(engine.counters.belowNext == 1)
    }

    @Test("A dead letter that is delivered twice within one batch is waited for once")
    func deadLetterTwice() {
        var engine = startedEngine()
        engine.deadLetter(at: Offset(3))
        engine.deadLetter(at: Offset(4))
        engine.deadLetter(at: Offset(3))
        apply(&engine, [], upTo: 5)
        #expect(engine.position == Offset(3))
        engine.deadLetterStored(Offset(3))
        engine.deadLetterStored(Offset(4))
        #expect(engine.position == Offset(5))
    }

    @Test("A partition that is let go with a dead letter open keeps no cache to pass its record")
    func letGoWithAnOpenLetter() {
        var engine = startedEngine()
        engine.deadLetter(at: Offset(0))
        apply(&engine, [sent(1, 1)], upTo: 2)
        _ = engine.letGo()
        engine.claimSent(token(2))
        let outcome = engine.claimed(
            token(2),
            StoredClaim(owner: token(1), position: nil, number: .zero, fingerprint: nil))
        #expect(outcome == .restart(at: nil))
    }

    @Test(
        "A claim whose answer was lost does not vouch for the cache when it is found in the store")
    func unansweredClaim() {
        var engine = startedEngine()
        apply(&engine, [sent(0, 5)], upTo: 1)
        engine.connectionLost()
        engine.claimSent(token(2))
        engine.connectionLost()
        // Another worker took the partition and committed; then claim 2 was carried out, late.
        engine.claimSent(token(3))
        let outcome = engine.claimed(
            token(3),
            StoredClaim(
                owner: token(2), position: Offset(9), number: CommitNumber(1), fingerprint: nil))
        #expect(outcome == .restart(at: Offset(9)))
        #expect(engine.residentUsers == 0)
    }

    @Test("A claim over one that was not started yet keeps nothing: there is no place in the log")
    func claimOverUnstarted() {
        var engine = PartitionEngine(
            partition: PartitionID(0), settings: EngineSettings(), capacity: CacheCapacity())
        engine.claimSent(token(1))
        let stored = StoredClaim(
            owner: nil, position: Offset(4), number: CommitNumber(2), fingerprint: nil)
        let first = engine.claimed(token(1), stored)
        #expect(first == .restart(at: Offset(4)))
        engine.claimSent(token(2))
        var again = stored
        again.owner = token(1)
        let second = engine.claimed(token(2), again)
        #expect(second == .restart(at: Offset(4)))
    }

    @Test("A state that becomes the default one is not stored: its user's hash is replaced")
    func backToDefault() throws {
        var engine = startedEngine()
        apply(&engine, [event(0, .messageRead(MessageID(5)))], upTo: 1)
        let first = try nextCommit(&engine)
        #expect(states(&engine, of: first.users[0]).count == 1)
        engine.committed(first.number)
        apply(&engine, [event(1, .channelLeft), event(2, .channelJoined(head: .none))], upTo: 3)
        let second = try nextCommit(&engine)
        #expect(second.users[0].rewrites)
        #expect(states(&engine, of: second.users[0]).isEmpty)
    }

    @Test("Whom a whole cache meets may be stored in part: its first commit replaces the hash")
    func firstCommitReplaces() throws {
        var engine = startedEngine()
        apply(&engine, [sent(0, 5)], upTo: 1)
        let first = try nextCommit(&engine)
        #expect(first.users[0].rewrites)
        #expect(states(&engine, of: first.users[0]).count == 1)
        engine.committed(first.number)
        apply(&engine, [sent(1, 6)], upTo: 2)
        let second = try nextCommit(&engine)
        #expect(!second.users[0].rewrites)
    }
}

/// An engine on a keyspace that holds users of three states each, with room for one state.
private func crowdedEngine() -> PartitionEngine {
    var settings = EngineSettings()
    settings.leavingLimit = 2
    var engine = PartitionEngine(
        partition: PartitionID(0), settings: settings, capacity: CacheCapacity(states: 1))
    claim(
        &engine, 1,
        StoredClaim(owner: nil, position: .zero, number: CommitNumber(1), fingerprint: nil))
    return engine
}

private func install(_ engine: inout PartitionEngine, _ load: Load) {
    _ = engine.loaded(owner: token(1), number: CommitNumber(1))
    for user in load.users {
        engine.install(user, applied: .zero, now: start) { add in
            var state = ReadState()
            state.lastRead = MessageID(1)
            for channel: UInt64 in 1...3 { add(ChannelID(channel), state) }
        }
    }
    engine.loadsInstalled()
}

@Suite struct CrowdedCacheTests {
    @Test("Questions about users that do not fit into the cache are answered with one load")
    func answersBeforeEviction() throws {
        var engine = crowdedEngine()
        for user: UInt64 in 1...4 {
            let isTaken = engine.ask(
                .totals(UserID(user)), ticket: Ticket(user), minOffset: nil, deadline: nil,
                now: start)
            #expect(isTaken)
        }
        let isAnswered = engine.nextAnswer(now: start) != nil
        #expect(!isAnswered)
        try install(&engine, nextLoad(&engine))
        var answers = 0
        while engine.nextAnswer(now: start) != nil { answers += 1 }
        #expect(answers == 4)
        let isLoading = engine.nextLoad() != nil
        #expect(!isLoading)
        // One user stays, however large it is.
        #expect(engine.residentUsers == 1)
    }

    @Test("A smaller capacity is kept at once, in a partition to which nothing happens any more")
    func smallerCapacity() throws {
        var engine = startedEngine()
        apply(&engine, (0..<4).map { sent($0, user: UInt64($0) + 1, 5) }, upTo: 4)
        try engine.committed(nextCommit(&engine).number)
        #expect(engine.residentUsers == 4)
        engine.setCapacity(CacheCapacity(states: 2))
        #expect(engine.residentUsers == 2)
    }

    @Test("The line of leaving users stays short, however often they are used and leave again")
    func leavingLine() {
        var engine = crowdedEngine()
        for round in 0..<200 {
            let offset = Int64(round)
            let user = UInt64(1 + round % 3)
            apply(&engine, [sent(offset, user: user, 100 + UInt64(round))], upTo: offset + 1)
            while let load = engine.nextLoad() { install(&engine, load) }
        }
        #expect(engine.bookkeepingCount < 40)
    }
}
