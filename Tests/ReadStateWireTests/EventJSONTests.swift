// What JSON is taken for an event.

import Foundation
import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateWire

@Suite struct EventJSONTests {
    private func problem(_ json: String) -> DeadLetterReason? {
        var decoder = EventDecoder()
        return decoder.readOne(utf8(json)).0
    }

    /// A `message_read` whose message id is written like this.
    private func read(_ id: String) -> DeadLetterReason? {
        problem("{\"user_id\":\"7\",\"channel_id\":\"9\",\"message_read\":{\"message_id\":\(id)}}")
    }

    /// Ids are decimal strings in their one spelling, or integers up to 2^53, however written.
    @Test func numbers() {
        for good in [
            "1", "\"1\"", "9007199254740992", "\"9007199254740993\"", "1e3", "1.0", "1.5e1",
            "\"9223372036854775807\"", "9007199254740992.0",
        ] { #expect(read(good) == nil, "\(good)") }
        for bad in [
            "0", "-1", "1.5", "9007199254740993", "18446744073709551615", "1e300", "\"\"",
            "\"007\"", "\"+7\"", "\" 7\"", "\"7.0\"", "\"-1\"", "\"9223372036854775808\"", "true",
            "{}", "[]", "[1]", "\"\\u0000\"", "9007199254740994.0", "-0.0", "1e-400",
        ] { #expect(read(bad) == .badID, "\(bad)") }
        for invalid in [
            "007", "+7", "1.", ".5", "0x1", "1e", "NaN", "Infinity", "'7'", "-", "-e5", "1e400.",
            "1e400-", "018446744073709551616", "1.e400", "--1e400",
        ] { #expect(read(invalid) == .malformedJSON, "\(invalid)") }
    }

    /// lowerCamelCase names are as good as snake_case ones, in every kind.
    @Test func bothSpellings() {
        var numbers = SeededNumbers(seed: 31)
        var decoder = EventDecoder()
        for _ in 0..<500 {
            let (fields, entries) = EventFields.random(&numbers, longestList: 3)
            var snake: [UInt8] = []
            EventEncoder.json(fields, entries: entries, into: &snake)
            let text = String(decoding: snake, as: UTF8.self)
            let camel = text.replacing(/_([a-z])/) { $0.output.1.uppercased() }
            #expect(camel.contains("userId"))
            let (problem, read, list) = decoder.readOne(utf8(camel))
            #expect(problem == nil && read == fields && list == entries, "\(camel)")
        }
    }

    /// Unknown fields of any shape are passed over; null is as good as absent, in any field.
    @Test func unknownFieldsAndNull() {
        #expect(
            problem(
                """
                {"x":[{"user_id":"8"},[[]],1.5,-1,null,"\\u00e9"],"user_id":"7","op_id":null,
                "channel_id":9,"message_sent":{"y":{"message_id":"0"},"message_id":"1","own":null,
                "mention":null},"message_read":null,"z":1e300}
                """) == nil)
    }

    /// A number beyond every range is valid JSON: no harm in an unknown field, and no id.
    @Test(arguments: [
        "18446744073709551616", "-9223372036854775809", "1e400", "-1E+999", "1.5e309",
        String(repeating: "9", count: 400), String(repeating: "9", count: 400) + ".5",
    ])
    func hugeNumbers(_ number: String) {
        #expect(read(number) == .badID)
        let rest = "\"user_erased\":{},\"user_id\":1e3}"
        #expect(problem("{\"x\":[\(number),{\"y\":\(number)}],\(rest)") == nil)
        #expect(problem("{\"x\":\"\\\"\(number)\",\"y\":\(number)e,\(rest)") == .malformedJSON)
    }

    /// A known field that comes twice is refused, in either spelling; and so are two kinds.
    @Test func duplicates() {
        let body = "\"channel_id\":\"9\",\"message_read\":{\"message_id\":\"1\"}"
        #expect(problem("{\"user_id\":\"7\",\"user_id\":\"7\",\(body)}") == .duplicateField)
        #expect(problem("{\"user_id\":\"7\",\"userId\":\"7\",\(body)}") == .duplicateField)
        #expect(
            problem(
                "{\"user_id\":\"7\",\"channel_id\":\"9\",\"message_read\":{\"message_id\":1,"
                    + "\"messageId\":1}}") == .duplicateField)
        #expect(
            problem(
                "{\"user_id\":\"7\",\"message_deleted\":{\"message_ids\":[],"
                    + "\"messageIds\":[]}}") == .duplicateField)
        #expect(problem("{\"user_id\":\"7\",\(body),\"channel_left\":{}}") == .severalKinds)
        #expect(problem("{\"user_id\":\"7\",\(body),\"x\":1,\"x\":1}") == nil)
    }

