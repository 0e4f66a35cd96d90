// Faults that are put in on purpose, to show that the simulator finds them. Most are in the fake
// Redis or in the way the simulated worker drives the engine; the few that only the engine could
// have are in `EngineFault`, which nothing but the simulator ever sets.

import ReadStateCore

/// A way to get the protocol wrong.
package enum PlantedBug: String, CaseIterable, Sendable {
    // Those of docs/model, but for `unansweredClaimTrusted` below.
    case positionOneTooFar = "position one too far"
    case evictBeforeAcknowledged = "evict before acknowledged"
    case wholeAfterEviction = "whole after eviction"
    case loadUnchecked = "load unchecked"
    case noFence = "no fence"
    case noChain = "no chain"
    case sameTokenAgain = "same token again"
    case keepCacheAfterRollback = "keep cache after rollback"
    case appliedOffsetIgnored = "applied offset ignored"
    case loadInTwoSteps = "load in two steps"
    // Further ones.
    /// A dirty user is dropped without any commit.
    case evictDirty = "evict dirty"
    /// Commits that a claim finds missing are taken for done.
    case lostCommitForgotten = "lost commit forgotten"
    /// Parked events do not hold the position back.
    case parkedForgotten = "parked events forgotten"
    /// A reload is served by a replica that lags one commit behind.
    case staleReplica = "reload races a commit"
    /// The position is written before the users, not with them.
    case commitInTwoSteps = "commit in two steps"
    /// A commit does not write the users' applied offsets.
    case appliedOffsetNotWritten = "applied offset not written"
    /// A hash that should be replaced is added to.
    case rewriteIgnored = "rewrite ignored"
    /// The position passes a dead letter before it is in its topic.
    case deadLetterNotAwaited = "dead letter not awaited"
    /// A refused commit is taken for a carried out one.
    case refusalIgnored = "refusal ignored"
    /// A question is answered whatever its `min_offset`.
    case minOffsetIgnored = "min_offset ignored"
    /// A claim after which the token is found to be another's keeps the cache.
    case keepCacheAfterOther = "keep cache after another owner"
    /// A token of an unanswered claim is taken for proof that nobody came between.
    case unansweredClaimTrusted = "unanswered claim trusted"
    /// The log is continued one record behind the stored position.
    case startOneTooFar = "start one too far"
    /// A record that is skipped is not counted.
    case tombstoneUncounted = "skipped record not counted"
    /// A request popped for a partition that was lost is not given back.
    case requestNotReturned = "request not given back"

    /// Its part in the engine, if it has one.
    var inEngine: EngineFault? {
        switch self {
        case .evictBeforeAcknowledged: return .evictBeforeAcknowledged
        case .wholeAfterEviction: return .wholeAfterEviction
        case .keepCacheAfterRollback: return .keepCacheAfterRollback
        case .evictDirty: return .evictDirty
        case .lostCommitForgotten: return .lostCommitForgotten
        case .parkedForgotten: return .parkedForgotten
        default: return nil
        }
    }
}
