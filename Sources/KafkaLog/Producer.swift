// Writes records to one topic: dead letters, which must not be lost, or many events.
//
// librdkafka copies a record, sends it in the background and reports what became of it; the report
// carries the ticket that the caller gave with the record. Records with the same key go to the same
// partition (murmur2, as Kafka's Java clients do), in the order they were produced.

internal import CRdkafka

/// What became of a record.
package struct Delivery: Sendable {
    /// The number that came with the record.
    package var ticket: UInt64
    package var partition: Int32
    /// Where it is in the log; -1 if it failed.
    package var offset: Int64
    /// Set if the record is not, or not surely, in the log.
    package var error: KafkaLogError?
}

package enum ProducerEvent: Sendable {
    case delivered(Delivery)
    case notice(KafkaNotice)
}

/// Whether librdkafka took a record.
package enum ProduceOutcome: Hashable, Sendable {
    case queued
    /// Nothing was taken: poll, and try again.
    case full
}

/// Produces to one topic; owned by one thread.
package struct Producer: ~Copyable {
    package enum Purpose: Sendable {
        /// Retries for ever and waits for nothing but the brokers' word.
        case deadLetters
        /// Batches and compresses.
        case bulk
    }

    private let handle: KafkaHandle

    /// Produces to `settings.topic`. Errors: a setting that librdkafka refuses.
    package init(_ settings: KafkaSettings, for purpose: Purpose) throws(KafkaLogError) {
        let events =
            RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS
        let role: KafkaRole = purpose == .bulk ? .fastProducer : .carefulProducer
        handle = try KafkaHandle(role, settings, events: events, wake: Wake())
    }

    /// Becomes readable when `poll` has something to give.
    package var wakeFileDescriptor: Int32 { handle.wake.fd }

    /// Records that are not delivered, or whose delivery was not polled yet.
    package var outstanding: Int { Int(unsafe rd_kafka_outq_len(handle.rk)) }

    /// Takes a copy of a record. Without a partition its key decides; a nil value is a tombstone.
    /// The delivery carries `ticket`. Errors: what is wrong with this record (`.refused`, such as
    /// too large, or `.unknownTopic`) or with the producer (`.fatal`).
    package mutating func produce(
        key: RawSpan?, value: RawSpan?, partition: Int32? = nil,
        headers: [(name: String, value: [UInt8])] = [], ticket: UInt64 = 0
    ) throws(KafkaLogError) -> ProduceOutcome {
        let partition = partition ?? RD_KAFKA_PARTITION_UA
        // Both pointers are good inside of the closures.
        let code = unsafe withBytes(key) { key, keyCount in
            unsafe withBytes(value) { value, valueCount in
                headers.isEmpty
                    ? unsafe send(partition, key, keyCount, value, valueCount, ticket)
                    : unsafe send(partition, key, keyCount, value, valueCount, ticket, headers)
            }
        }
        switch code {
        case RD_KAFKA_RESP_ERR_NO_ERROR: return .queued
        case RD_KAFKA_RESP_ERR__QUEUE_FULL: return .full
        default: throw handle.classify(code, .produce, partition: partition >= 0 ? partition : nil)
        }
    }

    /// Hands over all events there are, waiting for the first up to `milliseconds`. Returns how
    /// many.
    @discardableResult
    package mutating func poll(
        milliseconds: Int32 = 0, _ body: (ProducerEvent) -> Void
    ) -> Int {
        handle.wake.clear()
        let count = drain(body)
        guard count == 0 && milliseconds > 0 else { return count }
        handle.wake.wait(milliseconds: milliseconds)
        handle.wake.clear()
        return drain(body)
    }

    /// Waits until everything produced is delivered or has failed. False if that takes longer than
    /// `duration`.
    package mutating func flush(
        within duration: Duration, _ body: (ProducerEvent) -> Void
    ) -> Bool {
        let deadline = Deadline(within: duration)
        while outstanding > 0 {
            if deadline.passed { return false }
            poll(milliseconds: deadline.remainingMilliseconds(limit: 100), body)
        }
        return true
    }

    /// Destroys the producer; what is outstanding is dropped, so `flush` first. False if it takes
    /// longer than `duration`.
    package consuming func close(within duration: Duration) -> Bool {
        handle.destroy(within: duration)
    }

    private func drain(_ body: (ProducerEvent) -> Void) -> Int {
        var count = 0
        while let event = unsafe handle.nextEvent() {
            defer { unsafe rd_kafka_event_destroy(event) }
            guard unsafe rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR else {
                if let notice = unsafe handle.notice(event) {
                    body(.notice(notice))
                    count += 1
                }
                continue
            }
            // The messages belong to the event.
            while let message = unsafe rd_kafka_event_message_next(event) {
                body(.delivered(unsafe delivery(message)))
                count += 1
            }
        }
        return count
    }

    private func delivery(_ message: UnsafePointer<rd_kafka_message_t>) -> Delivery {
        let code = unsafe message.pointee.err
        let partition = unsafe message.pointee.partition
        var error: KafkaLogError?
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            error = handle.classify(code, .produce, partition: partition >= 0 ? partition : nil)
        }
        // The ticket travelled as a pointer that nobody follows.
        return unsafe Delivery(
            ticket: UInt64(UInt(bitPattern: message.pointee._private)), partition: partition,
            offset: error == nil ? message.pointee.offset : -1, error: error)
    }

    /// Without headers: the shortest way into librdkafka.
    private func send(
        _ partition: Int32, _ key: UnsafeRawPointer?, _ keyCount: Int, _ value: UnsafeRawPointer?,
        _ valueCount: Int, _ ticket: UInt64
    ) -> rd_kafka_resp_err_t {
        // librdkafka copies key and value (MSG_F_COPY): it does not write to them.
        let result = unsafe rd_kafka_produce(
            handle.topic, partition, RD_KAFKA_MSG_F_COPY, UnsafeMutableRawPointer(mutating: value),
            valueCount, key, keyCount, UnsafeMutableRawPointer(bitPattern: UInt(ticket)))
        return result == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error()
    }

    /// With headers, which only the form with an array of arguments takes from Swift.
    private func send(
        _ partition: Int32, _ key: UnsafeRawPointer?, _ keyCount: Int, _ value: UnsafeRawPointer?,
        _ valueCount: Int, _ ticket: UInt64, _ headers: [(name: String, value: [UInt8])]
    ) -> rd_kafka_resp_err_t {
        // All names and values end to end, so that one pointer serves them all while librdkafka
        // copies.
        var bytes: [UInt8] = []
        var places: [(name: Int, value: Int, count: Int)] = []
        for header in headers {
            let name = bytes.count
            bytes += Array(header.name.utf8) + [0]
            places.append((name, bytes.count, header.value.count))
            bytes += header.value
        }
        return unsafe bytes.withUnsafeBytes { bytes in
            var arguments = unsafe [rd_kafka_vu_t]()
            unsafe argument(&arguments, RD_KAFKA_VTYPE_RKT) { unsafe $0.u.rkt = handle.topic }
            unsafe argument(&arguments, RD_KAFKA_VTYPE_PARTITION) { unsafe $0.u.i32 = partition }
            unsafe argument(&arguments, RD_KAFKA_VTYPE_MSGFLAGS) {
                unsafe $0.u.i = RD_KAFKA_MSG_F_COPY
            }
            unsafe argument(&arguments, RD_KAFKA_VTYPE_OPAQUE) {
                unsafe $0.u.ptr = UnsafeMutableRawPointer(bitPattern: UInt(ticket))
            }
            unsafe argument(&arguments, RD_KAFKA_VTYPE_KEY) {
                unsafe $0.u.mem.ptr = UnsafeMutableRawPointer(mutating: key)
                unsafe $0.u.mem.size = keyCount
            }
            unsafe argument(&arguments, RD_KAFKA_VTYPE_VALUE) {
                unsafe $0.u.mem.ptr = UnsafeMutableRawPointer(mutating: value)
                unsafe $0.u.mem.size = valueCount
            }
            for place in places {
                unsafe argument(&arguments, RD_KAFKA_VTYPE_HEADER) {
                    let start = bytes.baseAddress!
                    unsafe $0.u.header.name = (start + place.name).assumingMemoryBound(
                        to: CChar.self)
                    unsafe $0.u.header.val = start + place.value
                    unsafe $0.u.header.size = place.count
                }
            }
            // All pointers are good until it returns, and it copies what they point to.
            guard
                let error = unsafe rd_kafka_produceva(handle.rk, arguments, arguments.count)
            else { return RD_KAFKA_RESP_ERR_NO_ERROR }
            defer { unsafe rd_kafka_error_destroy(error) }
            return unsafe rd_kafka_error_code(error)
        }
    }

    private func argument(
        _ list: inout [rd_kafka_vu_t], _ type: rd_kafka_vtype_t,
        _ fill: (inout rd_kafka_vu_t) -> Void
    ) {
        // All zeroes is a valid argument; `fill` sets the member that the type names.
        var argument = unsafe rd_kafka_vu_t()
        unsafe argument.vtype = type
        unsafe fill(&argument)
        unsafe list.append(argument)
    }
}

/// The bytes of a span by pointer: nil for nil, and never nil for empty, since librdkafka takes a
/// null pointer for an absent key or value.
private func withBytes<Result>(
    _ span: RawSpan?, _ body: (UnsafeRawPointer?, Int) -> Result
) -> Result {
    guard let span else { return body(nil, 0) }
    guard !span.isEmpty else {
        return unsafe withUnsafeBytes(of: UInt8(0)) { unsafe body($0.baseAddress, 0) }
    }
    return unsafe span.withUnsafeBytes { unsafe body($0.baseAddress, $0.count) }
}
