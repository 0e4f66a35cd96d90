// The engine of one partition: decides everything, touches nothing.
//
//     events    ───▶ ┌────────────────┐ ───▶ nextLoad     users to read from the store
//     loads     ───▶ │ cache,         │ ───▶ nextCommit   dirty users and the position, to write
//     acks      ───▶ │ parked events, │ ───▶ nextAnswer   answers to questions
//     questions ───▶ │ loads, commits,│ ───▶ wantsEvents  whether the log is to be read on
//     time      ───▶ │ questions      │ ───▶ claimNeed    whether the partition must be claimed
//                    └────────────────┘
//
// It has no clock, socket, thread or random number: whoever drives it (a shard with real servers,
// the simulator with fake ones) feeds inputs, says what time it is, and carries out what it pulls
// out. So the code that runs millions of simulated faults is the code that ships.
//
// Read on, in this order: `+Claim` (how the partition is taken, and when its cache survives),
// `+Events` (what becomes of an event), `+Loads`, `+Commits`, `+Questions`. How it is driven is in
// `ReadStateService/Worker/Shard.swift`.
//
// What holds at all times while the partition is owned:
//  1. A resident user's states are the fold of the log below `next` (or below the offset they were
//     loaded with, if that is ahead: a user committed before a crash that is being replayed now).
//  2. Every event below `next` is in a resident user's states, in the store, parked, or
//     dead-lettered and not acknowledged yet. `position` is the oldest offset not yet in the store.
//  3. A user leaves the cache only when nothing of it is dirty or on its way.
//  4. Whatever casts doubt on the store (refused commit, unexpected load) drops all of it: the log
//     is the retry buffer, and the store says from where to replay.

