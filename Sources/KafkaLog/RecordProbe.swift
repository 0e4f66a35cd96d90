// Looks at single records: which one is at this offset? For the question whether a topic is still
// the one that the stored position belongs to.

internal import CRdkafka

/// A copy of a record.
package struct ProbedRecord: Sendable {
    package var partition: Int32
    package var offset: Int64
    /// Milliseconds since 1970; -1 if not known.
    package var timestampMilliseconds: Int64
    package var key: [UInt8]?
    package var value: [UInt8]?
    /// See `recordFingerprint`.
    package var fingerprint: UInt64
}

/// What a look at an offset found.
package enum ProbeResult: Sendable {
    /// The record at the offset, or the first after it where compaction or a transaction left a
    /// gap.
    case record(ProbedRecord)
    /// The log ends at or before the offset.
    case nothingThere
    /// `.outOfRange` if the log begins after the offset or ends before it; `.retriable` if no
    /// record came in time, as while brokers are away, or where nothing but markers of
    /// transactions follows; anything else as it came.
    case failed(KafkaLogError)
}

/// Reads the first record at or after each offset, with a reader of its own, in the order of
/// `positions` (each partition at most once). Errors: a setting that librdkafka refuses.
package func probeRecords(
    _ settings: KafkaSettings, at positions: [PartitionOffset], within duration: Duration
) throws(KafkaLogError) -> [ProbeResult] {
    let deadline = Deadline(within: duration)
    let wake = Wake()
    var reader = try LogReader(settings, role: .probe, wake: wake)
    let found = look(at: positions, with: &reader, until: deadline, wake: wake)
    // It has nothing to lose: what does not stop in time stops later.
    _ = reader.close(within: .milliseconds(max(deadline.remainingMilliseconds(), 1000)))
    return found
}

private func look(
    at positions: [PartitionOffset], with reader: inout LogReader, until deadline: Deadline,
    wake: Wake
) -> [ProbeResult] {
    // Half of the time is for the records of those partitions whose leaders answer.
    let half = deadline.share(of: 2).remainingMilliseconds()
    let logs = reader.watermarks(of: positions.map(\.partition), within: .milliseconds(half))
    var results = [ProbeResult](repeating: .nothingThere, count: positions.count)
    var open: [Look] = []
    for (index, position) in positions.enumerated() {
        do throws(KafkaLogError) {
            let log = try logs[index].get()
            // At the end nothing is there yet; librdkafka would wait for it.
            if position.offset == log.high && position.offset >= log.low { continue }
            let queue = try reader.start(position.partition, at: position.offset, wake: wake.fd)
            open.append(Look(index, queue))
        } catch {
            results[index] = .failed(error)
        }
    }
    // A broker's thread that has nothing to fetch looks for new partitions once a second, unless
    // something is asked of its broker.
    var pause: Int32 = 10
    while !open.isEmpty && !deadline.passed {
        wake.wait(milliseconds: deadline.remainingMilliseconds(limit: pause))
        wake.clear()
        open.removeAll { look in
            guard let result = look.take() else { return false }
            results[look.index] = result
            return true
        }
        for look in open { look.nudge() }
        pause = min(2 * pause, 1_000)
    }
    // Silence says nothing about the log.
    for look in open {
        let position = positions[look.index]
        results[look.index] = .failed(
            .classify(
                RD_KAFKA_RESP_ERR__TIMED_OUT, .probe, partition: position.partition,
                offset: position.offset))
    }
    return results
}

/// A look that waits for its record. A class because an array cannot hold what is not copyable.
private final class Look {
    let index: Int
    private var queue: PartitionQueue

    init(_ index: Int, _ queue: consuming PartitionQueue) {
        self.index = index
        self.queue = queue
    }

    func nudge() { queue.nudge() }

    /// The result, once there is one.
    func take() -> ProbeResult? {
        var found: ProbedRecord?
        let turn = queue.consume(limit: 1) { record in
            found = ProbedRecord(record)
            return false
        }
        if let found { return .record(found) }
        guard let error = turn.error, !error.isRetriable else { return nil }
        return .failed(error)
    }
}

extension ProbedRecord {
    fileprivate init(_ record: borrowing Record) {
        partition = record.partition
        offset = record.offset
        timestampMilliseconds = record.timestampMilliseconds
        if let span = record.key { key = [UInt8](span) }
        if let span = record.value { value = [UInt8](span) }
        fingerprint = record.fingerprint
    }
}

extension [UInt8] {
    fileprivate init(_ span: RawSpan) {
        // The bytes are copied before the span ends.
        self = unsafe span.withUnsafeBytes { unsafe Array($0) }
    }
}
