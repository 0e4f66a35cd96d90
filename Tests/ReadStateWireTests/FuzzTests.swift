// Decoders fed with spoiled bytes: three seconds by default, shared among the decoders, always from
// the same seed; READSTATES_FUZZ_SECONDS makes it longer and the seed a new one,
// READSTATES_FUZZ_SEED sets it. What a run must show: no input traps, what is read can be written
// and read again the same, and a document is taken for JSON here exactly if Foundation does. A
// failure tells seed and bytes; after a trap, the bytes are in the file
// `readstates-fuzz-<decoder>-<process>` of the folder for temporary files.

import Foundation
import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateWire

@Suite(.serialized) struct FuzzTests {
    private static let seconds =
        ProcessInfo.processInfo.environment["READSTATES_FUZZ_SECONDS"].flatMap { Double($0) }
    private static let seed: UInt64 =
        ProcessInfo.processInfo.environment["READSTATES_FUZZ_SEED"].flatMap { UInt64($0) }
        ?? (seconds == nil ? 20_261_122 : UInt64.random(in: 1...UInt64(UInt32.max)))

    /// Tries spoiled examples until the time is up; `property` tells what is wrong, if anything.
    private func fuzz(
        _ name: String, _ seeds: [[UInt8]], property: (borrowing [UInt8]) throws -> String?
    ) throws {
        try #require(!seeds.isEmpty)
        let end = Date(timeIntervalSinceNow: (Self.seconds ?? 3) / 5)
        var round = Self.seed
        // The last input survives a trap here.
        let path = "\(NSTemporaryDirectory())/readstates-fuzz-\(name)-\(getpid())"
        let trace = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        defer {
            close(trace)
            unlink(path)
        }
        var tried = 0
        repeat {
            for _ in 0..<50 {
                var numbers = SeededNumbers(seed: round)
                var input = seeds[numbers.below(seeds.count)]
                if numbers.chance(4) {
                    input = splice(input, seeds[numbers.below(seeds.count)], &numbers)
                }
                mutate(&input, &numbers)
                _ = input.withUnsafeBytes { pwrite(trace, $0.baseAddress, $0.count, 0) }
                ftruncate(trace, off_t(input.count))
                if let complaint = try property(input) {
                    Issue.record("\(name), seed \(round): \(complaint); input \(input)")
                    return
                }
                round += 1
                tried += 1
            }
        } while Date() < end
        #expect(tried >= 50)
    }

    /// Events: of what is read, both encodings say the same again.
    @Test func events() throws {
        let examples = try Example.all("event-")
        let header: [UInt8] = [0, 0, 0, 0, 9, 2, 0]
        let seeds = examples.flatMap { [$0.protobuf, $0.json ?? [], header + $0.protobuf] }
        var decoder = EventDecoder()
        try fuzz("events", seeds) { input in
            let (problem, fields, entries) = decoder.readOne(copy input)
            if problem != nil { return nil }
            var protobuf: [UInt8] = []
            var json: [UInt8] = []
            EventEncoder.protobuf(fields, entries: entries, into: &protobuf)
            EventEncoder.json(fields, entries: entries, into: &json)
            for bytes in [protobuf, json] {
                let (again, sameFields, sameEntries) = decoder.readOne(bytes)
                if again != nil || sameFields != fields || sameEntries != entries {
                    return "\(fields) became \(sameFields), \(String(describing: again))"
                }
            }
            let recordKey = key(fields.user)
            let record = decoder.decodeOne(copy input, key: recordKey)
            return record.outcome == .event ? nil : "decode says \(record.outcome)"
        }
    }

    /// Queries: likewise.
    @Test func queries() throws {
        let seeds = try Example.all("query-").flatMap { [$0.protobuf, $0.json ?? []] }
        var decoder = QueryDecoder(namespace: utf8("readstates"))
        try fuzz("queries", seeds) { input in
            guard case .query(var query) = decoder.decodeOne(copy input) else { return nil }
            // JSON has no exact form for the very least number, and no clock shows it.
            if query.deadlineUnixMilliseconds == .min { return nil }
            for encoding in [Encoding.protobuf, .json] {
                query.address.encoding = encoding
                let again = decoder.decodeOne(encoded(query))
                if again != .query(query) { return "\(query) became \(again)" }
            }
            return nil
        }
    }

