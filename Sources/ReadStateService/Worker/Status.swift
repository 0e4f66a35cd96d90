// What a worker tells about itself: each shard publishes a copy of its counts once a second, the
// control thread adds what the group and the log say, and `/status`, `/metrics`, `/livez` and
// `/readyz` are made of these copies.

import ReadStateCore
import ReadStateWire

/// Counts of a shard. Only ever added to.
struct ShardCounters: Sendable {
    var tombstones: UInt64 = 0
    var deadLetters: [DeadLetterReason: UInt64] = [:]
    var requests: UInt64 = 0
    var passedOn: UInt64 = 0
    var answers: UInt64 = 0
    var refusedRequests: [QueryErrorCode: UInt64] = [:]
    var unanswerable: [UnanswerableReason: UInt64] = [:]
    /// Answers to keys that are no lists, or not ours to write.
    var undeliverable: UInt64 = 0
    /// Answers and requests lost with a connection, perhaps on their way, or to a Redis that takes
    /// no writes.
    var lostAnswers: UInt64 = 0
    var lostRequests: UInt64 = 0
    var redisFailures: UInt64 = 0
    var commitFailures: UInt64 = 0
    var loadFailures: UInt64 = 0
    /// From a request's being popped to its answer's being written.
    var answerTime = Histogram()
    /// From a commit's being sent to its acknowledgement.
    var commitTime = Histogram()
}

/// A partition as its shard last saw it.
struct PartitionStatus: Sendable {
    var id: PartitionID
    var isAssigned: Bool
    var phase: PartitionEngine.Phase
    var isConsuming: Bool
    var next: Offset
    var position: Offset
    var storedPosition: Offset
    var residentUsers: Int
    var residentStates: Int
    var cacheBytes: Int
    var dirtyUsers: Int
    var parkedEvents: Int
    var waitingQuestions: Int
    var counters: PartitionCounters
    /// Milliseconds since the last acknowledged commit; nil before the first.
    var lastCommitAge: Int64?
    /// The oldest dead letter that cannot be produced; it stops the partition.
    var failedLetter: Offset?
    /// Why the partition is stopped, if what is stored of it cannot be read.
    var damage: String?
    /// The end of the log as the last fetch told it.
    var end: Offset?

    /// Events of the log that are not applied yet.
    var lag: Int64? { end.map { max(0, $0.rawValue - next.rawValue) } }

    /// In service: claimed, consumed and answering.
    var isServing: Bool { phase == .owned && isConsuming && failedLetter == nil }
}

/// A shard as it last published itself.
struct ShardStatus: Sendable {
    var index = 0
    /// When it did, on the monotonic clock.
    var published = Instant(milliseconds: 0)
    var isRedisReady = false
    var partitions: [PartitionStatus] = []
    var counters = ShardCounters()
    var waitingRequestBytes = 0
}

extension Shard {
    func publishStatus(now: Instant) {
        var status = ShardStatus()
        status.index = settings.index
        status.published = now
        status.isRedisReady = areLanesReady
        status.partitions = order.map { $0.status(now: now) }
        status.counters = counters
        status.waitingRequestBytes = pending.byteCount
        published.publish(status)
    }
}

extension ShardPartition {
    func status(now: Instant) -> PartitionStatus {
        PartitionStatus(
            id: id, isAssigned: isAssigned, phase: engine.phase, isConsuming: queue != nil,
            next: engine.next, position: engine.position, storedPosition: engine.storedPosition,
            residentUsers: engine.residentUsers, residentStates: engine.residentStates,
            cacheBytes: engine.cacheBytes, dirtyUsers: engine.dirtyUsers,
            parkedEvents: engine.parkedWeight, waitingQuestions: engine.waitingQuestions,
            counters: engine.counters,
            lastCommitAge: lastCommit.map { now.milliseconds - $0.milliseconds },
            failedLetter: failedLetters.min(),
            damage: damage.flatMap { now < $0.until ? $0.text : nil })
    }
}
