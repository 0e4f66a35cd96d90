// A simulated worker: one engine per partition, driven as a shard drives it, on a connection for
// commits and one for loads. It knows only what a real one would: its own memory, replies, the
// group's messages in order, and the log.

import ReadStateCore

/// What the group tells a worker.
enum GroupMessage {
    case assign(Int)
    /// Give it up when you are ready. The number says which of its gifts is meant.
    case revoke(Int, gift: Int)
    /// It is not yours any more.
    case lost(Int)
}

/// A worker's hold on one partition.
final class Station {
    let partition: Int
    var engine: PartitionEngine
    var isAssigned = false
    /// To be given up: what is dirty is being committed.
    var isRevoking = false
    var gift = 0
    var flushDeadline = Instant.distantFuture
    /// The next record to be read.
    var readAt: Int64 = 0
    /// Claimed anew; the log is being looked at.
    var startAt: Offset?
    /// The tokens of the last claim that was answered, and of those after it: for planted bugs.
    var token: OwnerToken?
    var unanswered: [OwnerToken] = []
    var mayClaimAt = Instant(milliseconds: 0)
    /// Dead letters that could not be produced: nothing is read until they are.
    var failedLetters: Set<Int64> = []
    /// Redis said that somebody else owns the partition, and no claim succeeded since.
    var isRefused = false

    init(partition: Int, settings: EngineSettings, capacity: CacheCapacity) {
        self.partition = partition
        engine = PartitionEngine(
            partition: PartitionID(Int32(partition)), settings: settings, capacity: capacity)
    }
}

/// A worker of the group.
final class Worker {
    let index: Int
    var stations: [Station] = []
    var commits = Connection()
    var loads = Connection()
    var inbox: [GroupMessage] = []
    /// Dead letters on their way to their topic.
    var deadLetters: [(partition: Int, offset: Int64)] = []
    /// The first half of a load in two steps: for a planted bug.
    var halfLoad: [UserHash?] = []
    /// The step until which it stands still.
    var pausedUntil = 0
    /// The step in which it starts again after its death.
    var startsAt: Int?
    /// Effects until it dies within its turn.
    var effectsLeft = Int.max
    var isDead = false

    init(index: Int) { self.index = index }

    /// A new process.
    func begin(_ plan: Plan, _ fault: EngineFault?) {
        var settings = plan.settings
        settings.fault = fault
        stations = (0..<plan.partitions).map {
            Station(partition: $0, settings: settings, capacity: plan.capacity)
        }
        commits = Connection()
        loads = Connection()
        inbox.removeAll()
        deadLetters.removeAll()
        halfLoad = []
        pausedUntil = 0
        startsAt = nil
        isDead = false
    }
}
