// Records as no decent producer would make them, and a look at what is in a topic.

import KafkaLog
import ScenarioSupport
import TestSupport
import Testing

/// A record to produce, or one that was found.
struct RawRecord: Hashable {
    var key: [UInt8]?
    var value: [UInt8]?
    /// Where to put it; nil: where its key belongs.
    var partition: Int32?
    var headers: [String: String] = [:]

    init(key: String?, value: String?, partition: Int32? = nil) {
        self.key = key.map { Array($0.utf8) }
        self.value = value.map { Array($0.utf8) }
        self.partition = partition
    }

    init(key: [UInt8]?, value: [UInt8]?, headers: [String: String]) {
        self.key = key
        self.value = value
        self.headers = headers
    }
}

extension Scenario {
    /// Produces records one after the other, whatever they hold, and says where each was put.
    func produce(_ records: [RawRecord]) throws -> [(partition: Int32, offset: Int64)] {
        var settings = kafka
        settings.properties = [
            .init("message.max.bytes", "16000000"), .init("compression.type", "none"),
        ]
        var producer = try Producer(settings, for: .bulk)
        var places: [UInt64: (partition: Int32, offset: Int64)] = [:]
        var failures: [KafkaLogError] = []
        for (index, record) in records.enumerated() {
            let outcome = try producer.produce(
                key: record.key?.span.bytes, value: record.value?.span.bytes,
                partition: record.partition, ticket: UInt64(index))
            try #require(outcome == .queued)
        }
        let isFlushed = producer.flush(within: .seconds(60)) { event in
            guard case .delivered(let delivery) = event else { return }
            if let error = delivery.error { return failures.append(error) }
            places[delivery.ticket] = (delivery.partition, delivery.offset)
        }
        try #require(isFlushed && failures.isEmpty, "\(failures)")
        for place in places.values { reached(place.offset, in: place.partition) }
        return try records.indices.map { try #require(places[UInt64($0)]) }
    }

    /// Waits until partition 0 of a topic holds `count` records, and gives them in order.
    func records(of topic: String, count: Int) throws -> [RawRecord] {
        var settings = kafka
        settings.topic = topic
        var reader = try LogReader(settings)
        var queue = try reader.start(0, at: 0)
        var found: [RawRecord] = []
        try waitUntil("\(count) records in \(topic)", seen: "\(found.count)") {
            let turn = queue.consume(limit: 100) { record in
                let headers = record.headers.map {
                    ($0.name, String(decoding: $0.value, as: UTF8.self))
                }
                var copy = RawRecord(
                    key: nil, value: nil, headers: Dictionary(headers) { first, _ in first })
                if let key = record.key { copy.key = Array(copying: key) }
                if let value = record.value { copy.value = Array(copying: value) }
                found.append(copy)
                return true
            }
            if let error = turn.error, !error.isRetriable { throw error }
            return found.count >= count
        }
        return found
    }
}

extension [UInt8] {
    init(copying span: RawSpan) {
        self = span.withUnsafeBytes { Array($0) }
    }
}
