// Partitions coming and going. The control thread says what the group decided; the shard claims in
// the store, asks for the partition's place in the log, and gives back what is revoked when it has
// committed what it could.
//
//     assign ─▶ claim ─▶ place? ─▶ begin ─▶ consuming ─▶ revoke ─▶ flush ─▶ released
//                 ▲________ refused: claimed again _________/
//
// Most rebalances take all partitions of a worker away and give most of them back. Who asks should
// not notice: questions are answered while a partition is flushed, and when it is released, until
// the group has said whose it is. Nothing is read or written for it then, so its answers are the
// fold of the log up to the offset that they name, as ever.

import KafkaLog
import ReadStateCore
import RedisLink

extension Shard {
    func carryOut(_ command: ShardCommand, now: Instant) {
        switch command {
        case .assign(let id): assign(id)
        case .begin(let id, let claim, let offset, let queue):
            begin(id, claim: claim, at: offset, queue, now: now)
        case .cannotBegin(let id, let claim): cannotBegin(id, claim: claim, now: now)
        case .revoke(let id, let deadline): revoke(id, deadline: deadline)
        case .forget(let id): forget(id)
        case .confirmed(let id, let isOurs): confirmed(id, isOurs: isOurs, now: now)
        case .deadLetterStored(let id, let offset, let bytes):
            guard let partition = partitions[id] else { return }
            partition.deadLetterBytes = max(0, partition.deadLetterBytes - bytes)
            partition.failedLetters.remove(offset)
            partition.isTouched = true
            partition.engine.deadLetterStored(offset)
        case .deadLetterFailed(let id, let offset): partitions[id]?.failedLetters.insert(offset)
        case .capacity(let capacity):
            self.capacity = capacity
            for partition in order { partition.engine.setCapacity(capacity) }
        case .stop: stop()
        case .end: end(now: now)
        }
    }

    private func assign(_ id: PartitionID) {
        let partition = partitions[id] ?? make(id)
        if partition.answersUntil != nil { letGo(partition) }
        partition.isAssigned = true
        partition.revokeDeadline = nil
        partition.retryAt = nil
        partition.isConfirming = false
        partition.isTouched = true
        // What was not acknowledged when it was let go is read, and produced, again.
        partition.deadLetterBytes = 0
        partition.failedLetters.removeAll()
    }

    private func make(_ id: PartitionID) -> ShardPartition {
        let partition = ShardPartition(
            id: id,
            keys: settings.keys.partition(id.rawValue, generation: settings.generation),
            engine: PartitionEngine(
                partition: id, settings: settings.engine, capacity: capacity))
        partitions[id] = partition
        order.append(partition)
        return partition
    }

    /// Claims a partition of ours that is not claimed, as soon as it may be.
    func claimIfNeeded(_ partition: ShardPartition, now: Instant) {
        guard partition.isAssigned, partition.revokeDeadline == nil, commits.takesMore else {
            return
        }
        if let retryAt = partition.retryAt, now < retryAt { return }
        switch partition.engine.claimNeed {
        case .none: return
        case .now: break
        case .afterConfirmation:
            if !partition.isConfirming {
                partition.isConfirming = true
                control.post(.confirm(partition.id))
            }
            return
        case .afterPause:
            guard partition.retryAt != nil else {
                partition.retryAt = now.advanced(byMilliseconds: 1_000)
                return
            }
        }
        partition.retryAt = nil
        let token = OwnerToken(high: random.next(), low: random.next())
        partition.engine.claimSent(token)
        commits.connection.output.claim(
            partition.keys, token: StoredToken(token), owner: settings.ownerName)
        commits.expected.append(.claim(partition, token))
    }

    /// A claim was answered.
    func finishClaim(
        _ partition: ShardPartition, _ token: OwnerToken, _ claim: ClaimReply
    ) {
        guard partition.engine.awaits(token) else { return }
        partition.isTouched = true
        let rollbacks = partition.engine.counters.rolledBack
        let outcome = partition.engine.claimed(token, StoredClaim(claim))
        if partition.engine.counters.rolledBack > rollbacks {
            tellRefusal(partition, .rolledBack, "claim")
        }
        switch outcome {
        case .resume(let offset):
            logger.info(
                "partition_resumed",
                [
                    "partition": .number(Int64(partition.id.rawValue)),
                    "offset": .number(offset.rawValue),
                ])
            refreshLists()
            // The log is read on where it was left, if it still is; after a revoke it must be
            // placed.
            guard partition.queue == nil else { return }
            place(partition, claim: token, at: offset)
        case .restart(let position):
            logger.info(
                "partition_claimed",
                [
                    "partition": .number(Int64(partition.id.rawValue)),
                    "position": .text(position.map { "\($0.rawValue)" } ?? "none"),
                    "before": .text(claim.owner ?? "nobody"),
                ])
            detachQueue(partition)
            place(partition, claim: token, at: position)
        }
    }

    /// Asks the control thread where in the log the partition is to be read from.
    private func place(_ partition: ShardPartition, claim: OwnerToken, at offset: Offset?) {
        control.post(
            .place(
                PlaceQuestion(
                    partition: partition.id, claim: claim, position: offset,
                    fingerprint: partition.engine.lastRecord)))
    }

