// Who owns a partition, as Redis knows it: a random number, fresh for every claim. Requests of an
// older connection may still be executed after a newer one has claimed; only a token never used
// before stops them (spec: the commit protocol).

/// A random token of 128 bits, written as 32 hexadecimal digits.
package struct OwnerToken: Hashable, Sendable {
    package let text: String

    /// A fresh token.
    package init(using generator: inout some RandomNumberGenerator) {
        text = Self.digits(generator.next()) + Self.digits(generator.next())
    }

    /// The token of these 128 bits.
    package init(high: UInt64, low: UInt64) {
        text = Self.digits(high) + Self.digits(low)
    }

    /// The token's bits; nil if it is not one that this program wrote.
    package var bits: (high: UInt64, low: UInt64)? {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        return (high, low)
    }

    /// A token as it is stored; anything that is there at all is some owner's.
    init(stored: RawSpan) { text = stored.text }

    func equals(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount == text.utf8.count else { return false }
        var index = 0
        for byte in text.utf8 {
            if bytes[byte: index] != byte { return false }
            index += 1
        }
        return true
    }

    private static func digits(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}

/// What the last applied record was, so that a topic that was deleted and made again is noticed.
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
