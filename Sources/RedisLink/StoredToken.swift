// What a position holds beside offset and number: who owns the partition, and what the last applied
// record looked like. The token is fresh and random for every claim: requests of an older
// connection may still be executed after a newer one has claimed, and only a token never used
// before stops them.

/// An owner's token of 128 bits, stored as 32 hexadecimal digits.
package struct StoredToken: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads a stored token; nil where there is none.
    static func read(_ reply: Reply) throws(RedisLinkError) -> StoredToken? {
        if reply.isNull { return nil }
        let bytes = reply.bytes
        guard bytes.byteCount == 32, let high = bytes.extracting(first: 16).hexadecimal,
            let low = bytes.extracting(last: 16).hexadecimal
        else { throw RedisLinkError(.request, .corrupt, "the stored owner token is unreadable") }
        return StoredToken(high: high, low: low)
    }
}

/// What a record shortly before the position was, so that a topic that was deleted and made again
/// is noticed.
package struct Fingerprint: Hashable, Sendable {
    /// The record's offset.
    package let offset: Int64
    /// A hash of its timestamp, key and value.
    package let hash: UInt64

    package init(offset: Int64, hash: UInt64) {
        precondition(offset >= 0)
        self.offset = offset
        self.hash = hash
    }

    /// `<offset>:<hash>`, or nothing; nil if it is neither.
    static func parse(_ bytes: RawSpan) -> Fingerprint?? {
        if bytes.byteCount == 0 { return .some(nil) }
        for colon in 0..<bytes.byteCount where bytes[byte: colon] == UInt8(ascii: ":") {
            guard let offset = bytes.extracting(0..<colon).decimal.flatMap(Int64.init(exactly:)),
                let hash = bytes.extracting(droppingFirst: colon + 1).decimal
            else { return nil }
            return Fingerprint(offset: offset, hash: hash)
        }
        return nil
    }
}
