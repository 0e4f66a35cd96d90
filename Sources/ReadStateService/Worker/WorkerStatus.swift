// What the threads of a worker know together, for the pages that operators see.

import KafkaLog
import ReadStateCore
import Synchronization

/// Shared by all threads of a worker.
final class WorkerStatus: Sendable {
    enum Phase: String, Sendable {
        case starting, serving, stopping
    }

    /// What the control thread says.
    struct Control: Sendable {
        var phase = Phase.starting
        /// What is waited for at the start, and why.
        var waitingFor: String?
        var hasJoined = false
        var assigned: Set<PartitionID> = []
        /// Ends of the logs as the last fetches told them.
        var ends: [PartitionID: Offset] = [:]
        /// Ranges of the log that were deleted before they were applied.
        var gone: [PartitionID: (from: Offset, to: Offset)] = [:]
        /// The newest error of Kafka as a whole, and how many there were.
        var kafkaError: String?
        var kafkaErrors: UInt64 = 0
        /// When the control thread last did a turn.
        var turned = Instant(milliseconds: 0)
    }

    /// A shard that has published nothing for so long is stuck.
    private static let stuckMilliseconds: Int64 = 10_000

    let shards: [Published<ShardStatus>]
    private let state = Mutex(Control())

    init(shards: [Published<ShardStatus>]) { self.shards = shards }

    var control: Control { state.withLock { $0 } }

    func note(phase: Phase) { state.withLock { $0.phase = phase } }
    func note(waitingFor reason: String) { state.withLock { $0.waitingFor = reason } }
    func note(kafka error: String) {
        state.withLock {
            $0.kafkaError = error
            $0.kafkaErrors += 1
        }
    }
    func note(gone id: PartitionID, from: Offset, to: Offset) {
        state.withLock { $0.gone[id] = (from, to) }
    }
    func note(placed id: PartitionID) { state.withLock { $0.gone[id] = nil } }

    func publish(
        assigned: Set<PartitionID>, hasJoined: Bool, ends: [PartitionID: Offset], now: Instant
    ) {
        state.withLock {
            $0.assigned = assigned
            $0.hasJoined = hasJoined
            $0.ends = ends
            $0.turned = now
        }
    }

    /// All partitions of all shards, in order, with the ends of their logs.
    var partitions: [PartitionStatus] {
        let ends = control.ends
        return shards.flatMap { $0.latest.partitions }
            .map { partition in
                var partition = partition
                partition.end = ends[partition.id]
                return partition
            }
            .sorted { $0.id < $1.id }
    }

    /// Positions to commit to the group, of those partitions that are in service.
    func positions(of ids: Set<PartitionID>) -> [PartitionOffset] {
        partitions.filter { ids.contains($0.id) && $0.isAssigned }
            .map { PartitionOffset(partition: $0.id.rawValue, offset: $0.position.rawValue) }
    }

    /// Every thread does its turns; nil if so, otherwise which one does not.
    func stuckThread(now: Instant) -> String? {
        let control = control
        guard control.phase == .serving else { return nil }
        let limit = now.advanced(byMilliseconds: -Self.stuckMilliseconds)
        if control.turned.milliseconds > 0, control.turned < limit { return "control" }
        for shard in shards {
            let latest = shard.latest
            if latest.published.milliseconds > 0, latest.published < limit {
                return "shard \(latest.index)"
            }
        }
        return nil
    }

    /// Why the worker is not ready; nil if it is: Redis answers, the group has given us our share,
    /// and every partition of it is in service.
    var unreadiness: String? {
        let control = control
        switch control.phase {
        case .starting: return control.waitingFor.map { "waiting for \($0)" } ?? "starting"
        case .stopping: return "stopping"
        case .serving: break
        }
        for shard in shards where !shard.latest.isRedisReady {
            return "shard \(shard.latest.index) has no connection to Redis"
        }
        guard control.hasJoined else { return control.kafkaError ?? "joining the group" }
        let partitions = partitions
        for partition in partitions where partition.isAssigned {
            if let damage = partition.damage {
                return "partition \(partition.id.rawValue) is stopped: \(damage)"
            }
            guard let offset = partition.failedLetter else { continue }
            return "partition \(partition.id.rawValue) is stopped: the dead letter of offset "
                + "\(offset.rawValue) cannot be produced"
        }
        let serving = Set(partitions.filter { $0.isAssigned && $0.isServing }.map(\.id))
        let missing = control.assigned.subtracting(serving).sorted()
        guard let first = missing.first else { return nil }
        if let gone = control.gone[first] {
            return "partition \(first.rawValue): offsets \(gone.from.rawValue) to "
                + "\(gone.to.previous.rawValue) are gone from the log"
        }
        return "\(missing.count) partitions are not in service yet, the first is \(first.rawValue)"
    }
}
