// The examples in schemas/examples: each is there in JSON (where it has a JSON form), in protobuf
// as protoc made it, and in protobuf's text form. All of them must mean the same here.

import Foundation
import ReadStateCore
import Testing

@testable import ReadStateWire

/// One example in its forms.
struct Example {
    var name: String
    var protobuf: [UInt8]
    var json: [UInt8]?
    var text: String

    static func all(_ prefix: String) throws -> [Example] {
        let folder = repository("schemas/examples")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasPrefix(prefix) && $0.hasSuffix(".txtpb") }.sorted()
            .map { String($0.dropLast(6)) }
        return try names.map { name in
            let json = "\(folder)/\(name).json"
            let hasJSON = FileManager.default.fileExists(atPath: json)
            return Example(
                name: name, protobuf: try bytes(ofFile: "\(folder)/\(name).pb"),
                json: hasJSON ? Array(try bytes(ofFile: json).dropLast()) : nil,
                text: String(
                    decoding: try bytes(ofFile: "\(folder)/\(name).txtpb"), as: UTF8.self))
        }
    }
}

@Suite struct ExampleTests {
    /// An event is read the same from both encodings, and written in both as it stands there.
    @Test func events() throws {
        var decoder = EventDecoder()
        var kinds: Set<EventKind> = [.none]
        for example in try Example.all("event-") {
            let json = try #require(example.json)
            let (problem, fields, entries) = decoder.readOne(example.protobuf)
            let (jsonProblem, jsonFields, jsonEntries) = decoder.readOne(json)
            #expect(problem == nil && jsonProblem == nil, "\(example.name)")
            #expect(fields == jsonFields && entries == jsonEntries, "\(example.name)")
            #expect(fields.text(entries) == example.text)
            var written: [UInt8] = []
            EventEncoder.protobuf(fields, entries: entries, into: &written)
            #expect(written == example.protobuf)
            written = []
            EventEncoder.json(fields, entries: entries, into: &written)
            #expect(
                String(decoding: written, as: UTF8.self) == String(decoding: json, as: UTF8.self))
            kinds.insert(fields.kind)
        }
        #expect(kinds == Set(EventKind.allCases))
    }

    /// So is a query.
    @Test func queries() throws {
        var decoder = QueryDecoder(namespace: utf8("readstates"))
        let examples = try Example.all("query-")
        #expect(examples.count == 4)
        for example in examples {
            let json = try #require(example.json)
            for (bytes, encoding) in [(example.protobuf, Encoding.protobuf), (json, .json)] {
                guard case .query(var query) = decoder.decodeOne(bytes) else {
                    Issue.record("\(example.name) is no query")
                    continue
                }
                #expect(query.address.encoding == encoding)
                query.address.encoding = .protobuf
                #expect(encoded(query) == example.protobuf)
                query.address.encoding = .json
                #expect(String(decoding: encoded(query), as: UTF8.self) == text(json))
            }
        }
    }

    /// So is a reply.
    @Test func replies() throws {
        var decoder = ReplyDecoder()
        let examples = try Example.all("reply-")
        #expect(examples.count == 6)
        for example in examples {
            let json = try #require(example.json)
            let decoded = decoder.decodeOne(example.protobuf)
            let reply = try #require(decoded, "\(example.name)")
            #expect(decoder.decodeOne(json) == reply)
            let user = UserID(7)
            #expect(encoded(reply, user: user, in: .protobuf) == example.protobuf)
            #expect(text(encoded(reply, user: user, in: .json)) == text(json))
        }
    }

    /// A stored state and a stored user are read, and written as they stand there.
    @Test func storedForms() throws {
        let states = try Example.all("stored-state-")
        #expect(states.count == 4)
        for example in states {
            var state = ReadState()
            state.window = [UnreadMessage(MessageID(1), mention: true)]
            let problem = StoredState.decode(example.protobuf.span.bytes, into: &state)
            #expect(problem == nil, "\(example.name)")
            var written: [UInt8] = []
            StoredState.encode(state, into: &written)
            #expect(written == example.protobuf, "\(example.name)")
        }
        let users = try Example.all("stored-user")
        #expect(users.count == 1)
        for example in users {
            var user = StoredUser(appliedOffset: Offset(5))
            let problem = user.decode(example.protobuf.span.bytes)
            #expect(problem == nil && user.appliedOffset == Offset(1500))
            var written: [UInt8] = []
            user.encode(into: &written)
            #expect(written == example.protobuf)
        }
    }

    /// The .pb files are what protoc makes of the .txtpb files.
    @Test func protobufIsProtocs() throws {
        for (prefix, type, file) in [
            ("event-", "Event", "events"), ("query-", "Query", "queries"),
            ("reply-", "Reply", "queries"), ("stored-state-", "StoredState", "stored"),
            ("stored-user", "StoredUser", "stored"),
        ] {
            let examples = try Example.all(prefix)
            let theirs = try Protoc.encode(examples.map(\.text), type: type, file: file)
            #expect(theirs == examples.map(\.protobuf), "run schemas/examples/make.sh")
        }
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

extension QueryDecoder {
    mutating func decodeOne(_ bytes: [UInt8]) -> DecodedQuery { decode(bytes.span.bytes) }
}

extension ReplyDecoder {
    mutating func decodeOne(_ bytes: [UInt8]) -> Reply? { decode(bytes.span.bytes) }
}

func encoded(_ query: Query) -> [UInt8] {
    var bytes: [UInt8] = []
    QueryEncoder.encode(query, into: &bytes)
    return bytes
}

/// A reply as the service writes it.
func encoded(_ reply: Reply, user: UserID, in encoding: Encoding) -> [UInt8] {
    var bytes: [UInt8] = []
    let address = ReplyAddress(id: reply.id, replyTo: [], encoding: encoding)
    let header = ReplyWriter.Header(
        address: address, partition: reply.partition, appliedOffset: reply.appliedOffset)
    switch reply.result {
    case .state(let state):
        ReplyWriter.state(state, user: user, header: header, into: &bytes)
    case .states(let states, let more):
        var writer = ListReplyWriter(user: user, header: header, into: &bytes)
        for state in states { writer.append(state, into: &bytes) }
        writer.end(more: more, into: &bytes)
    case .totals(let totals):
        ReplyWriter.totals(totals, user: user, header: header, into: &bytes)
    case .error(let code, let message):
        let known = QueryErrorCode(rawValue: code) ?? .unavailable
        ReplyWriter.error(known, message: message, address: address, into: &bytes)
    }
    return bytes
}
