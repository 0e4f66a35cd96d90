// One instance of librdkafka: made from settings and defaults, polled for events on one thread,
// destroyed within a deadline. Everything else in this module is built on it.
//
// Events instead of callbacks: librdkafka calls nothing of ours from its own threads; rebalances,
// errors, log lines and delivery reports wait in a queue until the owner polls it, and the queue
// signals `wake` when it goes from empty to not empty.
//
// Destroying an instance waits for librdkafka's threads, and those wait for every message that is
// still referred to; 2.0 has faults of its own there. So it is done on a thread that can be left
// behind, and the owner waits for it no longer than it likes.

internal import CRdkafka
internal import Glibc
internal import Synchronization

/// Something to know about a handle that is nobody's answer.
package enum KafkaNotice: Sendable {
    /// An error of the handle as a whole, such as brokers that cannot be reached. librdkafka goes
    /// on trying unless it is fatal.
    case error(KafkaLogError)
    /// A log line. `level` as in syslog: 3 error, 4 warning, 6 info, 7 debug.
    case log(level: Int32, facility: String, text: String)
    /// librdkafka's statistics, as JSON (`statistics.interval.ms`).
    case statistics(String)
}

/// Owns an instance, its main queue and its topic. Safe to move to another thread: librdkafka's
/// calls take locks of their own, and only the owner destroys it.
@safe struct KafkaHandle: ~Copyable, Sendable {
    /// Alive until `destroy` or `deinit`.
    nonisolated(unsafe) let rk: OpaquePointer
    /// The queue all events arrive in; referred to until `destroy` or `deinit`.
    nonisolated(unsafe) let queue: OpaquePointer
    /// The one topic of the settings, for the calls that want a topic object; nil for a member,
    /// which makes none: once a second librdkafka looks at all partitions of all topic objects.
    nonisolated(unsafe) let topic: OpaquePointer?
    let topicName: String
    let wake: Wake

    /// `wake` is signalled when an event arrives; handles polled by one thread can share one.
    init(
        _ role: KafkaRole, _ settings: KafkaSettings, events: Int32, wake: Wake
    ) throws(KafkaLogError) {
        let isConsumer = [.member, .reader, .probe].contains(role)
        let configuration = try Configuration(role, settings, events: events)
        let type = isConsumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER
        unsafe rk = try unsafe Self.open(type, configuration)
        self.wake = wake
        topicName = settings.topic
        if role == .member { unsafe rd_kafka_poll_set_consumer(rk) }
        // The instance is alive and, for a member, has a group: both calls cannot fail then.
        unsafe queue =
            role == .member ? rd_kafka_queue_get_consumer(rk) : rd_kafka_queue_get_main(rk)
        unsafe topic = role == .member ? nil : rd_kafka_topic_new(rk, settings.topic, nil)
        var one: UInt64 = 1
        // librdkafka copies the eight bytes; `wake` outlives the queue because this owns both.
        unsafe rd_kafka_queue_io_event_enable(queue, wake.fd, &one, 8)
        unsafe rd_kafka_set_log_queue(rk, queue)
    }

    deinit { unsafe Self.close(rk, queue, topic) }

    /// Destroys the instance. False if that took longer than `duration`: it then goes on on a
    /// thread of its own, and what it holds is given up.
    consuming func destroy(within duration: Duration) -> Bool {
        let task = DestroyTask(self)
        return task.run(within: duration)
    }

    /// Gives the instance up for ever, threads and all: for one that something still refers to.
    consuming func abandon() { _ = unsafe Unmanaged.passRetained(DestroyTask(self)) }

    /// The next event, nil if there is none. Whoever gets one gets the duty to destroy it.
    func nextEvent() -> OpaquePointer? { unsafe rd_kafka_queue_poll(queue, 0) }

