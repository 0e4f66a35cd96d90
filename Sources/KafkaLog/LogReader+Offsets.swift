// Asks for offsets in the log: where it begins and ends, where a time is.
//
// librdkafka puts the question about a list of partitions to all their leaders at once, and answers
// for all of them or for none: one leader that is away, one partition that is just moving, and
// nothing is known of the others. So each leader is asked by itself and may take its share of the
// time that is left; who did not answer is asked again, of whoever leads it then, until the time is
// over. Where a leader complains, it is not said of which partition: then each is asked alone.

internal import CRdkafka
internal import Glibc

/// Where a partition's log begins and ends: `low` is the first record there is, `high` the offset
/// of the next one to be written.
package struct Watermarks: Hashable, Sendable {
    package var low: Int64
    package var high: Int64
}

extension LogReader {
    /// Where the logs of these partitions begin and end, in their order. What mends itself, such as
    /// a leader that moves, is asked again until the time is over.
    package func watermarks(
        of partitions: [Int32], within duration: Duration
    ) -> [Result<Watermarks, KafkaLogError>] {
        ask(about: partitions, until: Deadline(within: duration)) {
            partitions, deadline throws(KafkaLogError) in
            let beginning = Int64(RD_KAFKA_OFFSET_BEGINNING)
            let low = try offsets(at: beginning, of: partitions, until: deadline)
            let high = try offsets(at: Int64(RD_KAFKA_OFFSET_END), of: partitions, until: deadline)
            return zip(low, high).map { Watermarks(low: $0, high: $1) }
        }
    }

    /// For each partition the offset of its first record that is not older than the given time; the
    /// log's end if there is none.
    package func offsets(
        notBefore timestampMilliseconds: Int64, of partitions: [Int32], within duration: Duration
    ) -> [Result<Int64, KafkaLogError>] {
        precondition(timestampMilliseconds >= 0)
        return ask(about: partitions, until: Deadline(within: duration)) {
            partitions, deadline throws(KafkaLogError) in
            let found = try offsets(at: timestampMilliseconds, of: partitions, until: deadline)
            guard found.contains(where: { $0 < 0 }) else { return found }
            let ends = try offsets(at: Int64(RD_KAFKA_OFFSET_END), of: partitions, until: deadline)
            return zip(found, ends).map { $0 < 0 ? $1 : $0 }
        }
    }

    /// Asks about each partition until it is answered, or refused for good, or the time is over.
    /// `question` answers for all partitions of one leader or throws.
    private func ask<Answer>(
        about partitions: [Int32], until deadline: Deadline,
        _ question: ([Int32], Deadline) throws(KafkaLogError) -> [Answer]
    ) -> [Result<Answer, KafkaLogError>] {
        var results: [Int32: Result<Answer, KafkaLogError>] = [:]
        var alone: Set<Int32> = []
        var open = partitions
        while !open.isEmpty {
            let groups = groups(of: open, alone: alone, until: deadline) {
                results[$0] = .failure($1)
            }
            for (index, group) in groups.enumerated() {
                do throws(KafkaLogError) {
                    let answers = try question(group, deadline.share(of: groups.count - index))
                    for (partition, answer) in zip(group, answers) {
                        results[partition] = .success(answer)
                    }
                } catch {
                    for partition in group { results[partition] = .failure(error) }
                    if group.count > 1, !error.isSilence { alone.formUnion(group) }
                }
            }
            if deadline.passed { break }
            open.removeAll { partition in
                guard case .failure(let error) = results[partition]! else { return true }
                // What names no partition may have been said of another one.
                let isOpen = alone.contains(partition) && error.failure?.partition == nil
                return !error.isRetriable && !isOpen
            }
            // Nothing is waited for but time: there are no descriptors.
            if !open.isEmpty {
                _ = Glibc.poll(nil, 0, deadline.remainingMilliseconds(limit: 100))
            }
        }
        return partitions.map { results[$0]! }
    }

    /// The partitions by leader, those in `alone` each by itself; `failed` is told of the others.
    private func groups(
        of partitions: [Int32], alone: Set<Int32>, until deadline: Deadline,
        failed: (Int32, KafkaLogError) -> Void
    ) -> [[Int32]] {
        let leaders: [Int32: Int32]
        do throws(KafkaLogError) {
            // The broker that is asked may keep silent too; another one is asked the next time.
            leaders = try handle.leaders(until: deadline.share(of: 2))
        } catch {
            for partition in partitions { failed(partition, error) }
            return []
        }
        var single: [[Int32]] = []
        var led: [Int32: [Int32]] = [:]
        for partition in partitions {
            guard let leader = leaders[partition], leader >= 0 else {
                let code =
                    leaders[partition] == nil
                    ? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION : RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
                failed(partition, handle.classify(code, .watermarks, partition: partition))
                continue
            }
            if alone.contains(partition) {
                single.append([partition])
            } else {
                led[leader, default: []].append(partition)
            }
        }
        return led.values + single
    }

    /// One offset per partition, -1 where there is none at that time. A time of librdkafka's
    /// `OFFSET_BEGINNING` or `OFFSET_END` means the log's ends, as in Kafka's protocol. An error
    /// names the partition where there is only one.
    private func offsets(
        at time: Int64, of partitions: [Int32], until deadline: Deadline
    ) throws(KafkaLogError) -> [Int64] {
        let only = partitions.count == 1 ? partitions[0] : nil
        let list = PartitionList(
            topic: handle.topicName,
            partitions.map { PartitionOffset(partition: $0, offset: time) })
        // The list is alive; each entry's offset is replaced by the answer.
        let code = unsafe rd_kafka_offsets_for_times(
            handle.rk, list.list, deadline.remainingMilliseconds())
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw handle.classify(code, .watermarks, partition: only)
        }
        var found: [Int32: Int64] = [:]
        for entry in list.entries {
            guard entry.error == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw handle.classify(entry.error, .watermarks, partition: only)
            }
            found[entry.partition] = entry.offset
        }
        return partitions.map { found[$0]! }
    }
}

extension KafkaLogError {
    /// No broker said anything: librdkafka's own codes begin with an underscore.
    fileprivate var isSilence: Bool { isRetriable && failure?.code.hasPrefix("_") == true }
}
