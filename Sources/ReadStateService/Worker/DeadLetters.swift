// Dead letters on their way to their topic: produced by the control thread, acknowledged to the
// shard, whose partition holds its position back until then. A letter that cannot be produced
// (there is no such topic, it is too large for it) is kept and tried again; its partition is not
// read on meanwhile.

import KafkaLog
import ReadStateCore

/// The dead-letter topic's producer, made with the first letter.
struct DeadLetterOffice: ~Copyable {
    private let kafka: KafkaSettings
    /// The topic that the letters come from.
    private let source: String
    private var producer: Producer?
    /// Letters that the producer has no room for yet.
    private var waiting: [DeadLetter] = []
    private var onTheWay: [UInt64: DeadLetter] = [:]
    /// Letters that could not be produced, until they are tried again.
    private var postponed: [DeadLetter] = []
    private var nextTicket: UInt64 = 0

    /// `kafka` names the dead-letter topic.
    init(_ kafka: KafkaSettings, source: String) {
        self.kafka = kafka
        self.source = source
    }

    /// Becomes readable when `poll` has something to give; nil before the first letter.
    var wakeFileDescriptor: Int32? {
        switch producer {
        case .some(let producer): return producer.wakeFileDescriptor
        case nil: return nil
        }
    }

    mutating func add(_ letter: DeadLetter) { waiting.append(letter) }

    /// Keeps a letter that could not be produced until the next `retry`.
    mutating func postpone(_ letter: DeadLetter) { postponed.append(letter) }

    mutating func retry() {
        waiting += postponed
        postponed.removeAll()
    }

    /// The partition was let go: whoever reads it next produces what was not acknowledged.
    mutating func forget(_ id: PartitionID) {
        waiting.removeAll { $0.partition == id }
        postponed.removeAll { $0.partition == id }
    }

    /// Sends what waits; `failed` is told of letters that cannot be produced at all.
    mutating func send(failed: (DeadLetter, KafkaLogError) -> Void) {
        guard !waiting.isEmpty else { return }
        var taken = 0
        for letter in waiting {
            do throws(KafkaLogError) {
                guard try produce(letter) else { break }
            } catch {
                failed(letter, error)
            }
            taken += 1
        }
        waiting.removeFirst(taken)
    }

    /// Tells what became of letters that were sent.
    mutating func poll(
        stored: (DeadLetter) -> Void, failed: (DeadLetter, KafkaLogError) -> Void
    ) {
        guard producer != nil else { return }
        var deliveries: [Delivery] = []
        producer!.poll { event in
            if case .delivered(let delivery) = event { deliveries.append(delivery) }
        }
        for delivery in deliveries {
            guard let letter = onTheWay.removeValue(forKey: delivery.ticket) else { continue }
            if let error = delivery.error { failed(letter, error) } else { stored(letter) }
        }
    }

    /// False: there is no room just now.
    private mutating func produce(_ letter: DeadLetter) throws(KafkaLogError) -> Bool {
        if producer == nil { producer = try Producer(kafka, for: .deadLetters) }
        let headers: [(name: String, value: [UInt8])] = [
            ("readstates.error", Array(letter.reason.utf8)),
            ("readstates.topic", Array(source.utf8)),
            ("readstates.partition", Array("\(letter.partition.rawValue)".utf8)),
            ("readstates.offset", Array("\(letter.offset.rawValue)".utf8)),
        ]
        let nothing: [UInt8] = []
        let key = letter.key ?? nothing
        let value = letter.value ?? nothing
        // The spans live as long as the arrays, which outlive the call.
        let outcome = try unsafe producer!.produce(
            key: letter.key == nil ? nil : key.span.bytes,
            value: letter.value == nil ? nil : value.span.bytes, headers: headers,
            ticket: nextTicket)
        guard outcome == .queued else { return false }
        onTheWay[nextTicket] = letter
        nextTicket += 1
        return true
    }
}
