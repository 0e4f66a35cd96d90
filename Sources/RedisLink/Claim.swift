// Taking a partition: the first request on every new connection (see `Script.claim`). The answer
// says what was there before; whether the cache may be kept is decided by who asks. Only a token
// whose claim was *answered* counts as one's own then: behind a claim with a lost reply another
// worker may have come and gone unseen.

extension RespWriter {
    /// Takes the partition with a fresh token. `owner` says to people who that is.
    package mutating func claim(_ keys: PartitionKeys, token: StoredToken, owner: String) {
        script(.claim, keys: 1, arguments: 2)
        argument(keys.position)
        argument(token)
        argument(owner)
    }
}

/// What a claim found.
package struct ClaimReply: Hashable, Sendable {
    /// The token that was replaced; nil in a partition that nobody ever claimed.
    package let token: StoredToken?
    /// The number of the last commit; 0 before the first.
    package let number: UInt64
    /// The first offset that no commit covers; nil before the first commit.
    package let offset: Int64?
    package let fingerprint: Fingerprint?
    /// Who had it, for people.
    package let owner: String?

    /// Reads the reply to `RespWriter.claim`.
    package init(_ reply: Reply) throws(RedisLinkError) {
        if let error = reply.error() { throw error }
        guard reply.count == 5 else { throw .unexpected("a claim", reply) }
        token = try .read(reply[0])
        number = UInt64(try Self.number(reply[1], "number") ?? 0)
        offset = try Self.number(reply[2], "offset")
        guard let fingerprint = Fingerprint.parse(reply[3].bytes) else {
            throw Self.corrupt("fingerprint")
        }
        self.fingerprint = fingerprint
        owner = reply[4].isNull ? nil : reply[4].text
    }

    /// Below 2^63, so that there is always a next one.
    private static func number(
        _ reply: Reply, _ field: String
    ) throws(RedisLinkError) -> Int64? {
        if reply.isNull { return nil }
        guard let number = reply.decimal.flatMap(Int64.init(exactly:)) else { throw corrupt(field) }
        return number
    }

    private static func corrupt(_ field: String) -> RedisLinkError {
        RedisLinkError(.request, .corrupt, "the stored position has an unreadable \(field)")
    }
}

extension RedisLinkError {
    /// A reply of another shape than the request has.
    static func unexpected(_ request: String, _ reply: Reply) -> RedisLinkError {
        RedisLinkError(
            .request, .protocolViolation, "\(reply.kind) is no reply to \(request)")
    }
}
