// Who owns a partition in the store, and how a worker finds out: the values that pass between the
// engine and Redis in claims, commits and loads. The protocol itself is in docs/model (checked by
// TLC) and in `PartitionEngine+Claim.swift`, `+Commits.swift`, `+Loads.swift`.

/// What marks a worker as a partition's owner in the store: 128 random bits, fresh for every claim.
/// A token that is used again would let requests of an older connection pass for new ones.
package struct OwnerToken: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// Numbers the commits of a partition, from 1; 0 before the first. Each commit names the one
/// before, so that a commit is refused where an earlier one was lost.
package struct CommitNumber: Hashable, Comparable, Sendable {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    package var next: CommitNumber { CommitNumber(rawValue + 1) }
    package static let zero = CommitNumber(0)
}

/// What a record looked like: kept with the position, so that a topic that was deleted and made
/// anew is recognised before anything of it is applied.
package struct RecordFingerprint: Hashable, Sendable {
    package let offset: Offset
    /// A hash of the record's timestamp, key and value, made at the edge.
    package let hash: UInt64
    package init(offset: Offset, hash: UInt64) {
        self.offset = offset
        self.hash = hash
    }
}

/// What the store held of a partition at the moment of a claim.
package struct StoredClaim: Hashable, Sendable {
    /// The owner until now; nil where nobody ever claimed the partition.
    package var owner: OwnerToken?
    /// Where the log must be replayed from; nil where nothing was ever committed.
    package var position: Offset?
    package var number: CommitNumber
    package var fingerprint: RecordFingerprint?

    package init(
        owner: OwnerToken?, position: Offset?, number: CommitNumber,
        fingerprint: RecordFingerprint?
    ) {
        self.owner = owner
        self.position = position
        self.number = number
        self.fingerprint = fingerprint
    }
}

/// What a claim led to.
package enum ClaimOutcome: Hashable, Sendable {
    /// The cache was kept; go on reading the log at this offset.
    case resume(at: Offset)
    /// The cache is empty; read the log from the stored position, or from its beginning where there
    /// is none, and tell the engine with `start`.
    case restart(at: Offset?)
}

/// Why the store, or what it held, made the engine drop everything.
package enum Refusal: String, Hashable, Sendable {
    /// Another worker owns the partition: claim again only if the group confirms that it is ours.
    case fenced
    /// The store lost what it had acknowledged: claim again and replay.
    case rolledBack = "rolled_back"
    /// A stored state could not be read: stay away until someone has looked.
    case corrupt
    /// The log does not continue where it should: the range from the position on is gone.
    case log
}
