// Reads chosen partitions of the topic from chosen offsets, without a consumer group.
//
// A partition is started at an offset that the caller names; librdkafka then fetches it into a
// queue of its own (`PartitionQueue`). This uses librdkafka's plain consumer
// (`rd_kafka_consume_start_queue` and `_stop`), not `assign`: each partition starts and stops
// alone, stopping is done when the call returns, and no rebalance pauses, restarts or repositions
// anything.

internal import CRdkafka
internal import Synchronization

/// A reader of the topic, owned by one thread; its queues move to others.
package struct LogReader: ~Copyable {
    let handle: KafkaHandle
    private let census = QueueCensus()
    private var started: Set<Int32> = []

    /// Errors: a setting that librdkafka refuses. Brokers that cannot be reached are no error here.
    package init(_ settings: KafkaSettings) throws(KafkaLogError) {
        try self.init(settings, role: .reader, wake: Wake())
    }

    init(_ settings: KafkaSettings, role: KafkaRole, wake: Wake) throws(KafkaLogError) {
        let events = RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS
        handle = try KafkaHandle(role, settings, events: events, wake: wake)
    }

    /// Becomes readable when `poll` has something to give; not for records.
    package var wakeFileDescriptor: Int32 { handle.wake.fd }

    /// The next notice, nil if there is none. Never waits.
    package mutating func poll() -> KafkaNotice? {
        handle.wake.clear()
        return nextNotice()
    }

    /// As `poll`, leaving the wake-up to whoever shares it.
    mutating func nextNotice() -> KafkaNotice? {
        while let event = unsafe handle.nextEvent() {
            defer { unsafe rd_kafka_event_destroy(event) }
            if let notice = unsafe handle.notice(event) { return notice }
        }
        return nil
    }

    /// Begins to fetch a partition that is not started, at `offset` (0 or more). `wake` is an
    /// eventfd of the caller that is written to when records arrive in the empty queue; it must
    /// stay open until the queue is gone. Without one the queue has its own.
    package mutating func start(
        _ partition: Int32, at offset: Int64, wake: Int32? = nil
    ) throws(KafkaLogError) -> PartitionQueue {
        precondition(offset >= 0, "a partition starts at a given offset")
        precondition(!started.contains(partition), "a partition is started once")
        let queue = unsafe PartitionQueue(
            rk: handle.rk, topic: handle.topicName, partition: partition, offset: offset,
            wake: wake, census: census)
        // The topic is the reader's own.
        guard unsafe queue.startFetching(handle.topic) else {
            throw handle.classify(
                rd_kafka_last_error(), .start, partition: partition, offset: offset)
        }
        started.insert(partition)
        return queue
    }

    /// Stops fetching a partition; afterwards nothing is added to its queue, which may already be
    /// gone. Does nothing for a partition that is not started.
    package mutating func stop(_ partition: Int32) {
        guard started.remove(partition) != nil else { return }
        // It was started, so librdkafka knows it; the answer comes from its own main thread.
        _ = unsafe rd_kafka_consume_stop(handle.topic, partition)
    }

    /// How many partitions the topic has; `.unknownTopic` if there is no such topic.
    package func partitionCount(within duration: Duration) throws(KafkaLogError) -> Int32 {
        try handle.partitionCount(within: duration)
    }

    /// The end of a started partition's log as the last fetch told it, nil before the first.
    package func lastKnownEnd(of partition: Int32) -> Int64? {
        var low: Int64 = -1
        var high: Int64 = -1
        // Both are written before it returns; nothing is asked of a broker.
        let code = unsafe rd_kafka_get_watermark_offsets(
            handle.rk, handle.topicName, partition, &low, &high)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
    }

    /// Stops what is started and destroys librdkafka's instance. False if that takes longer than
    /// `duration`, or if a partition queue is still alive then: memory is given up, nothing hangs.
    package consuming func close(within duration: Duration) -> Bool {
        let deadline = Deadline(within: duration)
        for partition in started { stop(partition) }
        let census = census
        let handle = handle
        while census.alive.load(ordering: .acquiring) > 0 {
            guard !deadline.passed else {
                handle.abandon()
                return false
            }
            handle.wake.wait(milliseconds: min(deadline.remainingMilliseconds(), 2))
            handle.wake.clear()
        }
        return handle.destroy(within: .milliseconds(deadline.remainingMilliseconds()))
    }
}