    /// An error that `librdkafka` just reported by name, or the one behind a fatal one.
    func classify(
        _ code: rd_kafka_resp_err_t, _ operation: KafkaLogError.Operation, text: String? = nil,
        partition: Int32? = nil, offset: Int64? = nil
    ) -> KafkaLogError {
        var text = text
        if code == RD_KAFKA_RESP_ERR__FATAL {
            text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
                // librdkafka writes at most `count` bytes, the terminator included.
                let code = unsafe rd_kafka_fatal_error(rk, buffer.baseAddress, buffer.count)
                let name = unsafe String(cString: rd_kafka_err2name(code))
                return unsafe "\(name): \(String(cString: buffer.baseAddress!))"
            }
        }
        return .classify(
            code, operation, text: text, topic: topicName, partition: partition, offset: offset)
    }

    /// An event of the handle as a whole, if it is one. Does not destroy it.
    func notice(_ event: OpaquePointer) -> KafkaNotice? {
        switch unsafe rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_ERROR:
            // The text lives as long as the event.
            let text = unsafe String(cString: rd_kafka_event_error_string(event))
            return .error(classify(unsafe rd_kafka_event_error(event), .connect, text: text))
        case RD_KAFKA_EVENT_LOG:
            var facility: UnsafePointer<CChar>?
            var text: UnsafePointer<CChar>?
            var level: Int32 = 0
            // Both strings live as long as the event, and are set where 0 is returned.
            guard unsafe rd_kafka_event_log(event, &facility, &text, &level) == 0,
                let facility = unsafe facility, let text = unsafe text
            else { return nil }
            let line = unsafe String(cString: text)
            // Every handle is given every property, so this says nothing.
            if line.contains("property and will be ignored by this") { return nil }
            return .log(level: level, facility: unsafe String(cString: facility), text: line)
        case RD_KAFKA_EVENT_STATS:
            // The text lives as long as the event.
            return .statistics(unsafe String(cString: rd_kafka_event_stats(event)))
        default:
            return nil
        }
    }

    /// The value that is in force for a property that is a number.
    func number(_ property: String) -> Int {
        var text = [CChar](repeating: 0, count: 64)
        var count = text.count
        // librdkafka writes at most `count` bytes; the configuration belongs to the instance.
        let result = unsafe rd_kafka_conf_get(rd_kafka_conf(rk), property, &text, &count)
        precondition(result == RD_KAFKA_CONF_OK, "librdkafka has a property \(property)")
        return Int(text.upToZero)!
    }

    /// How many partitions the topic has.
    func partitionCount(within duration: Duration) throws(KafkaLogError) -> Int32 {
        guard let topic = unsafe topic else { preconditionFailure("not asked of a member") }
        return try unsafe partitionCount(of: topic, until: Deadline(within: duration))
    }

    /// How many partitions a topic of this instance has.
    func partitionCount(
        of topic: OpaquePointer, until deadline: Deadline
    ) throws(KafkaLogError) -> Int32 {
        // The topic is alive and this instance's.
        try unsafe describe(topic, .partitionCount, until: deadline) { answer in
            unsafe answer.partition_cnt
        }
    }

    /// The broker that leads each partition of the topic; -1 where none does.
    func leaders(until deadline: Deadline) throws(KafkaLogError) -> [Int32: Int32] {
        guard let topic = unsafe topic else { preconditionFailure("not asked of a member") }
        return try unsafe describe(topic, .watermarks, until: deadline) { answer in
            var leaders: [Int32: Int32] = [:]
            for index in 0..<Int(unsafe answer.partition_cnt) {
                // As many as the count says. A partition that lacks a replica is led all the same.
                let partition = unsafe answer.partitions[index]
                leaders[unsafe partition.id] = unsafe partition.leader
            }
            return leaders
        }
    }

    /// Has `body` read what a broker says of a topic, which is gone when it returns.
    private func describe<Answer>(
        _ topic: OpaquePointer, _ operation: KafkaLogError.Operation, until deadline: Deadline,
        _ body: (rd_kafka_metadata_topic) -> Answer
    ) throws(KafkaLogError) -> Answer {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        // On success it is ours to destroy, and tells of the one topic that was asked for.
        let code = unsafe rd_kafka_metadata(
            rk, 0, topic, &metadata, deadline.remainingMilliseconds())
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = unsafe metadata else {
            throw classify(code, operation)
        }
        defer { unsafe rd_kafka_metadata_destroy(metadata) }
        precondition(unsafe metadata.pointee.topic_cnt == 1)
        let answer = unsafe metadata.pointee.topics[0]
        let error = unsafe answer.err
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { throw classify(error, operation) }
        return unsafe body(answer)
    }

    private static func open(
        _ type: rd_kafka_type_t, _ configuration: consuming Configuration
    ) throws(KafkaLogError) -> OpaquePointer {
        var text = [CChar](repeating: 0, count: 512)
        // librdkafka writes at most `count` bytes of text, and takes over the configuration only if
        // it makes an instance of it.
        guard let rk = unsafe rd_kafka_new(type, configuration.conf, &text, text.count) else {
            throw .setting(key: "configuration", reason: text.upToZero)
        }
        configuration.release()
        return unsafe rk
    }

    fileprivate static func close(
        _ rk: OpaquePointer, _ queue: OpaquePointer, _ topic: OpaquePointer?
    ) {
        // In this order: librdkafka waits for topics and queues that are still referred to. A group
        // is left by `GroupMember.close`, not here.
        unsafe rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        if let topic = unsafe topic { unsafe rd_kafka_topic_destroy(topic) }
        unsafe rd_kafka_queue_destroy(queue)
        unsafe rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    }
}

/// A handle that is being destroyed, shared by who waits for it and the thread that does it.
private final class DestroyTask: Sendable {
    private let handle: Mutex<KafkaHandle?>
    private let gone = Atomic(false)
    private let done = Wake()

    init(_ handle: consuming KafkaHandle) { self.handle = Mutex(handle) }

    func run(within duration: Duration) -> Bool {
        let deadline = Deadline(within: duration)
        // The thread holds one reference of its own and gives it back in its last line.
        let reference = unsafe Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        let result = unsafe pthread_create(&thread, nil, destroyBody, reference)
        precondition(result == 0, "out of threads")
        pthread_detach(thread)
        done.wait(milliseconds: deadline.remainingMilliseconds())
        return gone.load(ordering: .acquiring)
    }

    fileprivate func destroy() {
        // Taken out first, so that nothing waits for the lock meanwhile.
        let handle = handle.withLock { $0.take() }
        _ = consume handle
        gone.store(true, ordering: .releasing)
        done.signal()
    }
}

private func destroyBody(_ reference: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // The reference that `run` retained for this thread.
    let task = unsafe Unmanaged<DestroyTask>.fromOpaque(reference!).takeRetainedValue()
    task.destroy()
    return nil
}
