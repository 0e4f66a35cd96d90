// protoc as the oracle for events.

import Foundation
import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateWire

@Suite struct EventProtocTests {
    /// Random events are written byte for byte as protoc writes them, and read back the same, by
    /// way of JSON too.
    @Test func randomEventsAgree() throws {
        var numbers = SeededNumbers(seed: 11)
        let events = (0..<3000).map { _ in EventFields.random(&numbers) }
        let theirs = try Protoc.encode(
            events.map { $0.0.text($0.1) }, type: "Event", file: "events")
        try #require(theirs.count == events.count)
        var decoder = EventDecoder()
        for (index, (fields, entries)) in events.enumerated() {
            var ours: [UInt8] = []
            EventEncoder.protobuf(fields, entries: entries, into: &ours)
            #expect(ours == theirs[index])
            let (problem, read, list) = decoder.readOne(theirs[index])
            #expect(problem == nil && read == fields && list == entries)
            var json: [UInt8] = []
            EventEncoder.json(fields, entries: entries, into: &json)
            let (jsonProblem, jsonRead, jsonList) = decoder.readOne(json)
            #expect(jsonProblem == nil && jsonRead == fields && jsonList == entries)
        }
    }

    /// Fields in any order, more than once, of the wrong wire type, unknown, in groups, packed or
    /// not, numbers longer than need be: what is read is what protoc reads.
    @Test func unusualWireFormsAgree() throws {
        var numbers = SeededNumbers(seed: 12)
        let messages = (0..<1500).map { _ in unusualEvent(&numbers) }
        let theirs = try Protoc.decode(messages, type: "Event", file: "events")
        try #require(theirs.count == messages.count)
        for (message, text) in zip(messages, theirs) {
            var fields = EventFields(listStart: 0)
            var entries: [Entry] = []
            let problem = EventDecoder.readProtobuf(
                message.span.bytes, into: &fields, entries: &entries)
            #expect(problem == nil)
            #expect(fields.text(entries) == withoutUnknown(text), "\(message)")
        }
    }

    /// Of mutated bytes, exactly those are malformed that protoc refuses.
    @Test func mutatedBytesAreMalformedAlike() throws {
        var numbers = SeededNumbers(seed: 13)
        let folder = TemporaryDirectory("mutants")
        var ours = ""
        for index in 0..<150 {
            var message = unusualEvent(&numbers)
            mutate(&message, &numbers)
            try Data(message).write(to: URL(filePath: folder.file("\(index)")))
            var fields = EventFields(listStart: 0)
            var entries: [Entry] = []
            let problem = EventDecoder.readProtobuf(
                message.span.bytes, into: &fields, entries: &entries)
            ours += "\(index) \(problem == nil ? "good" : "bad")\n"
        }
        let script = """
            cd '\(folder.path)'; for i in $(seq 0 149); do
            if protoc -I '\(repository("schemas"))' --decode=readstates.v1.Event \
            readstates/v1/events.proto <$i >/dev/null 2>&1; then echo $i good; else echo $i bad; fi
            done
            """
        let result = try ChildProcess.run(["sh", "-c", script])
        #expect(ours.contains("good") && ours.contains("bad"))
        #expect(result.output == ours)
    }

    /// Lines of unknown fields begin with their number.
    private func withoutUnknown(_ text: String) -> String {
        var kept = ""
        var closing: String?
        for line in text.split(separator: "\n") {
            if closing == String(line) {
                closing = nil
                continue
            }
            if closing != nil { continue }
            let indent = line.prefix { $0 == " " }
            if line.dropFirst(indent.count).first?.isNumber == true {
                if line.hasSuffix("{") { closing = indent + "}" }
                continue
            }
            kept += line + "\n"
        }
        return kept
    }

    private func unusualEvent(_ numbers: inout SeededNumbers) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<numbers.below(7) {
            switch numbers.below(3) {
            case 0: unusualField(UInt32(1 + numbers.below(3)), 1, &numbers, &bytes)
            case 1:
                let (fields, entries) = EventFields.random(&numbers, longestList: 3)
                EventEncoder.protobuf(fields, entries: entries, into: &bytes)
            default:
                tag(UInt32(4 + numbers.below(9)), 2, &numbers, &bytes)
                var body: [UInt8] = []
                for _ in 0..<numbers.below(5) {
                    let type = [0, 1, 2, 1, 0, 5][numbers.below(6)]
                    unusualField(UInt32(1 + numbers.below(5)), UInt32(type), &numbers, &body)
                }
                varint(UInt64(body.count), &numbers, &bytes)
                bytes += body
            }
            if numbers.chance(5) {
                let number = numbers.chance(2) ? 13 + numbers.below(9) : 100_000
                unusualField(UInt32(number), UInt32(numbers.below(4)), &numbers, &bytes)
            }
        }
        return bytes
    }

    private func unusualField(
        _ number: UInt32, _ type: UInt32, _ numbers: inout SeededNumbers, _ bytes: inout [UInt8]
    ) {
        tag(number, type, &numbers, &bytes)
        switch type {
        case 0: varint(numbers.next() >> UInt64(numbers.below(64)), &numbers, &bytes)
        case 1: ProtobufWriter.appendFixed64(numbers.id(), to: &bytes)
        case 2:
            // Eight bytes: a packed fixed64, or an embedded message with one field.
            varint(8, &numbers, &bytes)
            bytes += [0x10, 0x01, 0x18, 0x00, 0x25, 0, 0, 0].prefix(4) + [0x2a, 0x02, 0x30, 0x31]
        case 3:
            unusualField(number, UInt32(numbers.below(3)), &numbers, &bytes)
            tag(number, 4, &numbers, &bytes)
        default: bytes += [1, 2, 3, 4]
        }
    }

    private func tag(
        _ number: UInt32, _ type: UInt32, _ numbers: inout SeededNumbers, _ bytes: inout [UInt8]
    ) {
        ProtobufWriter.append(UInt64(number << 3 | type), to: &bytes)
        if numbers.chance(20) {
            bytes[bytes.count - 1] |= 0x80
            bytes.append(0)
        }
    }

    private func varint(_ value: UInt64, _ numbers: inout SeededNumbers, _ bytes: inout [UInt8]) {
        ProtobufWriter.append(value, to: &bytes)
        if value < 1 << 50 && numbers.chance(10) {
            bytes[bytes.count - 1] |= 0x80
            bytes.append(contentsOf: [0x80, 0x00])
        }
    }
}