    private func begin(
        _ id: PartitionID, claim: OwnerToken, at offset: Offset, _ handed: HandedQueue,
        now: Instant
    ) {
        let queue = handed.take()
        // A place that was found for an earlier claim may lie behind where this one must begin; the
        // newest claim has asked for a place of its own.
        guard let partition = partitions[id], partition.isAssigned, partition.queue == nil,
            partition.engine.isClaimed(by: claim)
        else { return }
        if partition.engine.phase == .claimed { partition.engine.start(at: offset, now: now) }
        do {
            try epoll.add(queue.wakeFileDescriptor, token: Self.token(of: id))
        } catch {
            return control.post(.fatal(.failed, "partition \(id.rawValue): \(error)"))
        }
        logger.info(
            "partition_started",
            ["partition": .number(Int64(id.rawValue)), "offset": .number(offset.rawValue)])
        partition.queue = consume queue
        partition.isReadable = true
        partition.isTouched = true
        refreshLists()
    }

    private func cannotBegin(_ id: PartitionID, claim: OwnerToken, now: Instant) {
        guard let partition = partitions[id], partition.engine.isClaimed(by: claim) else { return }
        detachQueue(partition)
        partition.engine.refuse(.log)
        partition.retryAt = now.advanced(byMilliseconds: 5_000)
    }

    /// No more records of the partition; the control thread stops or restarts the fetching.
    func detachQueue(_ partition: ShardPartition) {
        guard let descriptor = partition.queue?.wakeFileDescriptor else { return }
        epoll.remove(descriptor)
        partition.queue = nil
        partition.isReadable = false
    }

    private func revoke(_ id: PartitionID, deadline: Instant) {
        guard let partition = partitions[id], partition.isAssigned else {
            return control.post(.released(id))
        }
        partition.revokeDeadline = deadline
        refreshLists()
        partition.engine.flush()
        partition.isTouched = true
    }

    /// Gives a partition back to the group once everything is committed, or the time for it is
    /// over.
    func finishRevoke(_ partition: ShardPartition, now: Instant) {
        if let end = partition.answersUntil, end <= now || partition.engine.phase != .owned {
            letGo(partition)
        }
        guard let deadline = partition.revokeDeadline else { return }
        let isInTime = now < deadline
        // Parked events are waited for: a position that they hold back would be replayed from, over
        // users who are stored with more.
        let isFlushed =
            partition.engine.phase != .owned
            || (partition.engine.isFlushed && partition.engine.parkedWeight == 0)
        // Before the process ends: a call that still waits on its list could pop a request that
        // nobody would answer.
        let isPopping =
            isStopping && popping.isOnItsWay && popping.lists.contains(partition.keys.requests)
        guard (isFlushed && !isPopping) || !isInTime else { return }
        if partition.engine.phase == .owned, !partition.engine.isFlushed {
            logger.warning(
                "partition_let_go_dirty",
                [
                    "partition": .number(Int64(partition.id.rawValue)),
                    "users": .number(Int64(partition.engine.dirtyUsers)),
                ])
        }
        partition.revokeDeadline = nil
        partition.isAssigned = false
        detachQueue(partition)
        if isInTime, !isStopping {
            partition.answersUntil = now.advanced(byMilliseconds: Self.answersForMilliseconds)
        } else {
            letGo(partition)
        }
        logger.info("partition_released", ["partition": .number(Int64(partition.id.rawValue))])
        control.post(.released(partition.id))
    }

    /// Less than a session of the group (15 s): nobody else can have got the partition meanwhile
    /// because this process stood still.
    private static let answersForMilliseconds: Int64 = 10_000

    /// No more answers; the questions that wait go back to the list.
    private func letGo(_ partition: ShardPartition) {
        partition.answersUntil = nil
        giveBack(partition.engine.letGo(), of: partition)
    }

    /// The partition is somebody else's now: a kept cache is of no use.
    private func forget(_ id: PartitionID) {
        guard let partition = partitions[id], !partition.isAssigned else { return }
        if partition.answersUntil != nil { letGo(partition) }
        partitions[id] = nil
        order.removeAll { $0 === partition }
    }

    private func confirmed(_ id: PartitionID, isOurs: Bool, now: Instant) {
        guard let partition = partitions[id] else { return }
        partition.isConfirming = false
        guard isOurs else {
            // The group will take it away, or confirm it when asked again.
            partition.retryAt = now.advanced(byMilliseconds: 1_000)
            return
        }
        if partition.engine.claimNeed == .afterConfirmation { partition.engine.allowClaim() }
        partition.isTouched = true
    }

    /// The process is about to end. Partitions that the group has taken and not yet given to
    /// anybody are let go at once: nobody else would give their requests back.
    private func stop() {
        isStopping = true
        // First nobody waits on the lists any more, or what is given back would be popped again.
        refreshLists()
        for partition in order where partition.answersUntil != nil { letGo(partition) }
    }

    private func end(now: Instant) {
        for partition in order { detachQueue(partition) }
        publishStatus(now: now)
        hasEnded = true
    }

    static func token(of id: PartitionID) -> UInt64 {
        firstPartitionToken + UInt64(id.rawValue)
    }
}

extension ShardPartition {
    /// Records arrived in the queue.
    func wakeUp() {
        guard queue != nil else { return }
        queue!.clearWake()
        isReadable = true
    }
}

extension StoredClaim {
    init(_ claim: ClaimReply) {
        self.init(
            owner: claim.token.map { OwnerToken($0) },
            position: claim.offset.map { Offset($0) }, number: CommitNumber(claim.number),
            fingerprint: claim.fingerprint.map {
                RecordFingerprint(offset: Offset($0.offset), hash: $0.hash)
            })
    }
}