    /// Values of the wrong type are told, wherever they stand.
    @Test(arguments: [
        "\"message_read\":[]", "\"message_read\":true", "\"channel_left\":1",
        "\"user_erased\":\"\"",
        "\"message_sent\":{\"message_id\":\"1\",\"own\":1}",
        "\"mention_changed\":{\"message_id\":\"1\",\"mentioned\":\"true\"}",
        "\"marked_unread\":{\"message_id\":\"1\",\"unread\":{}}",
        "\"marked_unread\":{\"message_id\":\"1\",\"unread\":[1]}",
        "\"marked_unread\":{\"message_id\":\"1\",\"unread\":[null]}",
        "\"marked_unread\":{\"message_id\":\"1\",\"unread\":[{\"message_id\":1,\"mention\":1}]}",
        "\"marked_unread\":{\"message_id\":\"1\",\"older\":-1}",
        "\"marked_unread\":{\"message_id\":\"1\",\"older\":4294967296}",
        "\"marked_unread\":{\"message_id\":\"1\",\"older_mentions\":1.5}",
        "\"message_deleted\":{\"message_ids\":\"1\"}", "\"read_many\":{\"entries\":[[]]}",
    ])
    func wrongTypes(_ kind: String) {
        #expect(problem("{\"user_id\":\"7\",\"channel_id\":\"9\",\(kind)}") == .badField)
    }

    /// Counts reach to 2^32-1, as numbers or strings.
    @Test func counts() {
        for count in ["4294967295", "\"4294967295\"", "0"] {
            #expect(
                problem(
                    "{\"user_id\":\"7\",\"channel_id\":\"9\",\"marked_unread\":{\"message_id\":1,"
                        + "\"older\":\(count),\"older_mentions\":\(count)}}") == nil)
        }
    }

    /// A document is valid to its last byte, UTF-8 included, and not deeper than 1024 levels.
    @Test func wholeDocument() {
        let good = "{\"user_id\":\"7\",\"user_erased\":{},\"x\":\"\u{e9}\"}"
        #expect(problem(good + " \n") == nil)
        for count in 1..<good.utf8.count {
            let cut = String(decoding: utf8(good).prefix(count), as: UTF8.self)
            #expect(problem(cut) == .malformedJSON)
        }
        for tail in ["x", "{}", "]", ",", "\0", "\u{feff}"] {
            #expect(problem(good + tail) == .malformedJSON)
        }
        var decoder = EventDecoder()
        let latin1 = utf8("{\"user_id\":\"7\",\"user_erased\":{},\"x\":\"") + [0xe9] + utf8("\"}")
        #expect(decoder.readOne(latin1).0 == .malformedJSON)
        for (depth, isGood) in [(1000, true), (1024, false), (100_000, false)] {
            let bomb =
                "{\"user_id\":\"7\",\"user_erased\":{},\"x\":"
                + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
            #expect(problem(bomb) == (isGood ? nil : .malformedJSON))
        }
    }

    /// A line that `publish` takes becomes a record that a worker reads as the same event, with the
    /// kind of its mention; one that a worker would not take is refused with the same reason.
    @Test func publish() {
        var decoder = EventDecoder()
        var key = utf8("old")
        var value = utf8("old")
        let line = utf8(
            "{\"user_id\":7,\"channel_id\":9,\"message_sent\":{\"message_id\":1,"
                + "\"mention\":\"MENTION_EVERYONE\"}}")
        let published = decoder.publish(json: line.span.bytes, key: &key, value: &value)
        #expect(published == .record(UserID(7)) && key == utf8("7"))
        let (problem, fields, _) = decoder.readOne(value)
        #expect(problem == nil && fields.mention == 3)
        #expect(decoder.decodeOne(value, key: key).outcome == .event)
        let none = utf8("{\"user_id\":\"7\"}")
        let refused = decoder.publish(json: none.span.bytes, key: &key, value: &value)
        #expect(refused == .invalid(.unknownKind))
        let other = value
        let notJSON = decoder.publish(json: other.span.bytes, key: &key, value: &value)
        #expect(notJSON == .invalid(.malformedJSON))
    }
}
