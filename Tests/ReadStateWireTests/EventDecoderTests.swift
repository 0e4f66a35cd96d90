// What is an event and what is a dead letter, on both sides of every limit and in every encoding.

import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateWire

@Suite struct EventDecoderTests {
    private static let largest = UInt64(Int64.max)

    /// The outcome for a record that is keyed by user 7 and placed right.
    private func outcome(_ value: [UInt8], key: [UInt8] = key(7)) -> EventDecoder.Outcome {
        var decoder = EventDecoder()
        let record = decoder.decodeOne(value, key: key)
        #expect(record.leftovers == 0)
        return record.outcome
    }

    private func outcome(_ json: String) -> EventDecoder.Outcome { outcome(utf8(json)) }

    /// Both encodings of one event.
    private func outcomes(
        _ fields: EventFields, _ entries: [Entry] = []
    ) -> [EventDecoder.Outcome] {
        var json: [UInt8] = []
        var protobuf: [UInt8] = []
        EventEncoder.json(fields, entries: entries, into: &json)
        EventEncoder.protobuf(fields, entries: entries, into: &protobuf)
        let recordKey = key(fields.user)
        return [outcome(json, key: recordKey), outcome(protobuf, key: recordKey)]
    }

    private func fields(_ kind: EventKind) -> EventFields {
        var fields = EventFields(listStart: 0)
        (fields.user, fields.channel, fields.message, fields.kind) = (7, 9, 1234, kind)
        return fields
    }

    /// A tombstone is told from an empty value, and needs no key; everything else does.
    @Test func tombstonesAndKeys() {
        var decoder = EventDecoder()
        var batch = EventBatch(capacity: 1)
        let empty: [UInt8] = []
        let tombstone = decoder.decode(value: nil, key: nil, offset: .zero, into: &batch)
        #expect(tombstone == .tombstone)
        let keyless = decoder.decode(
            value: empty.span.bytes, key: nil, offset: .zero, into: &batch)
        #expect(keyless == .deadLetter(.missingKey))
        #expect(outcome(empty) == .deadLetter(.badID))
        let read =
            "{\"user_id\":\"7\",\"channel_id\":\"9\",\"message_read\":{\"message_id\":\"1\"}}"
        #expect(outcome(utf8(read)) == .event)
        #expect(outcome(utf8(read), key: key(8)) == .deadLetter(.keyMismatch))
        for bad in ["", "0", "07", "7 ", "+7", "x", "9223372036854775808"] {
            #expect(outcome(utf8(read), key: utf8(bad)) == .deadLetter(.badKey))
        }
    }

    /// A record that its key does not hash to is misrouted in every partition but one.
    @Test func misrouted() {
        var decoder = EventDecoder()
        var value: [UInt8] = []
        EventEncoder.protobuf(fields(.messageRead), entries: [], into: &value)
        for partition in 0..<12 {
            let place = Partitioning.Place(PartitionID(Int32(partition)), of: 12)
            let record = decoder.decodeOne(value, key: key(7), place: place)
            // Kafka's Java client puts the key "7" into partition 3 of 12.
            #expect(record.outcome == (partition == 3 ? .event : .deadLetter(.misrouted)))
        }
    }

    /// Ids are 1 to 2^63-1 in every field of every kind; `op_id` and `head_id` may be 0.
    @Test func idLimits() {
        let bad = [EventDecoder.Outcome](repeating: .deadLetter(.badID), count: 2)
        let good = [EventDecoder.Outcome.event, .event]
        let withMessage: [EventKind] = [.messageSent, .messageRead, .markedUnread, .mentionChanged]
        for kind in EventKind.allCases where kind != .none {
            for (value, isGood) in [(1, true), (Self.largest, true), (Self.largest + 1, false)] {
                let expected = isGood ? good : bad
                var event = fields(kind)
                event.op = value
                #expect(outcomes(event) == expected)
                if kind != .readMany && kind != .userErased {
                    event = fields(kind)
                    event.channel = value
                    #expect(outcomes(event) == expected)
                }
                if withMessage.contains(kind) || kind == .channelJoined {
                    event = fields(kind)
                    event.message = value
                    #expect(outcomes(event) == expected)
                }
            }
            var event = fields(kind)
            event.channel = 0
            #expect(outcomes(event) == (kind == .readMany || kind == .userErased ? good : bad))
            event = fields(kind)
            event.message = 0
            #expect(outcomes(event) == (withMessage.contains(kind) ? bad : good))
        }
        #expect(outcome("{\"channel_id\":\"9\",\"channel_left\":{}}") == .deadLetter(.badID))
        #expect(outcome(utf8("{\"user_erased\":{}}"), key: key(7)) == .deadLetter(.badID))
    }

