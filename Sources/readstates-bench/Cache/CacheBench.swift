// `readstates-bench cache`: what docs/cache.md says, measured again.

import CBench
import ReadStateCore

/// A size of the workload.
struct Shape {
    var name: String
    var users: Int
    /// Most resident states; none: all fit.
    var capacity: Int?
    var events: Int
}

/// What a peer needed for a shape.
struct Outcome {
    var fastest = Double.infinity
    var mean = 0.0
    var bytesPerState = 0.0
    var states = 0
    var allocationsPerEvent = 0.0
}

/// Batches made ahead, so that only what is to be measured runs while the clock does.
final class Piece {
    static let count = 256
    var batch = EventBatch(capacity: Workload.batchSize)
    var now = Instant(milliseconds: 0)
}

/// Runs a peer over a shape: all users resident (as far as they fit), as many events to warm up as are
/// then measured. `inspect` sees the peer at the end.
func measure<P: Peer & ~Copyable>(
    _ shape: Shape, _ peer: consuming P, inspect: (borrowing P) -> Void = { _ in }
) -> Outcome {
    var peer = peer
    var workload = Workload(users: shape.users)
    let pieces = (0..<Piece.count).map { _ in Piece() }
    for piece in pieces { workload.fill(&piece.batch) }
    workload = Workload(users: shape.users)
    let before = residentBytes()
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
        outcome.mean += time
        measured += Double(perRound)
    }
    outcome.mean /= measured
    outcome.states = peer.residentStates
    outcome.bytesPerState = Double(residentBytes() - before) / Double(outcome.states)
    outcome.allocationsPerEvent = Double(allocations) / measured
    inspect(peer)
    return outcome
}
