// What the tests of this target share: where the repository is, seeded random numbers, decoding
// without ceremony, and protoc.

import Foundation
import ReadStateCore
import TestSupport

@testable import ReadStateWire

/// A place in the repository, told from where this file was compiled.
func repository(_ path: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: path).path
}

func bytes(ofFile path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path)))
}

extension SeededNumbers {
    /// True once in so many times.
    mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }

    /// An id of any length, the limits more often than chance would have them.
    mutating func id() -> UInt64 {
        switch below(8) {
        case 0: return 1
        case 1: return UInt64(Int64.max)
        default: return max(1, next() >> UInt64(1 + below(62)))
        }
    }
}

/// One decoded record: the outcome, and the event with its list if there is one.
struct DecodedRecord: Equatable {
    var outcome: EventDecoder.Outcome
    var fields: EventFields?
    var entries: [Entry] = []
    /// Entries that a record left behind without an event; must be 0.
    var leftovers = 0
}

extension EventDecoder {
    /// Decodes one record into a batch that is not empty, so that list positions matter.
    mutating func decodeOne(
        _ value: [UInt8], key: [UInt8], place: Partitioning.Place? = nil
    ) -> DecodedRecord {
        var batch = EventBatch(capacity: 1)
        batch.entries = [Entry(1, 2), Entry(3, 4)]
        let outcome = decode(
            value: value.span.bytes, key: key.span.bytes, offset: Offset(77), place: place,
            into: &batch)
        guard outcome == .event else {
            return DecodedRecord(
                outcome: outcome, leftovers: batch.entries.count - 2 + batch.count)
        }
        var fields = EventFields(batch[0])
        let entries = Array(batch.entries[fields.listIndices])
        fields.list.start = 0
        return DecodedRecord(outcome: outcome, fields: fields, entries: entries)
    }

    /// Reads a value alone, by the general reader.
    mutating func readOne(_ value: [UInt8]) -> (DeadLetterReason?, EventFields, [Entry]) {
        var fields = EventFields(listStart: 0)
        var entries: [Entry] = []
        let problem = read(value.span.bytes, into: &fields, entries: &entries)
        return (problem, fields, entries)
    }
}

/// The text of a JSON string as bytes.
func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The record key of a user.
func key(_ user: UInt64) -> [UInt8] { utf8(String(user)) }

/// `protoc`, the independent reader and writer of these formats.
enum Protoc {
    struct Failed: Error, CustomStringConvertible { let description: String }

    /// Runs `--encode` or `--decode` of a message type declared in `declaration`, a whole .proto
    /// file.
    static func run(
        _ action: String, type: String, declaration: String, input: [UInt8]
    ) throws -> [UInt8] {
        let folder = TemporaryDirectory("protoc")
        try folder.write(declaration, to: "test.proto")
        try Data(input).write(to: URL(filePath: folder.file("in")))
        let command = """
            protoc -I '\(repository("schemas"))' -I '\(folder.path)' --\(action)=\(type) \
            test.proto <'\(folder.file("in"))' >'\(folder.file("out"))'
            """
        let result = try ChildProcess.run(["sh", "-c", command])
        guard result.succeeded else { throw Failed(description: result.errors) }
        return try bytes(ofFile: folder.file("out"))
    }

    /// A type that holds many messages of `type`, so that one run does for all of them.
    static func batch(of type: String, file: String) -> String {
        """
        syntax = "proto3";
        import "readstates/v1/\(file).proto";
        message Batch { repeated readstates.v1.\(type) messages = 1; }
        """
    }

    /// The bytes that protoc makes of each of these messages in text form.
    static func encode(_ texts: [String], type: String, file: String) throws -> [[UInt8]] {
        let input = texts.map { "messages {\n\($0)}\n" }.joined()
        let output = try run(
            "encode", type: "Batch", declaration: batch(of: type, file: file),
            input: utf8(input))
        return split(output)
    }

    /// The text that protoc makes of each of these messages.
    static func decode(_ messages: [[UInt8]], type: String, file: String) throws -> [String] {
        var input: [UInt8] = []
        for message in messages {
            let start = ProtobufWriter.begin(1, into: &input)
            input += message
            ProtobufWriter.end(start, into: &input)
        }
        let output = try run(
            "decode", type: "Batch", declaration: batch(of: type, file: file), input: input)
        let text = String(decoding: output, as: UTF8.self)
        return text.components(separatedBy: "messages {\n").dropFirst().map { part in
            part.split(separator: "\n", omittingEmptySubsequences: true)
                .dropLast().map { $0.dropFirst(2) + "\n" }.joined()
        }
    }

    private static func split(_ batch: [UInt8]) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var reader = ProtobufReader(batch.span.bytes)
        while reader.nextTag() != nil {
            let message = reader.lengthDelimited()
            messages.append(message.withUnsafeBytes { [UInt8]($0) })
        }
        return messages
    }
}
