import KafkaLog
import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateService

@Suite struct LogProbeTests {
    /// A broker that is away leaves the questions about its own partitions open; those about
    /// another broker's, asked along with them, are answered, and first.
    @Test func oneBrokerDoesNotHoldUpTheOthersPartitions() throws {
        let broker = try EmbeddedBroker(brokers: 2)
        defer { withExtendedLifetime(broker) {} }
        let topic = "places"
        try broker.createTopic(topic, partitions: 4)
        broker.setBroker(2, up: false)
        let questions = try Mailbox<PlaceQuestion>()
        let answers = try Mailbox<ControlMessage>()
        for partition in 0..<4 as Range<Int32> {
            questions.post(
                PlaceQuestion(partition: PartitionID(partition), claim: OwnerToken(high: 0, low: 1))
            )
        }
        let probe = LogProbe(
            kafka: KafkaSettings(bootstrapServers: broker.bootstrapServers, topic: topic),
            questions: questions, answers: answers)
        // Not joined: it serves until the process ends.
        _ = try OSThread(name: "log-probe") { probe.run() }
        let places = try places(4, from: answers)
        let areGood = places.map { if case .good(at: Offset(0)) = $0 { true } else { false } }
        let areOpen = places.map { if case .unknown = $0 { true } else { false } }
        #expect(areGood == [true, true, false, false], "\(places)")
        #expect(areOpen == [false, false, true, true], "\(places)")
    }

    private func places(
        _ count: Int, from answers: Mailbox<ControlMessage>
    ) throws -> [LogPlace] {
        var taken: [ControlMessage] = []
        var places: [LogPlace] = []
        try waitUntil("\(count) places", seen: "\(places)") {
            answers.drain(into: &taken)
            for case .placed(_, let place) in taken { places.append(place) }
            return places.count == count
        }
        return places
    }
}
