// Reading users back: owner token, commit number and the users' hashes in one transaction. It must
// be one step: between two plain requests another worker can take the partition, commit, and have
// all of that rolled back again, token included. A transaction of plain reads costs the server
// about as much as the reads alone; a script that reads costs about twice as much.

extension RespWriter {
    /// Begins a load; `loadUser` for each user and `endLoad` follow. It has one reply.
    package mutating func beginLoad(_ keys: PartitionKeys) {
        beginTransaction()
        command(arguments: 4)
        argument("HMGET" as StaticString)
        argument(keys.position)
        argument("token" as StaticString)
        argument("number" as StaticString)
    }

    package mutating func loadUser(_ keys: PartitionKeys, id: UInt64) {
        command(arguments: 2)
        argument("HGETALL" as StaticString)
        argument(keys.userPrefix, id)
    }

    package mutating func endLoad() {
        endTransaction()
    }
}

/// What a load found. It counts only if `token` is one's own and `number` not below the newest
/// commit whose reply had been read when the load was sent; otherwise it says nothing.
package struct LoadReply: ~Escapable {
    /// Who owned the partition at that moment; nil: nobody.
    package let token: StoredToken?
    /// The number of the last commit.
    package let number: UInt64
    /// Users that were asked for.
    package let userCount: Int
    private var users: Reply.Elements

    /// Reads the reply to a load.
    @_lifetime(copy reply)
    package init(_ reply: Reply) throws(RedisLinkError) {
        if let error = reply.error() { throw error }
        var elements = reply.elements
        guard let head = elements.next(), head.count == 2 else {
            throw .unexpected("a load", reply)
        }
        guard head[1].isNull || head[1].decimal != nil else {
            throw RedisLinkError(.request, .corrupt, "the stored commit number is unreadable")
        }
        number = head[1].decimal ?? 0
        token = try .read(head[0])
        userCount = reply.count - 1
        users = elements
    }

    /// The next user's hash, in the order in which they were asked for; nil behind the last.
    @_lifetime(copy self)
    package mutating func nextUser() throws(RedisLinkError) -> StoredUser? {
        guard let user = users.next() else { return nil }
        if let error = user.error() { throw error }
        guard user.kind == .array, user.count % 2 == 0 else {
            throw .unexpected("HGETALL", user)
        }
        return StoredUser(user)
    }
}

/// A user's hash as it is stored: fields in no particular order; none if the user is not stored.
package struct StoredUser: ~Escapable {
    private let pairs: Reply

    @_lifetime(copy pairs)
    fileprivate init(_ pairs: Reply) { self.pairs = pairs }

    package var count: Int { pairs.count / 2 }

    /// The name of a field: `@` or a channel id.
    @_lifetime(copy self)
    package func name(_ index: Int) -> RawSpan { pairs[2 * index].bytes }

    @_lifetime(copy self)
    package func value(_ index: Int) -> RawSpan { pairs[2 * index + 1].bytes }
}
