// The brokers that these tests run against: librdkafka's mock cluster always, and a real Kafka
// where KAFKA_HOME names one. Topics and groups have names of their own, so tests may share a
// broker.

import KafkaLog
import Synchronization
import TestSupport
import Testing

/// Brokers to test against, for as long as it lives.
final class Cluster: Sendable {
    enum Kind: String, Sendable, CustomTestStringConvertible {
        case mock, kafka
        /// What there is to test with.
        static let available: [Kind] = KafkaServer.isAvailable ? [.mock, .kafka] : [.mock]
        var testDescription: String { rawValue }
    }

    let bootstrap: String
    private let embedded: EmbeddedBroker?
    private static let names = Atomic(0)

    /// `brokers` counts for the mock cluster.
    init(_ kind: Kind, brokers: Int32 = 1) throws {
        switch kind {
        case .mock:
            let broker = try EmbeddedBroker(brokers: brokers)
            bootstrap = broker.bootstrapServers
            embedded = consume broker
        case .kafka:
            bootstrap = try KafkaServer.shared().bootstrap
            embedded = nil
        }
    }

    /// A name nobody else uses.
    static func name(_ prefix: String) -> String {
        "\(prefix)-\(names.add(1, ordering: .relaxed).newValue)"
    }

    /// Rebalances and empty fetches should not take seconds. The mock cluster ends a rebalance one
    /// second before the session would, whoever has joined.
    private var quick: [(String, String)] {
        [("heartbeat.interval.ms", "200"), ("fetch.wait.max.ms", "5")]
            + (embedded == nil ? [] : [("session.timeout.ms", "4000")])
    }

    /// Makes a topic and gives the settings that lead to it.
    func settings(
        partitions: Int32, configuration: [(key: String, value: String)] = [],
        properties: [(String, String)] = []
    ) throws -> KafkaSettings {
        let settings = KafkaSettings(
            bootstrapServers: bootstrap, topic: Self.name("events"), group: Self.name("group"),
            clientID: "test",
            properties: (quick + properties).map { KafkaSettings.Property($0.0, $0.1) })
        if embedded != nil {
            try embedded!.createTopic(settings.topic, partitions: partitions)
        } else {
            let admin = try TopicAdmin(settings)
            try admin.create(
                settings.topic, partitions: partitions, configuration: configuration,
                within: .seconds(30))
        }
        return settings
    }

    /// Takes a broker (from 1) of a mock cluster off the network, or brings it back.
    func setBroker(_ id: Int32 = 1, up: Bool) { embedded!.setBroker(id, up: up) }

    /// Lets the next requests of a kind fail, see `EmbeddedBroker.fail`.
    func fail(apiKey: Int16, with codes: [Int16]) { embedded!.fail(apiKey: apiKey, with: codes) }
}

struct NotWritten: Error {
    let errors: [KafkaLogError]
}

/// Writes `values` to a partition and waits until they are in the log. Gives the first one's
/// offset.
@discardableResult
func write(
    _ values: [String], to partition: Int32, _ settings: KafkaSettings, key: String = "7"
) throws -> Int64 {
    var producer = try Producer(settings, for: .bulk)
    var offsets: [Int64] = []
    var errors: [KafkaLogError] = []
    func take(_ event: ProducerEvent) {
        guard case .delivered(let delivery) = event else { return }
        offsets.append(delivery.offset)
        if let error = delivery.error { errors.append(error) }
    }
    for value in values {
        let outcome = try producer.produce(
            key: Array(key.utf8).span.bytes, value: Array(value.utf8).span.bytes,
            partition: partition)
        precondition(outcome == .queued)
    }
    guard producer.flush(within: .seconds(30), take), errors.isEmpty else {
        throw NotWritten(errors: errors)
    }
    _ = producer.close(within: .seconds(10))
    return offsets.min() ?? -1
}

extension String {
    /// The text of a span of UTF-8.
    init(_ span: RawSpan) {
        self = span.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

/// Takes records out of a queue until there are `count`, and fails on an error of the partition.
func take(
    _ count: Int, from queue: inout PartitionQueue, within limit: Duration = ordinaryDeadline
) throws -> [(offset: Int64, value: String)] {
    var records: [(offset: Int64, value: String)] = []
    try waitUntil("\(count) records", within: limit, seen: "\(records.count) records") {
        let turn = queue.consume(limit: count - records.count) { record in
            var text = "-"
            if let value = record.value { text = String(value) }
            records.append((record.offset, text))
            return true
        }
        if let error = turn.error { throw error }
        return records.count == count
    }
    return records
}
