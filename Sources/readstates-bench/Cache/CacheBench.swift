// `readstates-bench cache`: what docs/cache.md says of the cache, measured again. Every peer runs
// the same events in pieces that were made before the clock runs. Times are of the processor, not
// of the wall, of all peers in turn, round after round: on a machine that others use, only the
// ratios of one run mean much.

import CBench
import ReadStateCore

/// A size of the workload.
struct Shape {
    var name: String
    var users: Int
    /// Most resident states; nil: all fit.
    var capacity: Int?
    /// Events to warm up, and as many to be measured.
    var events: Int

    /// Fits the processor's own cache: what an event costs without waiting for memory.
    static let tiny = Shape(name: "50 k states", users: 5_000, events: 4 << 20)
    static let small = Shape(name: "1 M states", users: 101_000, events: 4 << 20)
    static let middle = Shape(name: "8 M states", users: 810_000, events: 8 << 20)
    static let large = Shape(name: "40 M states", users: 4_050_000, events: 8 << 20)
    static let evicting = Shape(
        name: "8 M of 32 M states", users: 3_240_000, capacity: 8_000_000, events: 8 << 20)
    static let smallEvicting = Shape(
        name: "1 M of 4 M states", users: 405_000, capacity: 1_000_000, events: 4 << 20)
}

/// What a peer needed for a shape.
struct Outcome {
    /// For an event: of the fastest piece, and of all that was measured.
    var fastest = Double.infinity
    var nanoseconds = 0.0
    var bytesPerState = 0.0
    var states = 0
    var allocationsPerEvent = 0.0
    /// Of all states at the end, where they are whole and nobody left. (Who leaves loses what was
    /// unread, as the workload has no store, and each peer sees off others.)
    var digest: Int?
}

/// Batches made ahead, so that only what is to be measured runs while the clock does.
final class Piece {
    static let count = 256
    var batch = EventBatch(capacity: Workload.batchSize)
    var now = Instant(milliseconds: 0)
}

/// Runs a peer over a shape. `inspect` sees the peer at the end.
func measure<P: Peer & ~Copyable>(
    _ shape: Shape, _ make: () -> P, inspect: (borrowing P, Outcome) -> Void = { _, _ in }
) -> Outcome {
    let pieces = (0..<Piece.count).map { _ in Piece() }
    // What the generator and the batches take is in memory before the peer is.
    var workload = Workload(users: shape.users)
    for piece in pieces { workload.fill(&piece.batch) }
    let before = residentBytes()
    var peer = make()
    if let capacity = shape.capacity { peer.limit(states: capacity) }
    for user in 0..<shape.users { peer.prefill(user, of: &workload) }
    var outcome = Outcome()
    var done = 0
    var measured = 0.0
    var allocations: UInt64 = 0
    let perRound = Piece.count * Workload.batchSize
    while done < 2 * shape.events {
        for piece in pieces {
            workload.fill(&piece.batch)
            piece.now = workload.now
        }
        let allocated = cbench_allocations()
        let start = cpuNanoseconds()
        for piece in pieces { peer.run(piece.batch, of: workload, now: piece.now) }
        let time = cpuNanoseconds() - start
        done += perRound
        guard done > shape.events else { continue }
        allocations += cbench_allocations() - allocated
        outcome.fastest = min(outcome.fastest, time / Double(perRound))
        outcome.nanoseconds += time
        measured += Double(perRound)
    }
    outcome.nanoseconds /= measured
    outcome.states = peer.residentStates
    outcome.bytesPerState = Double(residentBytes() - before) / Double(outcome.states)
    outcome.allocationsPerEvent = Double(allocations) / measured
    if shape.capacity == nil { outcome.digest = peer.digest(workload) }
    inspect(peer, outcome)
    return outcome
}

/// Runs of one peer over one shape.
struct Rounds {
    // Set once by the command line, before anything is measured.
    nonisolated(unsafe) static var count = 3
    nonisolated(unsafe) static var withBaselines = true

    var name: String
    var outcomes: [Outcome] = []

    private var times: [Double] { outcomes.map(\.nanoseconds).sorted() }
    var fastest: Double { times[0] }
    var median: Double { times[times.count / 2] }

    var last: String { rounded(outcomes[outcomes.count - 1].nanoseconds) }

    func show(against other: Rounds) {
        let last = outcomes[outcomes.count - 1]
        print(
            "  " + name.padding(26), rounded(fastest).leading(8), rounded(median).leading(8),
            rounded(other.fastest / fastest, 3).leading(8),
            rounded(other.median / median, 3).leading(8),
            rounded(last.bytesPerState).leading(8),
            rounded(last.allocationsPerEvent, 4).leading(8))
    }
}

/// Time and memory of the cache and its baselines, in rounds of all of them.
func measureThroughput(_ shapes: [Shape]) {
    for shape in shapes {
        var memory = ""
        let tell = { (peer: borrowing CacheRunner, outcome: Outcome) in
            let charged = Double(peer.cache.chargedBytes) / Double(outcome.states)
            memory =
                "  charged \(rounded(charged)) bytes a state; \(peer.misses) misses,"
                + " \(peer.evictions) evictions, \(peer.committedStates) states committed"
        }
        let peers: [(name: String, run: () -> Outcome)] = [
            ("the cache", { measure(shape, { CacheRunner() }, inspect: tell) }),
            ("the cache, huge pages", { measure(shape, { CacheRunner(inHugePagesFor: shape) }) }),
            ("the cache, no look-ahead", { measure(shape, { CacheRunner(looksAhead: false) }) }),
            (
                "plain table, counts only",
                { measure(shape, { PlainTablePeer<CountedState>(users: shape.users) }) }
            ),
            (
                "dictionaries, counts only",
                { measure(shape, { DictionaryPeer<CountedState>() }) }
            ),
            (
                "plain table, same states",
                { measure(shape, { PlainTablePeer<WholeState>(users: shape.users) }) }
            ),
            (
                "dictionaries, same states",
                { measure(shape, { DictionaryPeer<WholeState>() }) }
            ),
        ]
        var rounds = peers.prefix(unsafe Rounds.withBaselines ? peers.count : 1).map {
            Rounds(name: $0.name)
        }
        for round in unsafe 1...Rounds.count {
            for index in rounds.indices { rounds[index].outcomes.append(peers[index].run()) }
            check(rounds)
            // Rounds take minutes at the larger shapes: what is known is told.
            print("  round \(round):", rounds.map(\.last).joined(separator: " "))
            flush()
        }
        print("\(shape.name): processor ns an event, least and median of all rounds;")
        print("  the cache's share of that; bytes a state; allocations an event")
        for peer in rounds { peer.show(against: rounds[0]) }
        print(memory)
    }
}

/// Stops where a peer ended with other states than the cache.
private func check(_ rounds: [Rounds]) {
    let ours = rounds[0].outcomes.last!.digest
    for peer in rounds {
        guard let digest = peer.outcomes.last!.digest else { continue }
        // A precondition would not say it in a release.
        if digest != ours { fatalError("\(peer.name) holds other states than the cache") }
    }
}

/// A short run of the cache alone, to be counted by callgrind.
func measureInstructions(_ shape: Shape) {
    var shape = shape
    shape.events = 1 << 20
    let outcome = measure(shape, { CacheRunner() })
    print("\(2 * shape.events) events, \(outcome.states) states")
}
