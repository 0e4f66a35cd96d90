// Records: from a partition's queue through the decoder into its engine, in batches. A record
// is decoded where librdkafka holds it; nothing of it is copied but the event's numbers.

import KafkaLog
import ReadStateCore
import ReadStateWire

extension Shard {
    /// Whether the partition may be read on: its engine has room, and so have its dead letters.
    func canConsume(_ partition: ShardPartition) -> Bool {
        !isStopping && partition.queue != nil && partition.revokeDeadline == nil
            && partition.engine.wantsEvents && partition.failedLetters.isEmpty
            && partition.deadLetterBytes < settings.deadLetterByteLimit
    }

    /// At most so many records of the partition, if it may be read; how many they were.
    func consume(_ partition: ShardPartition, limit: Int, now: Instant) -> Int {
        guard canConsume(partition) else { return 0 }
        let place =
            settings.checksPartitioner
            ? Partitioning.Place(partition.id, of: settings.partitionCount) : nil
        let turn = Self.fill(
            &batch, with: &decoder, from: &partition.queue!, limit: limit,
            next: partition.engine.next, place: place
        ) { record, outcome in
            switch outcome {
            case .event: break
            case .tombstone: counters.tombstones += 1
            case .deadLetter(let reason): sendDeadLetter(record, reason, of: partition)
            }
        }
        partition.isReadable = turn.result.more
        partition.isTouched = true
        if turn.last >= 0 {
            partition.engine.apply(
                batch, upTo: Offset(turn.last).next, lastRecord: turn.fingerprint, now: now)
        }
        if let error = turn.result.error { logFailed(partition, error, now: now) }
        return turn.result.count
    }

    /// Decodes what the queue has, up to a limit. Batch and decoder are arguments and not
    /// reached through `self`: in a class, each access of each record would be checked anew at run
    /// time, which costs half as much as decoding. Offsets are plain numbers here: comparing two
    /// `Offset`s in another module than theirs is a call by way of a table.
    private static func fill(
        _ batch: inout EventBatch, with decoder: inout EventDecoder,
        from queue: inout PartitionQueue, limit: Int, next: Offset, place: Partitioning.Place?,
        otherwise: (borrowing Record, EventDecoder.Outcome) -> Void
    ) -> RecordTurn {
        batch.removeAll()
        var turn = RecordTurn()
        let first = next.rawValue
        turn.result = queue.consume(limit: limit) { record in
            let number = record.offset
            guard number >= first else { return true }
            let offset = Offset(number)
            if turn.last < 0 {
                // One record of a batch is enough to know the topic by; the first is known first.
                turn.fingerprint = RecordFingerprint(offset: offset, hash: record.fingerprint)
            }
            turn.last = number
            let outcome = decoder.decode(
                value: record.value, key: record.key, offset: offset, place: place, into: &batch)
            if case .event = outcome { return true }
            otherwise(record, outcome)
            return true
        }
        return turn
    }

    /// Hands a record that cannot be applied to the control thread, which produces it.
    private func sendDeadLetter(
        _ record: borrowing Record, _ reason: DeadLetterReason, of partition: ShardPartition
    ) {
        var key: [UInt8]?
        if let bytes = record.key { key = bytes.copied() }
        var value: [UInt8]?
        if let bytes = record.value { value = bytes.copied() }
        let letter = DeadLetter(
            partition: partition.id, offset: Offset(record.offset), reason: reason.rawValue,
            key: key, value: value)
        partition.engine.deadLetter(at: letter.offset)
        partition.deadLetterBytes += letter.byteCount
        counters.deadLetters[reason, default: 0] += 1
        control.post(.deadLetter(letter))
    }

    /// An error of the partition's queue. What mends itself is only logged; otherwise the partition
    /// stops, keeps what it has in the store, and the control thread looks at the log.
    private func logFailed(_ partition: ShardPartition, _ error: KafkaLogError, now: Instant) {
        logger.warning(
            "partition_error",
            ["partition": .number(Int64(partition.id.rawValue)), "error": .text("\(error)")])
        guard !error.isRetriable else { return }
        detachQueue(partition)
        partition.engine.refuse(.log)
        partition.retryAt = now.advanced(byMilliseconds: 1_000)
        control.post(.logFailed(partition.id))
    }
}

/// What became of a partition's turn.
private struct RecordTurn {
    var result = ConsumeResult()
    /// The newest record's offset, whatever became of it; -1 if there was none.
    var last: Int64 = -1
    var fingerprint: RecordFingerprint?
}

extension RawSpan {
    /// The bytes, copied.
    func copied() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        // Any byte is a UInt8, and `index` is in bounds.
        for index in 0..<byteCount {
            bytes.append(unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self))
        }
        return bytes
    }
}
