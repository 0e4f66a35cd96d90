// The engine's limits: everything that can grow has its bound here.

/// Bounds and intervals of one partition's engine.
package struct EngineSettings: Sendable {
    /// Ids kept per read state, 0 to 1000.
    package var window = 32
    /// A change is committed at most so long after it, in milliseconds.
    package var flushInterval: Int64 = 30_000
    /// Users due within so many milliseconds share a commit. Where many are due together, they are
    /// committed even earlier (see `FlushPace`).
    package var flushLead: Int64 { flushInterval / 15 }
    /// Most users of one commit: a script call blocks every client of Redis, 64 users for some 250
    /// µs; what a user costs Redis falls by a tenth from 16 to 64 and hardly any more above.
    package var commitUserLimit = 64
    /// A commit takes no further user once it holds so many read states: a field costs Redis nearly
    /// as much as a user.
    package var commitStateLimit = 64
    /// Most commits on their way at a time.
    package var commitsInFlightLimit = 4
    /// Most users of one load.
    package var loadUserLimit = 64
    /// Most loads on their way at a time.
    package var loadsInFlightLimit = 8
    /// Events (and entries of their lists) parked while their users are loaded; beyond it the
    /// partition is not read. One batch more may be parked.
    package var parkedLimit = 16_384
    /// Dead letters not yet acknowledged; beyond it the partition is not read.
    package var deadLetterLimit = 1_024
    /// Users that are to leave and wait for their last commit; beyond it nothing is loaded.
    package var leavingLimit = 2_048
    /// Questions waiting for a load or an offset; beyond it they are answered `unavailable`.
    package var questionLimit = 65_536
    /// A question without a deadline waits so long, in milliseconds (docs/contract.md, "behind").
    package var questionPatience: Int64 = 5_000
    /// Always nil, but in the simulator's tests of itself.
    package var fault: EngineFault?

    package init() {}
}

/// How much one partition's cache may hold; whichever is reached first evicts.
package struct CacheCapacity: Hashable, Sendable {
    package var bytes: Int
    package var states: Int
    package init(bytes: Int = .max, states: Int = .max) {
        self.bytes = bytes
        self.states = states
    }
}

/// What an engine has done since it was made. Only ever added to.
package struct PartitionCounters: Hashable, Sendable {
    /// Events that changed a state, and events that changed nothing (duplicates, acks of the past).
    package var applied: UInt64 = 0
    package var unchanged: UInt64 = 0
    /// Events not applied because they are below the next offset, or included in a loaded state.
    package var belowNext: UInt64 = 0
    package var alreadyIncluded: UInt64 = 0
    /// Read states not added, because their user had as many as it may have.
    package var refusedStates: UInt64 = 0
    /// Events whose user was not resident.
    package var misses: UInt64 = 0
    package var loads: UInt64 = 0
    package var loadedUsers: UInt64 = 0
    package var loadedStates: UInt64 = 0
    package var commits: UInt64 = 0
    package var committedUsers: UInt64 = 0
    package var evictions: UInt64 = 0
    package var deadLetters: UInt64 = 0
    package var questions: UInt64 = 0
    package var answers: UInt64 = 0
    /// Questions not answered in time, and questions turned away.
    package var expired: UInt64 = 0
    package var behind: UInt64 = 0
    package var unavailable: UInt64 = 0
    package var claimsKept: UInt64 = 0
    package var claimsFresh: UInt64 = 0
    package var fenced: UInt64 = 0
    package var rolledBack: UInt64 = 0

    package init() {}
}
