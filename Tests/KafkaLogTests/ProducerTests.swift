import KafkaLog
import TestSupport
import Testing

@Suite struct ProducerTests {
    private let value: [UInt8] = [1]

    /// Takes deliveries until there are `count`.
    private func deliveries(
        _ count: Int, from producer: inout Producer
    ) throws -> [UInt64: Delivery] {
        var found: [UInt64: Delivery] = [:]
        try waitUntil("\(count) deliveries", seen: "\(found)") {
            producer.poll { event in
                if case .delivered(let delivery) = event { found[delivery.ticket] = delivery }
            }
            return found.count == count
        }
        return found
    }

    /// Each record's report carries its ticket, and partition and offset where the record can be
    /// read again; the key decides the partition as Kafka's Java clients do.
    @Test(arguments: Cluster.Kind.available, [Producer.Purpose.deadLetters, .bulk])
    func deliveriesNameTheirRecords(kind: Cluster.Kind, purpose: Producer.Purpose) throws {
        let cluster = try Cluster(kind)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 8)
        // Computed from Kafka's murmur2, by another program.
        let partitions: [(key: String, partition: Int32)] = [
            ("1", 7), ("7", 3), ("42", 4), ("123456789", 6), ("9223372036854775807", 5),
        ]
        var producer = try Producer(settings, for: purpose)
        for (ticket, entry) in partitions.enumerated() {
            let outcome = try producer.produce(
                key: Array(entry.key.utf8).span.bytes, value: Array("v".utf8).span.bytes,
                headers: ticket == 0 ? [("name", [1])] : [],
                ticket: UInt64.max - UInt64(ticket))
            #expect(outcome == .queued)
        }
        let found = try deliveries(partitions.count, from: &producer)
        for (ticket, entry) in partitions.enumerated() {
            let delivery = try #require(found[UInt64.max - UInt64(ticket)])
            #expect(delivery.error == nil)
            #expect(delivery.partition == entry.partition, "key \(entry.key)")
            #expect(delivery.offset == 0)
        }
        let outstanding = producer.outstanding
        #expect(outstanding == 0)
        let closed = producer.close(within: .seconds(20))
        #expect(closed)
    }

    /// A record that the broker refuses for good is reported as failed, with its ticket; the next
    /// one arrives.
    @Test func aRefusedRecordIsReported() throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        let invalidRecord: Int16 = 87
        cluster.fail(apiKey: 0, with: [invalidRecord])
        var producer = try Producer(
            settings.with(("enable.idempotence", "false")), for: .deadLetters)
        _ = try producer.produce(key: nil, value: value.span.bytes, ticket: 1)
        let first = try deliveries(1, from: &producer)
        guard case .refused(let failure)? = first[1]?.error else {
            Issue.record("\(first)")
            return
        }
        #expect(failure.code == "INVALID_RECORD" && failure.topic == settings.topic)
        _ = try producer.produce(key: nil, value: value.span.bytes, ticket: 2)
        #expect(try deliveries(1, from: &producer)[2]?.error == nil)
        let closed = producer.close(within: .seconds(20))
        #expect(closed)
    }

    /// A broker that finds a request too large refuses one dead letter, and not those that were
    /// produced along with it.
    @Test func deadLettersAreRefusedOneByOne() throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        let messageTooLarge: Int16 = 10
        cluster.fail(apiKey: 0, with: [messageTooLarge])
        var producer = try Producer(
            settings.with(("enable.idempotence", "false"), ("linger.ms", "500")), for: .deadLetters)
        for ticket in 0..<10 as Range<UInt64> {
            _ = try producer.produce(key: nil, value: value.span.bytes, ticket: ticket)
        }
        let found = try deliveries(10, from: &producer)
        let refused = found.values.compactMap(\.error?.failure?.code)
        #expect(refused == ["MSG_SIZE_TOO_LARGE"], "\(found)")
        let closed = producer.close(within: .seconds(20))
        #expect(closed)
    }

    /// A broker out of reach keeps dead letters waiting: flushing gives up at its deadline, and
    /// they arrive when the broker is back. A bulk producer with a timeout reports them as failed
    /// instead.
    @Test func brokersOutOfReachDelayDeadLetters() throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        var patient = try Producer(
            settings.with(("reconnect.backoff.max.ms", "100")), for: .deadLetters)
        var hasty = try Producer(settings.with(("message.timeout.ms", "300")), for: .bulk)
        cluster.setBroker(up: false)
        _ = try patient.produce(key: nil, value: value.span.bytes, ticket: 1)
        _ = try hasty.produce(key: nil, value: value.span.bytes, ticket: 2)
        let error = try #require(try deliveries(1, from: &hasty)[2]?.error as KafkaLogError?)
        #expect(error.isRetriable, "\(error)")
        let flushed = patient.flush(within: .milliseconds(10)) { _ in }
        #expect(!flushed)
        let outstanding = patient.outstanding
        #expect(outstanding > 0)
        cluster.setBroker(up: true)
        #expect(try deliveries(1, from: &patient)[1]?.error == nil)
        let patientClosed = patient.close(within: .seconds(20))
        #expect(patientClosed)
        let hastyClosed = hasty.close(within: .seconds(20))
        #expect(hastyClosed)
    }

    /// A full queue is a value: nothing is taken, and after a delivery there is room again.
    @Test func aFullQueueIsAValue() throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        var producer = try Producer(
            settings.with(("queue.buffering.max.messages", "10"), ("linger.ms", "1000")), for: .bulk
        )
        for ticket in 0..<10 as Range<UInt64> {
            let outcome = try producer.produce(key: nil, value: value.span.bytes, ticket: ticket)
            #expect(outcome == .queued)
        }
        let plain = try producer.produce(key: nil, value: value.span.bytes)
        let adorned = try producer.produce(key: nil, value: nil, headers: [("a", [])])
        #expect(plain == .full && adorned == .full)
        _ = try deliveries(10, from: &producer)
        let another = try producer.produce(key: nil, value: value.span.bytes)
        #expect(another == .queued)
        let closed = producer.close(within: .seconds(20))
        #expect(closed)
    }

    /// A record that is too large is an error of that record, at once.
    @Test func aRecordThatIsTooLargeIsRefused() throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        var producer = try Producer(settings, for: .bulk)
        let large = [UInt8](repeating: 0, count: 2_000_000)
        do throws(KafkaLogError) {
            _ = try producer.produce(key: nil, value: large.span.bytes)
            Issue.record("it was taken")
        } catch {
            #expect(error.failure?.code == "MSG_SIZE_TOO_LARGE", "\(error)")
            #expect(!error.isRetriable && !error.isFatal)
        }
        let closed = producer.close(within: .seconds(20))
        #expect(closed)
    }

    /// Topics are made with their configuration, described, and deleted; what cannot be done says
    /// why.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func topicsAreMadeAndDeleted() throws {
        let cluster = try Cluster(.kafka)
        let settings = try cluster.settings(
            partitions: 3, configuration: [("retention.ms", "12345678")])
        let admin = try TopicAdmin(settings)
        let found = try admin.configuration(of: settings.topic, within: .seconds(30))
        #expect(found["retention.ms"] == "12345678")
        #expect(found["cleanup.policy"] == "delete")
        do throws(KafkaLogError) {
            try admin.create(settings.topic, partitions: 3, within: .seconds(30))
            Issue.record("a topic was made twice")
        } catch {
            #expect(error.failure?.code == "TOPIC_ALREADY_EXISTS", "\(error)")
        }
        try admin.delete(settings.topic, within: .seconds(30))
        try waitUntil("the topic is gone") {
            do throws(KafkaLogError) {
                _ = try admin.configuration(of: settings.topic, within: .seconds(30))
                return false
            } catch {
                guard case .unknownTopic = error else { throw error }
                return true
            }
        }
        do throws(KafkaLogError) {
            try admin.delete(settings.topic, within: .seconds(30))
            Issue.record("a topic was deleted twice")
        } catch {
            guard case .unknownTopic = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}

extension KafkaSettings {
    fileprivate func with(_ properties: (String, String)...) -> KafkaSettings {
        var settings = self
        settings.properties += properties.map { Property($0.0, $0.1) }
        return settings
    }
}
