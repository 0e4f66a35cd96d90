// What the threads of a worker tell each other. The control thread belongs to the group: it learns
// which partitions are ours and places their queues. Each shard belongs to its partitions. Neither
// waits for the other: everything is a message, and every message names the partition it is about.

import KafkaLog
import ReadStateCore

/// To a shard.
enum ShardCommand: Sendable {
    /// The group gave us the partition: claim it.
    case assign(PartitionID)
    /// The log of a claimed partition is there, from `at` on.
    case begin(PartitionID, claim: OwnerToken, at: Offset, HandedQueue)
    /// The log does not continue where the stored position says.
    case cannotBegin(PartitionID, claim: OwnerToken)
    /// The group takes the partition away: commit until the deadline, then let go.
    case revoke(PartitionID, deadline: Instant)
    /// The partition went to somebody else for good: its cache is of no use any more.
    case forget(PartitionID)
    /// The group was asked whether a partition is still ours.
    case confirmed(PartitionID, isOurs: Bool)
    case deadLetterStored(PartitionID, Offset, bytes: Int)
    /// It cannot be produced now and is tried again; until it is stored the partition is not read
    /// on.
    case deadLetterFailed(PartitionID, Offset)
    /// How much each partition's cache may hold from now on.
    case capacity(CacheCapacity)
    /// Stop taking requests and events; a revoke of each partition follows.
    case stop
    /// End the thread.
    case end
}

/// To the control thread.
enum ControlMessage: Sendable {
    /// A partition was claimed and is to be read from `at` on (nil: from the log's beginning), if
    /// the log still holds the record with this fingerprint.
    case place(PlaceQuestion)
    /// A partition was let go: the group may have it.
    case released(PartitionID)
    /// A claim found another owner: ask the group whether the partition is still ours.
    case confirm(PartitionID)
    case deadLetter(DeadLetter)
    /// The partition's queue reported an error that reading on does not cure.
    case logFailed(PartitionID)
    /// What a look at the log found.
    case placed(PlaceQuestion, LogPlace)
    /// A setting or a dependency makes going on unsafe: the process ends with this code.
    case fatal(ExitCode, String)
}

/// What a look at the log found about a claimed partition.
enum LogPlace: Sendable {
    case good(at: Offset)
    /// The log begins behind the position: [position, beginning) is gone.
    case gone(from: Offset, to: Offset)
    /// The record at the fingerprint's offset is another one, or the log ends before it.
    case anotherTopic(String)
    /// Kafka did not say; to be tried again.
    case unknown(KafkaLogError)
}

/// A record that cannot be applied, on its way to the dead-letter topic.
struct DeadLetter: Sendable {
    let partition: PartitionID
    let offset: Offset
    let reason: String
    let key: [UInt8]?
    let value: [UInt8]?
    var byteCount: Int { (key?.count ?? 0) + (value?.count ?? 0) }
}

/// Exit codes of the program (docs/contract.md, "The program").
package enum ExitCode: Int32, Sendable {
    case done = 0
    case failed = 1
    case misused = 2
    case refused = 3
}
