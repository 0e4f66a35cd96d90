// Puts events into the topic as producers should: keyed by user, partitioned by murmur2, checked by
// the very decoder that workers use, so that nothing is published that would become a dead letter.
// Each record has a ticket (a line number, a sequence number), and whatever was not delivered is
// known by it.

package import KafkaLog
package import ReadStateWire

/// Why an event could not be published.
package enum PublishError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is not one; workers would not apply it.
    case invalid(DeadLetterReason)
    case kafka(KafkaLogError)

    package var description: String {
        switch self {
        case .invalid(let reason): "not a valid event: \(reason.rawValue)"
        case .kafka(let error): "\(error)"
        }
    }
}

/// What became of the records so far.
package struct PublishTally: Sendable {
    package struct Partition: Hashable, Sendable {
        package var count = 0
        package var lastOffset: Int64 = -1
    }

    package fileprivate(set) var partitions: [Int32: Partition] = [:]
    package fileprivate(set) var delivered = 0
    package fileprivate(set) var failed = 0
    /// The failure with the lowest ticket.
    package fileprivate(set) var firstFailure: (ticket: UInt64, error: KafkaLogError)?
    /// Troubles that librdkafka goes on working on, newest last, not yet taken.
    package var notices: [KafkaNotice] = []

    fileprivate mutating func count(_ event: ProducerEvent) {
        switch event {
        case .notice(let notice): notices.append(notice)
        case .delivered(let delivery):
            if let error = delivery.error {
                failed += 1
                if delivery.ticket <= firstFailure?.ticket ?? .max {
                    firstFailure = (delivery.ticket, error)
                }
                return
            }
            delivered += 1
            partitions[delivery.partition, default: Partition()].count += 1
            let last = max(partitions[delivery.partition]!.lastOffset, delivery.offset)
            partitions[delivery.partition]!.lastOffset = last
        }
    }
}

/// Publishes events; owned by one thread.
package struct Publisher: ~Copyable {
    private var producer: Producer
    private var decoder = EventDecoder()
    private var key: [UInt8] = []
    private var value: [UInt8] = []
    package private(set) var tally = PublishTally()

    package init(_ settings: KafkaSettings) throws(KafkaLogError) {
        producer = try Producer(settings, for: .bulk)
    }

    /// Records on their way.
    package var outstanding: Int { producer.outstanding }

    /// Publishes one event given as JSON, as protobuf or as it stands. Waits while the queue of
    /// records on their way is full.
    package mutating func publish(
        json line: [UInt8], as encoding: Encoding, ticket: UInt64
    ) throws(PublishError) {
        // The bytes of bytes hold no padding.
        switch decoder.publish(json: unsafe line.span.bytes, key: &key, value: &value) {
        case .invalid(let reason): throw .invalid(reason)
        case .record: break
        }
        if encoding == .json { value = line }
        try send(ticket)
    }

    /// Publishes one event without lists.
    package mutating func publish(
        _ fields: EventFields, as encoding: Encoding, ticket: UInt64
    ) throws(PublishError) {
        key.removeAll(keepingCapacity: true)
        value.removeAll(keepingCapacity: true)
        Decimal.append(fields.user, to: &key)
        switch encoding {
        case .protobuf: EventEncoder.protobuf(fields, entries: [], into: &value)
        case .json: EventEncoder.json(fields, entries: [], into: &value)
        }
        try send(ticket)
    }

    /// Takes in what was delivered, waiting up to `milliseconds` for something.
    package mutating func poll(milliseconds: Int32 = 0) {
        // Taken out for the call: the producer is in use meanwhile, and a copy would copy all
        // counts.
        var taken = PublishTally()
        swap(&taken, &tally)
        producer.poll(milliseconds: milliseconds) { taken.count($0) }
        swap(&taken, &tally)
    }

    /// The troubles since the last call.
    package mutating func takeNotices() -> [KafkaNotice] {
        defer { tally.notices.removeAll() }
        return tally.notices
    }

    /// Hands `key` and `value` over.
    private mutating func send(_ ticket: UInt64) throws(PublishError) {
        let (key, value) = (key, value)
        do throws(KafkaLogError) {
            // The bytes of bytes hold no padding.
            while try unsafe producer.produce(
                key: key.span.bytes, value: value.span.bytes, ticket: ticket) == .full
            {
                poll(milliseconds: 100)
            }
        } catch {
            throw .kafka(error)
        }
    }
}
