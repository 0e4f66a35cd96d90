// The fake Redis is only worth as much as it is like the real one: the same random requests go to
// both, through the shipped scripts on the one side, and every reply and all that is stored must be
// equal.

import ReadStateCore
import RedisLink
import Simulator
import TestSupport
import Testing

@Suite struct AdapterTests {
    @Test(
        "The fake Redis answers and stores as the real one does",
        arguments: [1, 2, 3, 4] as [UInt64])
    func sameAsReal(seed: UInt64) throws {
        let server = try RedisServer { $0.appendOnly = .off }
        var pair = try RedisPair(server, seed: seed)
        for _ in 0..<400 { try pair.step() }
        for partition in 0..<RedisPair.partitions { try pair.compareAll(partition) }
        // A sequence that is refused all the time, or never, would compare little.
        #expect(pair.done > 40 && pair.refused > 40)
    }
}

/// A fake and a real Redis, given the same requests.
private struct RedisPair: ~Copyable {
    static let partitions = 2
    private static let users: [UInt64] = [1, 2, 3, 9_223_372_036_854_775_807]

    private var fake = FakeRedis(partitions: partitions)
    private var real: BlockingRedis
    private let keys: [PartitionKeys]
    private var random: Random
    private var command = CommitCommand()
    private var tokens: [OwnerToken] = [OwnerToken(high: 1, low: .max)]
    private(set) var done = 0
    private(set) var refused = 0

    init(_ server: RedisServer, seed: UInt64) throws {
        let names = try Keys(namespace: "rs")
        let connected = try BlockingRedis(RedisAddress(.unix(path: server.socketPath)))
        real = connected
        keys = (0..<Int32(Self.partitions)).map { names.partition($0) }
        random = Random(seed: seed)
    }

    mutating func step() throws {
        let partition = random.below(Self.partitions)
        switch random.below(10) {
        case 0: try claim(partition)
        case 1, 2: try compare(partition, Self.users.filter { _ in random.chance(500) })
        default: try commit(partition)
        }
    }

    mutating func compareAll(_ partition: Int) throws { try compare(partition, Self.users) }

    private mutating func claim(_ partition: Int) throws {
        let token = OwnerToken(high: random.next(), low: random.next())
        tokens.append(token)
        let keys = keys[partition]
        let reply = try ClaimReply(
            real.call { $0.claim(keys, token: StoredToken(token), owner: "test") })
        guard case .claimed(let stored) = fake.execute(.claim(token), on: partition) else {
            Issue.record("the fake does not answer a claim with one")
            return
        }
        #expect(reply.token == stored.owner.map { StoredToken($0) })
        #expect(reply.number == stored.number.rawValue)
        #expect(reply.offset == stored.position?.rawValue)
        #expect(reply.fingerprint == stored.fingerprint.map { Fingerprint($0) })
    }

    private mutating func commit(_ partition: Int) throws {
        let write = makeCommit(partition)
        let expected = fake.execute(.commit(write), on: partition)
        encode(write, keys[partition])
        let head = CommitCommand.Head(
            token: StoredToken(write.token), previous: write.previous.rawValue,
            number: write.number.rawValue, offset: write.position.rawValue,
            fingerprint: write.fingerprint.map { Fingerprint($0) })
        let keys = keys[partition]
        var outcome: CommitReply
        do {
            let header = write.users.first?.header ?? []
            outcome = CommitReply(
                try real.call {
                    command.finish(head, header: header.span.bytes, keys: keys, into: &$0)
                })
        } catch {
            outcome = error.kind == .fenced ? .fenced : .rolledBack
            #expect(error.kind == .fenced || error.kind == .rolledBack, "\(error)")
        }
        switch expected {
        case .committed(let number):
            done += 1
            #expect(outcome == .done(number: number.rawValue))
        case .fenced:
            refused += 1
            #expect(outcome == .fenced)
        case .rolledBack:
            refused += 1
            #expect(outcome == .rolledBack)
        default: Issue.record("the fake does not answer a commit with one")
        }
    }

    /// Mostly what an owner would send, sometimes what a zombie would.
    private mutating func makeCommit(_ partition: Int) -> CommitWrite {
        let store = fake.partitions[partition]
        let isOwners = random.chance(800)
        let token = isOwners ? store.owner ?? tokens[0] : tokens[random.below(tokens.count)]
        let isChained = random.chance(800)
        let previous = isChained ? store.number : CommitNumber(UInt64(random.below(40)))
        let position = Offset(Int64(random.next() >> 1))
        let header = [UInt8(random.below(256))]
        let users = Self.users.filter { _ in random.chance(400) }.map { makeUser($0, header) }
        return CommitWrite(
            token: token, previous: previous, number: previous.next, position: position,
            fingerprint: random.chance(700)
                ? RecordFingerprint(offset: position, hash: random.next()) : nil,
            users: users)
    }

    private mutating func makeUser(_ id: UInt64, _ header: [UInt8]) -> UserWrite {
        var fields: [(channel: UInt64, value: [UInt8])] = []
        for channel: UInt64 in 1...4 where random.chance(400) {
            fields.append((channel, (0..<random.below(20)).map { _ in UInt8(random.below(256)) }))
        }
        return UserWrite(
            user: UserID(id), rewrites: random.chance(300), header: header, fields: fields)
    }

    private mutating func encode(_ write: CommitWrite, _ keys: PartitionKeys) {
        command.begin()
        for user in write.users {
            command.beginUser(keys, id: user.user.rawValue, rewrite: user.rewrites)
            for field in user.fields {
                command.field(channel: field.channel, field.value.span.bytes)
            }
            command.endUser()
        }
    }

    private mutating func compare(_ partition: Int, _ ids: [UInt64]) throws {
        let keys = keys[partition]
        var reply = try LoadReply(
            real.call { output in
                output.beginLoad(keys)
                for id in ids { output.loadUser(keys, id: id) }
                output.endLoad()
            })
        let expected = fake.execute(.load(ids.map { UserID($0) }), on: partition)
        guard case .loaded(let owner, let number, let users) = expected else {
            Issue.record("the fake does not answer a load with one")
            return
        }
        #expect(reply.token == owner.map { StoredToken($0) })
        #expect(reply.number == number.rawValue)
        for user in users {
            var hash = UserHash()
            if let stored = try reply.nextUser() { hash = UserHash(stored) }
            #expect(hash == user ?? UserHash())
        }
        let isBehindLast = try reply.nextUser() == nil
        #expect(isBehindLast)
    }
}

extension UserHash {
    fileprivate init(_ stored: borrowing StoredUser) {
        self.init()
        for index in 0..<stored.count {
            let name = String(decoding: stored.name(index).array, as: UTF8.self)
            let value = stored.value(index).array
            if name == "@" { header = value } else { fields[UInt64(name)!] = value }
        }
    }
}

extension RawSpan {
    fileprivate var array: [UInt8] {
        byteOffsets.map { unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }
}

extension StoredToken {
    fileprivate init(_ token: OwnerToken) { self.init(high: token.high, low: token.low) }
}

extension Fingerprint {
    fileprivate init(_ fingerprint: RecordFingerprint) {
        self.init(offset: fingerprint.offset.rawValue, hash: fingerprint.hash)
    }
}
