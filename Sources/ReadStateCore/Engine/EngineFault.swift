// Faults that only the engine itself could have, for one purpose: to show that the simulator finds
// them (docs/simulation.md). Nothing else sets `EngineSettings.fault`, and nothing on the way of an
// event looks at it.

/// A way in which the engine can be made to go wrong.
package enum EngineFault: Hashable, Sendable {
    /// A user leaves the cache while its commit is on the way.
    case evictBeforeAcknowledged
    /// A dirty user leaves the cache without a commit.
    case evictDirty
    /// Users are not loaded, though somebody was evicted.
    case wholeAfterEviction
    /// The cache survives although the store lost acknowledged commits.
    case keepCacheAfterRollback
    /// Commits that a claim finds missing are taken for carried out.
    case lostCommitForgotten
    /// Parked events do not hold the position back.
    case parkedForgotten
}
