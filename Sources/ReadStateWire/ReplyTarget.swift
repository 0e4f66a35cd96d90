// Where a reply may go. `reply_to` is the caller's word: a request must not make a worker push onto
// a key of the service itself, so no name of the namespace is taken but those under `<ns>:reply:`,
// which the bundled client uses.

/// The rule for `reply_to`.
package enum ReplyTarget {
    /// Most bytes of `reply_to`, and of a request's `id`.
    package static let lengthLimit = 256

    /// True if a reply may be pushed to this key.
    package static func isAllowed(_ key: [UInt8], namespace: [UInt8]) -> Bool {
        guard (1...lengthLimit).contains(key.count) else { return false }
        if key.starts(with: [UInt8(ascii: "{")] + namespace + [UInt8(ascii: ":")]) { return false }
        guard key.starts(with: namespace + [UInt8(ascii: ":")]) else { return true }
        return key.starts(with: namespace + Array(":reply:".utf8))
    }
}