    /// Replies: what is read is written the same again, in the encoding it came in.
    @Test func replies() throws {
        let seeds = try Example.all("reply-").flatMap { [$0.protobuf, $0.json ?? []] }
        var decoder = ReplyDecoder()
        try fuzz("replies", seeds) { input in
            guard let reply = decoder.decodeOne(copy input) else { return nil }
            if case .error(let code, _) = reply.result, QueryErrorCode(rawValue: code) == nil {
                return nil
            }
            let encoding = input.first == UInt8(ascii: "{") ? Encoding.json : .protobuf
            let again = decoder.decodeOne(encoded(reply, user: UserID(7), in: encoding))
            return again == reply ? nil : "\(reply) became \(String(describing: again))"
        }
    }

    /// Stored states and users: what is read is written and read the same again, and a cache holds
    /// it to the last field.
    @Test func storedForms() throws {
        let seeds = try Example.all("stored-").map(\.protobuf)
        try fuzz("stored", seeds) { input in
            var state = ReadState()
            if StoredState.decode(input.span.bytes, into: &state) == nil {
                var bytes: [UInt8] = []
                StoredState.encode(state, into: &bytes)
                var again = ReadState()
                let problem = StoredState.decode(bytes.span.bytes, into: &again)
                if problem != nil || again != state { return "\(state) became \(again)" }
                var cache = ReadStateCache(window: 1000)
                let slot = cache.insert(UserID(7))
                cache.load(state, channel: ChannelID(9), into: slot)
                cache.forEachState(at: slot) { again = copy $1 }
                cache.checkInvariants()
                if again != state { return "\(state) is held as \(again)" }
            }
            var user = StoredUser(appliedOffset: .zero)
            if user.decode(input.span.bytes) == nil {
                var bytes: [UInt8] = []
                user.encode(into: &bytes)
                var again = StoredUser(appliedOffset: .zero)
                let problem = again.decode(bytes.span.bytes)
                if problem != nil || again != user { return "\(user) became \(again)" }
            }
            return nil
        }
    }

    /// JSON is valid here exactly where Foundation says so.
    @Test func validity() throws {
        var seeds = try ["event-", "query-", "reply-"].flatMap { try Example.all($0) }
            .compactMap(\.json)
        seeds.append(
            utf8("{\"a\":[1,-0.5e+3,\"\\u00e9\\ud83d\\ude00\\n\\\\\",true,null],\"\u{e9}\":{}}"))
        var parser = JSONParser()
        try fuzz("validity", seeds) { input in
            if input.isEmpty || input.first != UInt8(ascii: "{") { return nil }
            let isValid = parser.parse(input.span.bytes) != nil
            let theirs = isFoundationJSON(copy input, ours: isValid)
            return isValid == theirs ? nil : "valid here: \(isValid), to Foundation: \(theirs)"
        }
    }

    /// Foundation's word, but for two things: it takes a comma before a closing bracket, which is
    /// no JSON, and does not take exponents that lead beyond a double, which are.
    private func isFoundationJSON(_ bytes: [UInt8], ours: Bool) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        let bare = text.replacing(/"([^"\\]|\\.)*"/.dotMatchesNewlines(), with: "\"\"")
        if bare.contains(/,[ \t\r\n]*[\]}]/) { return false }
        // The strings are left out of the second question, so it is asked only about what is valid
        // here.
        if isTaken(bytes) || !ours { return isTaken(bytes) }
        let small = bare.replacing(/([0-9])[eE][+-]?[0-9]{3,}/) { "\($0.output.1)e1" }
        return small != bare && isTaken(utf8(small))
    }

    private func isTaken(_ bytes: [UInt8]) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(bytes))) != nil
    }
}
