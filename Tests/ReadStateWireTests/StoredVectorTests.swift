// Every vector with a restart between any two of its events: each event is decoded, applied by an
// engine that has just claimed the partition, committed in the stored form, and the next engine
// loads what it needs from those bytes.

import Foundation
import ReadStateCore
import ReadStateWire
import Testing

@Suite struct StoredVectorTests {
    /// All 900 vectors hold when every state goes through its stored form between any two events.
    @Test func everyVectorHoldsThroughItsStoredForm() throws {
        let lines = try bytes(ofFile: repository("schemas/vectors.jsonl"))
            .split(separator: UInt8(ascii: "\n"))
        var decoder = EventDecoder()
        for line in lines {
            let vector = try #require(
                try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            let events = try #require(vector["events"] as? [[String: Any]])
            var store = Store(window: try #require(vector["window"] as? Int))
            for (index, event) in events.enumerated() {
                let data = try JSONSerialization.data(withJSONObject: event)
                let user = try #require(event["user_id"] as? String)
                var batch = EventBatch(capacity: 1)
                let key = utf8(user)
                let outcome = decoder.decode(
                    value: [UInt8](data).span.bytes, key: key.span.bytes,
                    offset: Offset(Int64(index)), into: &batch)
                #expect(outcome == .event)
                store.apply(batch, at: Offset(Int64(index)))
            }
            let expected = try #require(vector["expect"] as? [[String: Any]])
            for state in expected { check(state, &store, "\(vector["name"] ?? "")") }
        }
    }

    private func check(_ expected: [String: Any], _ store: inout Store, _ name: String) {
        func id(_ key: String) -> UInt64 { UInt64(expected[key] as! String)! }
        let state = store.answer(UserID(id("user_id")), ChannelID(id("channel_id")))
        #expect(state.lastRead == MessageID(id("last_read_id")), "\(name)")
        #expect(state.lastMessage == MessageID(id("last_message_id")), "\(name)")
        if let exact = expected["exact"] as? Bool { #expect(state.exact == exact, "\(name)") }
        let unread = expected["unread_count"] as! Int
        let mentions = expected["mention_count"] as! Int
        // A count that does not claim to be exact is an upper bound.
        #expect(state.exact ? state.unreadCount == unread : state.unreadCount >= unread, "\(name)")
        #expect(
            state.exact ? state.mentionCount == mentions : state.mentionCount >= mentions,
            "\(name)")
    }
}

/// What Redis would hold, as bytes, and an engine for each step.
private struct Store {
    private let window: Int
    private var states: [UserID: [ChannelID: [UInt8]]] = [:]
    private var headers: [UserID: [UInt8]] = [:]
    private var position: Offset?
    private var number = CommitNumber.zero
    private var claims: UInt64 = 0
    private let now = Instant(milliseconds: 1_000_000)

    init(window: Int) { self.window = window }

    /// A worker starts, applies one event, commits and ends.
    mutating func apply(_ batch: borrowing EventBatch, at offset: Offset) {
        var engine = claimed(at: offset)
        engine.apply(batch, upTo: offset.next, lastRecord: nil, now: now)
        load(into: &engine)
        engine.flush()
        while let commit = engine.nextCommit(now: now) {
            for user in commit.users { write(user, of: commit, from: &engine) }
            position = commit.position
            number = commit.number
            engine.committed(commit.number)
        }
        let isFlushed = engine.isFlushed
        #expect(isFlushed)
    }

    /// A worker starts and answers one question.
    mutating func answer(_ user: UserID, _ channel: ChannelID) -> ReadStateSummary {
        var engine = claimed(at: position ?? .zero)
        let ticket = Ticket(1)
        let isTaken = engine.ask(
            .get(user, channel), ticket: ticket, minOffset: nil, deadline: nil, now: now)
        #expect(isTaken)
        while true {
            if let answer = engine.nextAnswer(now: now), case .state(let state) = answer.outcome {
                return state
            }
            load(into: &engine)
        }
    }

    private mutating func claimed(at offset: Offset) -> PartitionEngine {
        var settings = EngineSettings()
        settings.window = window
        var engine = PartitionEngine(
            partition: PartitionID(0), settings: settings, capacity: CacheCapacity())
        claims += 1
        let token = OwnerToken(high: 0, low: claims)
        engine.claimSent(token)
        let stored = StoredClaim(
            owner: nil, position: position, number: number, fingerprint: nil)
        let outcome = engine.claimed(token, stored)
        #expect(outcome == .restart(at: position))
        engine.start(at: offset, now: now)
        return engine
    }

    private func load(into engine: inout PartitionEngine) {
        while let load = engine.nextLoad() {
            let token = OwnerToken(high: 0, low: claims)
            guard engine.loaded(owner: token, number: number) != nil else { return }
            for user in load.users { install(user, into: &engine) }
            engine.loadsInstalled()
        }
    }

    private func install(_ user: UserID, into engine: inout PartitionEngine) {
        var header = StoredUser(appliedOffset: .zero)
        if let bytes = headers[user] { #expect(header.decode(bytes.span.bytes) == nil) }
        let applied = headers[user] == nil ? Offset.zero : header.appliedOffset.next
        var scratch = ReadState()
        engine.install(user, applied: applied, now: now) { add in
            for (channel, bytes) in states[user] ?? [:] {
                #expect(StoredState.decode(bytes.span.bytes, into: &scratch) == nil)
                add(channel, scratch)
            }
        }
    }

    private mutating func write(
        _ user: CommitUser, of commit: Commit, from engine: inout PartitionEngine
    ) {
        if user.rewrites { states[user.user] = [:] }
        var header: [UInt8] = []
        StoredUser(appliedOffset: commit.applied.previous).encode(into: &header)
        headers[user.user] = header
        var written: [ChannelID: [UInt8]] = [:]
        engine.takeChanges(of: user) { channel, state in
            var bytes: [UInt8] = []
            StoredState.encode(state, into: &bytes)
            written[channel] = bytes
        }
        states[user.user, default: [:]].merge(written) { $1 }
    }
}
