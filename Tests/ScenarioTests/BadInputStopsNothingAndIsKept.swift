// Rule: a record that cannot be applied goes to the dead-letter topic as it is, with the reason
// and its place, and is counted; the events before and behind it are applied.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct BadInputStopsNothingAndIsKept {
    private static let user: UInt64 = 11
    private static let other: UInt64 = 12

    /// A record and the reason for which it is refused.
    private struct Case {
        var reason: String
        var record: RawRecord

        init(_ reason: String, key: String? = "11", _ value: String, in partition: Int32? = nil) {
            self.reason = reason
            record = RawRecord(key: key, value: value, partition: partition)
        }

        init(_ reason: String, bytes: [UInt8]) {
            self.reason = reason
            record = RawRecord(key: Array("11".utf8), value: bytes, headers: [:])
        }
    }

    private static func sent(
        _ id: String, user: String = "11", _ rest: String = ""
    ) -> String {
        #"{"user_id":"\#(user)","channel_id":"9","message_sent":{"message_id":"\#(id)"\#(rest)}}"#
    }

    private static func cases(misroutedTo wrong: Int32) -> [Case] {
        let entry = #"{"channel_id":"9","message_id":"5"}"#
        let entries = Array(repeating: entry, count: 1_001).joined(separator: ",")
        let ids = Array(repeating: #""5""#, count: 1_001).joined(separator: ",")
        let padding = String(repeating: " ", count: 1_100_000)
        // Protobuf: user_id 11, channel_id 9, then what follows.
        let head: [UInt8] = [9, 11, 0, 0, 0, 0, 0, 0, 0, 17, 9, 0, 0, 0, 0, 0, 0, 0]
        return [
            Case("malformed_protobuf", bytes: [0x0a, 0xff]),
            Case("malformed_protobuf", bytes: head + [0x22, 0x09, 0x09, 1]),
            Case("malformed_header", bytes: [0, 0, 0]),
            Case("malformed_json", #"{"user_id":"11""#),
            Case("malformed_json", sent("5") + "x"),
            Case("bad_id", ""),
            Case("too_large", sent("5") + padding),
            Case("unknown_kind", #"{"user_id":"11","channel_id":"9","message_boiled":{}}"#),
            Case("unknown_kind", bytes: head + [0xfa, 0x01, 0]),
            Case("unknown_mention", sent("5", #","mention":"MENTION_CAT""#)),
            Case(
                "unknown_mention",
                bytes: head + [0x22, 11, 9, 5, 0, 0, 0, 0, 0, 0, 0, 0x10, 9]),
            Case("bad_id", sent("0")),
            Case("bad_id", sent("9223372036854775808")),
            Case("bad_id", sent("5", user: "0")),
            Case("bad_key", key: "eleven", sent("5")),
            Case("bad_key", key: "011", sent("5")),
            Case("key_mismatch", key: "12", sent("5")),
            Case("missing_key", key: nil, sent("5")),
            Case(
                "list_too_long", #"{"user_id":"11","read_many":{"entries":[\#(entries)]}}"#),
            Case(
                "list_too_long",
                #"{"user_id":"11","channel_id":"9","message_deleted":{"message_ids":[\#(ids)]}}"#),
            Case("misrouted", sent("5"), in: wrong),
        ]
    }

    /// Every kind of bad record, each between two good ones of the same user.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func everyKindOfBadRecord() throws {
        let scenario = try Scenario("bad", topicSettings: ["max.message.bytes": "16000000"])
        let worker = try scenario.start()
        let home = scenario.partition(of: Self.user)
        let cases = Self.cases(misroutedTo: (home + 1) % scenario.partitions)
        var records: [RawRecord] = []
        var good: [Int: String] = [:]
        for (index, bad) in cases.enumerated() {
            records.append(bad.record)
            let event = Self.sent("\(100 + index)")
            good[records.count] = event
            records.append(RawRecord(key: "11", value: event))
        }
        records.append(RawRecord(key: "11", value: nil))
        let places = try scenario.produce(records)
        for (index, event) in good.sorted(by: { $0.key < $1.key }) {
            try scenario.note(event, user: Self.user, at: places[index].offset)
        }
        try scenario.expectAnswers()

        let letters = try scenario.records(of: scenario.deadLetterTopic, count: cases.count)
        #expect(letters.count == cases.count)
        for (index, bad) in cases.enumerated() {
            let place = places[2 * index]
            let expected = RawRecord(
                key: bad.record.key, value: bad.record.value,
                headers: [
                    "readstates.error": bad.reason, "readstates.topic": scenario.topic,
                    "readstates.partition": "\(place.partition)",
                    "readstates.offset": "\(place.offset)",
                ])
            let isThere = letters.contains(expected)
            let found = letters.first {
                $0.headers["readstates.partition"] == "\(place.partition)"
                    && $0.headers["readstates.offset"] == "\(place.offset)"
            }
            #expect(isThere, "case \(index), \(bad.reason): \(String(describing: found?.headers))")
        }
        try expectCounts(cases, worker)
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
        // The dead letters hold no position back once they are stored.
        #expect(try scenario.storedPositions() == scenario.ends.mapValues { $0 + 1 })
    }

    private func expectCounts(_ cases: [Case], _ worker: ReadStatesProgram) throws {
        try worker.waitForMetrics("counts of dead letters") {
            Int($0.sum("readstates_dead_letters_total")) == cases.count
                && $0.sum("readstates_tombstones_total") == 1
        }
        let metrics = try worker.metrics()
        for (reason, all) in Dictionary(grouping: cases, by: \.reason) {
            let counted = metrics.samples.reduce(0) { sum, sample in
                let isIt =
                    sample.key.hasPrefix("readstates_dead_letters_total{")
                    && sample.key.contains("reason=\"\(reason)\"")
                return isIt ? sum + Int(sample.value) : sum
            }
            #expect(counted == all.count, "\(reason)")
        }
    }
}
