// One commit: the dirty users of a partition and its position, in one call of `Script.commit`. How
// many users and fields there are is known only at the end, but RESP wants the count first and
// `EVALSHA` wants all keys before all other arguments. So keys, those of rewritten users once more,
// counts and values are encoded into buffers of their own, kept from commit to commit, and joined
// by `finish`.

/// A commit being put together.
///
///     commit.begin()
///     commit.beginUser(keys, id: 7, rewrite: false)
///     commit.field(channel: 9, state)
///     commit.endUser()
///     commit.finish(head, header: header, keys: keys, into: &connection.output)
package struct CommitCommand: ~Copyable {
    /// What a commit says of the partition.
    package struct Head: Hashable, Sendable {
        package var token: StoredToken
        /// The number of the commit before this one; 0 before the first.
        package var previous: UInt64
        package var number: UInt64
        /// The first offset that neither this commit nor one before it covers.
        package var offset: Int64
        package var fingerprint: Fingerprint?

        package init(
            token: StoredToken, previous: UInt64, number: UInt64, offset: Int64,
            fingerprint: Fingerprint?
        ) {
            self.token = token
            self.previous = previous
            self.number = number
            self.offset = offset
            self.fingerprint = fingerprint
        }
    }

    private var users = ByteBuffer()
    private var rewritten = ByteBuffer()
    private var counts = ByteBuffer()
    private var values = ByteBuffer(capacity: 16 * 1024)
    /// Users that are finished.
    package private(set) var userCount = 0
    private var rewrittenCount = 0
    private var valueCount = 0
    /// Fields and values of the user being written; nil between users.
    private var userValueCount: Int?

    package init() {}

    /// Encoded bytes of what was written since `begin`.
    package var byteCount: Int { users.count + rewritten.count + counts.count + values.count }

    /// Begins a commit, dropping one that was not finished.
    package mutating func begin() {
        users.removeAll(keepingAtMost: Self.idleCapacity)
        rewritten.removeAll(keepingAtMost: Self.idleCapacity)
        counts.removeAll(keepingAtMost: Self.idleCapacity)
        values.removeAll(keepingAtMost: Self.idleCapacity)
        userCount = 0
        rewrittenCount = 0
        valueCount = 0
        userValueCount = nil
    }

    /// Begins a user; its fields follow. With `rewrite` the stored hash is deleted first: it then
    /// holds just those fields and the header.
    package mutating func beginUser(_ keys: PartitionKeys, id: UInt64, rewrite: Bool) {
        precondition(userValueCount == nil, "the user before this one is not finished")
        users.appendBulk(keys.userPrefix, decimal: id)
        userValueCount = 0
        guard rewrite else { return }
        rewritten.appendBulk(keys.userPrefix, decimal: id)
        rewrittenCount += 1
    }

    /// A field that is named by a channel id in decimal.
    package mutating func field(channel: UInt64, _ value: RawSpan) {
        guard let count = userValueCount else { preconditionFailure("no user was begun") }
        userValueCount = count + 2
        values.appendBulk(decimal: channel)
        values.appendBulk(value)
    }

    package mutating func endUser() {
        guard let count = userValueCount else { preconditionFailure("no user was begun") }
        counts.append(bigEndian: Int32(count))
        valueCount += count
        userCount += 1
        userValueCount = nil
    }

    /// Writes the commit; with no users, it moves the position only. `header` becomes the field
    /// `@` of each user. Its reply is read by `CommitReply`. What was written stays until the next
    /// `begin`.
    package borrowing func finish(
        _ head: Head, header: RawSpan, keys: PartitionKeys, into output: inout RespWriter
    ) {
        precondition(userValueCount == nil, "the last user is not finished")
        output.script(
            .commit, keys: 1 + userCount + rewrittenCount, arguments: 7 + valueCount)
        output.argument(keys.position)
        output.arguments(users.bytes, count: userCount)
        output.arguments(rewritten.bytes, count: rewrittenCount)
        output.argument(head.token)
        output.argument(head.previous)
        output.argument(head.number)
        output.argument(head.offset)
        output.argument(head.fingerprint)
        output.argument(header)
        output.argument(counts.bytes)
        output.arguments(values.bytes, count: valueCount)
    }

    /// More than this is given back before the next commit.
    private static let idleCapacity = 1 << 20
}

/// What became of a commit. Commits that were sent behind a refused one are refused too: their
/// `previous` is not what is stored. The first refusal says why.
package enum CommitReply: Hashable, Sendable {
    case done(number: UInt64)
    /// Another worker owns the partition.
    case fenced
    /// Redis does not have the commit before this one.
    case rolledBack
    /// Not executed for another reason; nothing of it is stored but perhaps whole users.
    case failed(RedisLinkError)

    /// Reads the reply to a `CommitCommand`.
    package init(_ reply: Reply) {
        if let number = reply.decimal {
            self = .done(number: number)
        } else if let error = reply.error() {
            switch error.kind {
            case .fenced: self = .fenced
            case .rolledBack: self = .rolledBack
            default: self = .failed(error)
            }
        } else {
            self = .failed(.unexpected("a commit", reply))
        }
    }
}
