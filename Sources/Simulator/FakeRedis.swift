// A Redis of our own: the partitions' positions and users' hashes, the claim, commit and load
// requests with exactly the semantics of the real scripts (a test runs both against the same
// requests), the request lists, and the power to forget. Every script leaves behind what it
// overwrote, so the newest writes can be taken back, any number of them: that is what a crash or a
// failover does, since the writes of one server are lost from the end.

package import ReadStateCore

/// A user's hash.
package struct UserHash: Hashable, Sendable {
    /// The field `@`.
    package var header: [UInt8]
    /// The other fields by channel id.
    package var fields: [UInt64: [UInt8]]
    package init(header: [UInt8] = [], fields: [UInt64: [UInt8]] = [:]) {
        self.header = header
        self.fields = fields
    }
}

/// What a commit writes of one user.
package struct UserWrite: Sendable {
    package var user: UserID
    /// The hash is deleted first.
    package var rewrites: Bool
    package var header: [UInt8]
    package var fields: [(channel: UInt64, value: [UInt8])]
    package init(
        user: UserID, rewrites: Bool, header: [UInt8], fields: [(channel: UInt64, value: [UInt8])]
    ) {
        self.user = user
        self.rewrites = rewrites
        self.header = header
        self.fields = fields
    }
}

package struct CommitWrite: Sendable {
    package var token: OwnerToken
    package var previous: CommitNumber
    package var number: CommitNumber
    package var position: Offset
    package var fingerprint: RecordFingerprint?
    package var users: [UserWrite]
    package init(
        token: OwnerToken, previous: CommitNumber, number: CommitNumber, position: Offset,
        fingerprint: RecordFingerprint?, users: [UserWrite]
    ) {
        self.token = token
        self.previous = previous
        self.number = number
        self.position = position
        self.fingerprint = fingerprint
        self.users = users
    }
}

package enum StoreRequest: Sendable {
    case claim(OwnerToken)
    case commit(CommitWrite)
    case load([UserID])
    /// Token and number alone: only a planted bug asks so.
    case look
}

package enum StoreReply: Sendable {
    case claimed(StoredClaim)
    case committed(CommitNumber)
    case fenced
    case rolledBack
    /// The request was not carried out: the script is not known any more.
    case noScript
    /// The commit was not carried out, but perhaps for some of its users.
    case failed
    case loaded(OwnerToken?, CommitNumber, [UserHash?])
}

/// A partition's keys.
package struct PartitionStore: Sendable {
    package var owner: OwnerToken?
    package var position: Offset?
    package var number = CommitNumber.zero
    package var fingerprint: RecordFingerprint?
    package var users: [UserID: UserHash] = [:]
    package init() {}
}

/// The server.
package struct FakeRedis: ~Copyable {
    /// What a script overwrote.
    private struct Undo {
        let partition: Int
        let owner: OwnerToken?
        let position: Offset?
        let number: CommitNumber
        let fingerprint: RecordFingerprint?
        let users: [(UserID, UserHash?)]
    }

    package private(set) var partitions: [PartitionStore]
    private var undo: [Undo] = []
    private let planted: PlantedBug?
    /// What `staleReplica` reads: the store before its newest commit.
    private var replica: [[UserID: UserHash]]

    package init(partitions count: Int, planted: PlantedBug? = nil) {
        partitions = Array(repeating: PartitionStore(), count: count)
        replica = Array(repeating: [:], count: count)
        self.planted = planted
    }

    /// Scripts carried out that could still be lost.
    package var depth: Int { undo.count }

    /// Carries out a request, all of it or nothing.
    package mutating func execute(_ request: StoreRequest, on partition: Int) -> StoreReply {
        switch request {
        case .claim(let token): return claim(token, partition)
        case .commit(let write): return commit(write, partition)
        case .load(let users):
            let store = partitions[partition]
            let source = planted == .staleReplica ? replica[partition] : store.users
            return .loaded(store.owner, store.number, users.map { source[$0] })
        case .look:
            return .loaded(partitions[partition].owner, partitions[partition].number, [])
        }
    }

    /// Loses the newest scripts until `depth` of them are left.
    package mutating func rollBack(to depth: Int) {
        while undo.count > depth {
            let last = undo.removeLast()
            partitions[last.partition].owner = last.owner
            partitions[last.partition].position = last.position
            partitions[last.partition].number = last.number
            partitions[last.partition].fingerprint = last.fingerprint
            for (user, stored) in last.users { partitions[last.partition].users[user] = stored }
        }
    }

    /// A commit that ends with an error after its first `count` users: memory ran out.
    package mutating func fail(_ write: CommitWrite, on partition: Int, after count: Int)
        -> StoreReply
    {
        if let refusal = refusal(of: write, partition) { return refusal }
        remember(partition, users: write.users.prefix(count).map(\.user))
        for user in write.users.prefix(count) { store(user, partition) }
        return .failed
    }

    private mutating func claim(_ token: OwnerToken, _ partition: Int) -> StoreReply {
        remember(partition, users: [])
        let store = partitions[partition]
        partitions[partition].owner = token
        return .claimed(
            StoredClaim(
                owner: store.owner, position: store.position, number: store.number,
                fingerprint: store.fingerprint))
    }

    private func refusal(of write: CommitWrite, _ partition: Int) -> StoreReply? {
        let store = partitions[partition]
        if planted != .noFence {
            guard let owner = store.owner else { return .rolledBack }
            guard owner == write.token else { return .fenced }
        }
        if planted != .noChain, store.number != write.previous { return .rolledBack }
        return nil
    }

    private mutating func commit(_ write: CommitWrite, _ partition: Int) -> StoreReply {
        if let refusal = refusal(of: write, partition) { return refusal }
        if planted == .staleReplica { replica[partition] = partitions[partition].users }
        if planted == .commitInTwoSteps {
            // The position first, as a write of its own: what lies between them can be lost.
            remember(partition, users: [])
            setHead(write, partition)
            remember(partition, users: write.users.map(\.user))
        } else {
            remember(partition, users: write.users.map(\.user))
            setHead(write, partition)
        }
        for user in write.users { store(user, partition) }
        return .committed(write.number)
    }

    private mutating func setHead(_ write: CommitWrite, _ partition: Int) {
        partitions[partition].position = write.position
        partitions[partition].number = write.number
        partitions[partition].fingerprint = write.fingerprint
    }

    private mutating func store(_ write: UserWrite, _ partition: Int) {
        var stored = partitions[partition].users.removeValue(forKey: write.user) ?? UserHash()
        if write.rewrites && planted != .rewriteIgnored { stored = UserHash() }
        if planted != .appliedOffsetNotWritten || stored.header.isEmpty {
            stored.header = write.header
        }
        for field in write.fields { stored.fields[field.channel] = field.value }
        partitions[partition].users[write.user] = stored
    }

    private mutating func remember(_ partition: Int, users: [UserID]) {
        let store = partitions[partition]
        undo.append(
            Undo(
                partition: partition, owner: store.owner, position: store.position,
                number: store.number, fingerprint: store.fingerprint,
                users: users.map { ($0, store.users[$0]) }))
    }
}
