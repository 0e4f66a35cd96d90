// What a shard knows of one of its partitions beside the engine: names, queue, deadlines, and what
// keeps it from going on.

import KafkaLog
import ReadStateCore
import RedisLink
import Synchronization

/// A partition on its shard: the engine, its names in Redis, and its queue while there is one. A
/// class so that it can stand in a list; only its shard's thread ever sees it.
final class ShardPartition {
    let id: PartitionID
    let keys: PartitionKeys
    var engine: PartitionEngine
    /// There while the partition is consumed.
    var queue: PartitionQueue?
    /// The group says that it is ours; false while only its cache is kept.
    var isAssigned = false
    /// The queue may have more; it is read when its turn comes.
    var isReadable = false
    /// Something happened that may let the engine send or answer.
    var isTouched = false
    /// When it must be let go, while it is being revoked.
    var revokeDeadline: Instant?
    /// Until when it is answered for, at the latest, after it was given back to the group with
    /// everything committed: until the group has said whose it is.
    var answersUntil: Instant?
    /// The next time to try again what failed.
    var retryAt: Instant?
    /// Whether the group has been asked about it.
    var isConfirming = false
    /// When a commit was last acknowledged.
    var lastCommit: Instant?
    /// Bytes of dead letters on their way.
    var deadLetterBytes = 0
    /// Dead letters that could not be produced yet; while there are any, the partition is not read.
    var failedLetters: Set<Offset> = []

    /// Its list of requests was among those to wait on when they were last looked through.
    var isListed = false
    /// What was found in the store that this program did not write, and until when to tell of it: a
    /// new attempt comes before that.
    var damage: (text: String, until: Instant)?

    /// Requests for it are taken.
    var isAnswering: Bool { engine.phase == .owned }

    /// Nothing can fall due for it within the next second but a commit of its position alone.
    var isCalm: Bool {
        engine.phase == .owned && engine.dirtyUsers == 0 && engine.waitingQuestions == 0
            && retryAt == nil && revokeDeadline == nil && answersUntil == nil
    }

    init(id: PartitionID, keys: PartitionKeys, engine: consuming PartitionEngine) {
        self.id = id
        self.keys = keys
        self.engine = engine
    }
}

/// A queue on its way from the control thread to a shard. The shard takes it out once.
final class HandedQueue: Sendable {
    private let queue: Mutex<PartitionQueue?>
    init(_ queue: consuming PartitionQueue) { self.queue = Mutex(queue) }
    func take() -> PartitionQueue {
        guard let queue = queue.withLock({ $0.take() }) else {
            preconditionFailure("a queue is handed over once")
        }
        return queue
    }
}