/// One partition's states and all decisions about them.
package struct PartitionEngine: ~Copyable {
    /// How the engine stands to the store.
    package enum Phase: Hashable, Sendable {
        /// Nothing is claimed; a cache may be left from before.
        case unclaimed
        /// A claim is on its way.
        case claiming
        /// Claimed anew; waiting for `start`, when the log has been looked at.
        case claimed
        case owned
        case refused(Refusal)
    }

    package let partition: PartitionID
    package let settings: EngineSettings
    package internal(set) var capacity: CacheCapacity
    package internal(set) var phase = Phase.unclaimed
    package internal(set) var counters = PartitionCounters()

    var cache: ReadStateCache
    /// The first offset not seen yet.
    package internal(set) var next = Offset.zero
    /// The first record of the newest batch below `next`, whatever became of it.
    package internal(set) var lastRecord: RecordFingerprint?
    /// Nobody was ever evicted and the keyspace was empty: who is not resident has no states.
    var whole = false
    /// Where residents' loaded states are ahead of `next`: the first offset they do not include.
    var ahead: [UserSlot: Offset] = [:]

    // Claims
    /// The token of the last claim that succeeded, as long as its cache is kept.
    var token: OwnerToken?
    /// The token of the claim that is on its way.
    var awaited: OwnerToken?

    // Loads
    var loading: [UserID: Int] = [:]
    var loadingUsers: [LoadingUser] = []
    var loadingFree: [Int] = []
    var loadQueue: [UserID] = []
    var loadsInFlight: [Load] = []
    var parked = ParkedEvents()
    var deadLetters = OffsetLedger()

    // Commits
    var acknowledged = CommitNumber.zero
    var lastNumber = CommitNumber.zero
    /// The position in the store, as of the last acknowledged commit.
    package internal(set) var storedPosition = Offset.zero
    var lastCommitTime = Instant(milliseconds: 0)
    var pace = FlushPace()
    var inFlight: [Commit] = []
    /// Users of commits that were lost with a connection: still to be written, whole.
    var lost: [CommitUser] = []
    var leaving: [UserID] = []
    var leavingCount = 0
    /// Everything dirty is due at once: the partition is about to be let go.
    package internal(set) var isFlushing = false

    // Questions
    var questions = WaitingQuestions()

    package init(partition: PartitionID, settings: EngineSettings, capacity: CacheCapacity) {
        self.partition = partition
        self.settings = settings
        self.capacity = capacity
        cache = ReadStateCache(window: settings.window, dirtySpan: settings.flushInterval)
    }

    // MARK: What it looks like from outside

    package var residentStates: Int { cache.stateCount }
    package var residentUsers: Int { cache.userCount }
    package var cacheBytes: Int { cache.chargedBytes }
    package var dirtyUsers: Int { cache.dirtyCount + lost.count }
    package var parkedWeight: Int { parked.weight }
    package var waitingQuestions: Int { questions.count }

    /// The oldest offset that is not in the store, commits on their way not counted: from here the
    /// log must be replayed to lose nothing.
    package var position: Offset {
        var oldest = uncommittedPosition
        for commit in inFlight { oldest = min(oldest, commit.oldestChange) }
        return oldest
    }

    /// The oldest offset covered neither by the store nor by a commit on its way.
    var uncommittedPosition: Offset {
        var oldest = next
        if let slot = cache.oldestDirty { oldest = min(oldest, cache.firstDirtyOffset(slot)) }
        for user in lost { oldest = min(oldest, user.firstChange) }
        if settings.fault != .parkedForgotten, let offset = parked.oldestOffset {
            oldest = min(oldest, offset)
        }
        if let offset = deadLetters.oldest { oldest = min(oldest, offset) }
        return oldest
    }

    /// Whether the log is to be read on. Everything that grows with events has its bound here.
    package var wantsEvents: Bool {
        phase == .owned && !isFlushing
            && parked.weight < settings.parkedLimit
            && deadLetters.count < settings.deadLetterLimit
            && leavingCount < settings.leavingLimit
    }

    /// Whether the partition is owned by the claim with this token: replies to commits and loads
    /// that were sent under another one are not handed in.
    package func holds(_ token: OwnerToken) -> Bool { phase == .owned && self.token == token }

    /// Whether the newest claim is the one with this token, and was answered: what was found out
    /// about the log for an earlier one is of no use.
    package func isClaimed(by token: OwnerToken) -> Bool {
        (phase == .claimed || phase == .owned) && self.token == token
    }

    /// Whether the claim with this token is the one whose outcome is waited for.
    package func awaits(_ token: OwnerToken) -> Bool {
        phase == .claiming && awaited == token
    }

    /// Changes how much the cache may hold. What is too much leaves now, or once it is committed,
    /// even if nothing else ever happens here: the memory is some other partition's share.
    package mutating func setCapacity(_ capacity: CacheCapacity) {
        self.capacity = capacity
        if phase == .owned { makeRoom() }
    }

    /// Visits every resident user, with the first offset that its states do not include: for
    /// checkers and tests.
    package func forEachResident(_ body: (UserID, Offset) -> Void) {
        cache.forEachUser { slot in
            body(cache.user(at: slot), ahead[slot].map { max($0, next) } ?? next)
        }
    }

    /// Visits a resident user's states, default ones included: for checkers and tests.
    package func forEachState(
        of user: UserID, _ body: (ChannelID, borrowing ReadState) -> Void
    ) {
        if let slot = cache.find(user) { cache.forEachState(at: slot, body) }
    }

    /// Entries of all lists beside the cache and the parked events: for checkers of their bounds.
    package var bookkeepingCount: Int {
        loadingUsers.count + loadQueue.count + leaving.count + lost.count + deadLetters.count
            + ahead.count + questions.bookkeepingCount
    }

    // MARK: Dropping

    /// Forgets all states: they are in the store, or the log will bring them again.
    mutating func dropStates() {
        cache.removeAll()
        ahead.removeAll()
        whole = false
        token = nil
        awaited = nil
        parked.removeAll()
        deadLetters.removeAll()
        forgetLoads()
        inFlight.removeAll()
        lost.removeAll()
        leaving.removeAll()
        leavingCount = 0
        lastRecord = nil
    }

    /// Drops everything and stays away until claimed again.
    package mutating func refuse(_ refusal: Refusal) {
        switch refusal {
        case .fenced: counters.fenced += 1
        case .rolledBack: counters.rolledBack += 1
        case .corrupt, .log: break
        }
        dropStates()
        phase = .refused(refusal)
    }
}