    /// Entries of lists have ids too, and there are at most 1,000 of them.
    @Test func listLimits() {
        for kind in [EventKind.markedUnread, .messageDeleted, .readMany] {
            for (count, expected) in [
                (0, EventDecoder.Outcome.event), (1000, .event),
                (1001, .deadLetter(.listTooLong)), (1200, .deadLetter(.listTooLong)),
            ] {
                var event = fields(kind)
                var entries: [Entry] = []
                for index in 0..<count {
                    entries.append(Entry(UInt64(index + 1), kind == .readMany ? 5 : 0))
                }
                event.list.count = UInt32(count)
                #expect(outcomes(event, entries) == [expected, expected])
            }
            var event = fields(kind)
            event.list.count = 2
            for wrong in [0, Self.largest + 1] {
                let entries = [Entry(3, 1), Entry(wrong, 1)]
                #expect(
                    outcomes(event, entries) == [.deadLetter(.badID), .deadLetter(.badID)])
                if kind == .readMany {
                    let entries = [Entry(3, 1), Entry(3, wrong)]
                    #expect(
                        outcomes(event, entries) == [.deadLetter(.badID), .deadLetter(.badID)])
                }
            }
        }
    }

    /// A value may have 1 MiB, not a byte more, whatever is in it.
    @Test func valueLimit() {
        let json = "{\"user_id\":\"7\",\"user_erased\":{}"
        let room = EventDecoder.valueLimit - json.utf8.count - 1
        let blanks = String(repeating: " ", count: room)
        #expect(outcome(json + blanks + "}") == .event)
        #expect(outcome(json + blanks + " }") == .deadLetter(.tooLarge))
        var protobuf: [UInt8] = []
        var event = fields(.userErased)
        event.channel = 0
        EventEncoder.protobuf(event, entries: [], into: &protobuf)
        // Field 100: a tag of 2 bytes, a length of 3.
        let unknown = EventDecoder.valueLimit - protobuf.count - 5
        ProtobufWriter.string(100, [UInt8](repeating: 0, count: unknown), into: &protobuf)
        #expect(protobuf.count == EventDecoder.valueLimit)
        #expect(outcome(protobuf) == .event)
        #expect(outcome(protobuf + [0x28]) == .deadLetter(.tooLarge))
    }

    /// Unknown kinds and mentions are dead letters in both encodings; no kind is an unknown one.
    @Test func unknownKindsAndMentions() {
        let start = "{\"user_id\":\"7\",\"channel_id\":\"9\""
        #expect(outcome(start + "}") == .deadLetter(.unknownKind))
        #expect(outcome(start + ",\"message_edited\":{}}") == .deadLetter(.unknownKind))
        #expect(outcome(start + ",\"message_read\":null}") == .deadLetter(.unknownKind))
        #expect(outcomes(fields(.none)).last == .deadLetter(.unknownKind))
        var event: [UInt8] = []
        EventEncoder.protobuf(fields(.none), entries: [], into: &event)
        let edited = ProtobufWriter.begin(13, into: &event)
        ProtobufWriter.end(edited, into: &event)
        #expect(outcome(event) == .deadLetter(.unknownKind))
        for mention in [0, 3, 4, UInt32.max] {
            var sent = fields(.messageSent)
            sent.mention = mention
            let expected: EventDecoder.Outcome =
                mention <= 3 ? .event : .deadLetter(.unknownMention)
            var protobuf: [UInt8] = []
            EventEncoder.protobuf(sent, entries: [], into: &protobuf)
            #expect(outcome(protobuf) == expected)
        }
        for (mention, isKnown) in [
            ("\"MENTION_NONE\"", true), ("\"MENTION_EVERYONE\"", true), ("3", true), ("4", false),
            ("\"MENTION_HERE\"", false), ("\"mention_user\"", false), ("true", false),
        ] {
            let json = start + ",\"message_sent\":{\"message_id\":\"1\",\"mention\":\(mention)}}"
            #expect(outcome(json) == (isKnown ? .event : .deadLetter(.unknownMention)))
        }
    }

    /// A schema-registry header is read over, with any message indexes; a broken one is told.
    @Test func schemaRegistryHeader() {
        var body: [UInt8] = []
        EventEncoder.protobuf(fields(.messageRead), entries: [], into: &body)
        let id: [UInt8] = [0, 0, 0, 1, 2]
        for indexes in [[0], [2, 0], [2, 8], [4, 2, 0x80, 0x02]] as [[UInt8]] {
            #expect(outcome(id + indexes + body) == .event)
        }
        for header in [
            [0], [0, 0, 0, 1], id, id + [0x80], id + [0x04, 0x02], id + [0x01],
            id + [0x02, 0x01], id + [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] as [[UInt8]] {
            #expect(outcome(header) == .deadLetter(.malformedHeader))
        }
        #expect(outcome(id + [0] + [0x08]) == .deadLetter(.malformedProtobuf))
        #expect(outcome(id + [0]) == .deadLetter(.badID))
        // A registry's JSON has no message indexes, and is none of the three encodings.
        #expect(outcome(id + utf8("{\"user_id\":\"7\"}")) == .deadLetter(.malformedHeader))
    }

    /// The readers of common records and the general one agree on whatever is made of such records.
    @Test(arguments: [Encoding.protobuf, .json])
    func commonAndGeneralReaderAgree(_ encoding: Encoding) {
        var numbers = SeededNumbers(seed: 21)
        var decoder = EventDecoder()
        var taken = 0
        for round in 0..<20_000 {
            var event = fields(numbers.chance(2) ? .messageSent : .messageRead)
            event.channel = numbers.id()
            event.message = numbers.id()
            if numbers.chance(2) { event.op = numbers.id() }
            if event.kind == .messageSent {
                event.mention = UInt32(numbers.below(5))
                event.flag = numbers.chance(2)
            }
            var value: [UInt8] = []
            if encoding == .json {
                EventEncoder.json(event, entries: [], into: &value)
            } else {
                EventEncoder.protobuf(event, entries: [], into: &value)
            }
            if round % 4 != 0 { mutate(&value, &numbers) }
            var batch = EventBatch(capacity: 1)
            let isTaken =
                encoding == .json
                ? EventDecoder.appendCommonJSON(
                    value.span.bytes, user: 7, offset: Offset(3), to: &batch)
                : EventDecoder.appendCanonical(
                    value.span.bytes, user: 7, offset: Offset(3), to: &batch)
            guard isTaken else { continue }
            taken += 1
            let (problem, read, _) = decoder.readOne(value)
            #expect(problem == nil && read.user == 7)
            let general = EventFields(read.event(at: Offset(3)))
            #expect(general == EventFields(batch[0]) && batch[0].offset == Offset(3))
        }
        #expect(taken > 5000)
    }
}
