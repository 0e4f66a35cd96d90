// Loads: a user who is not resident is read whole from the store, once, however many events and
// questions wait. A load is one transaction that also reads owner token and commit number, and it
// is taken only if both say that the store is still ours and complete (docs/model: Ask, Fetch,
// Loaded; reading them in two steps is the model's deepest fault).

/// A user on its way into the cache.
struct LoadingUser: Sendable {
    var events = ParkedList()
    var questions: [Ticket] = []
}

/// Users to be read from the store in one step.
package struct Load: Sendable {
    package let users: [UserID]
    /// The token of the claim under which it was made: a reply that comes under a later one is
    /// void.
    package let token: OwnerToken
    /// The commits that the store had acknowledged when the load was made: it must still have them.
    let acknowledged: CommitNumber
}

extension PartitionEngine {
    /// The next load to be sent, or nil if none is wanted or enough are on their way. Beside others
    /// only full ones are sent: a small one costs the store more for each user.
    package mutating func nextLoad() -> Load? {
        guard phase == .owned, !loadQueue.isEmpty,
            loadsInFlight.isEmpty || loadQueue.count >= settings.loadUserLimit,
            loadsInFlight.count < settings.loadsInFlightLimit,
            leavingCount < settings.leavingLimit, let token
        else { return nil }
        let count = min(loadQueue.count, settings.loadUserLimit)
        let load = Load(
            users: Array(loadQueue.prefix(count)), token: token, acknowledged: acknowledged)
        loadQueue.removeFirst(count)
        loadsInFlight.append(load)
        counters.loads += 1
        return load
    }

    /// The oldest load on its way was answered, with what the store said of the partition at that
    /// moment. Nil: it was not to be trusted, and everything was dropped. Otherwise its users, each
    /// of which must now be handed over with `install`, in any order.
    package mutating func loaded(owner: OwnerToken?, number: CommitNumber) -> Load? {
        precondition(phase == .owned && !loadsInFlight.isEmpty, "a reply belongs to a load")
        let load = loadsInFlight.removeFirst()
        guard owner == nil || owner == token else {
            refuse(.fenced)
            return nil
        }
        // No owner at all: the store has lost even the claim.
        guard owner != nil, number >= load.acknowledged else {
            refuse(.rolledBack)
            return nil
        }
        return load
    }

    /// Makes a loaded user resident: `applied` is the first offset that its states do not include
    /// (0 if nothing is stored), `states` hands each stored state to its argument, `stateCount` is
    /// about how many they are, to make room once. Then the user's parked events are applied.
    package mutating func install(
        _ user: UserID, applied: Offset, stateCount: Int = 0, now: Instant,
        states: (_ add: (ChannelID, borrowing ReadState) -> Void) -> Void
    ) {
        guard let index = loading.removeValue(forKey: user) else {
            preconditionFailure("only users that were asked for are installed")
        }
        let slot = cache.insert(user)
        if stateCount > 0 { cache.reserve(stateCount, at: slot) }
        states { channel, state in
            cache.load(state, channel: channel, into: slot)
            counters.loadedStates += 1
        }
        counters.loadedUsers += 1
        if applied > next {
            ahead[slot] = applied
            cache.setAhead(slot, true)
        }
        var events = loadingUsers[index].events
        let first = applied
        while let (event, entries) = parked.take(from: &events) {
            if event.offset < first {
                counters.alreadyIncluded += 1
            } else {
                apply(event, entries: entries.span, to: slot, now: now)
            }
        }
        for ticket in loadingUsers[index].questions { questions.makeReady(ticket) }
        loadingUsers[index] = LoadingUser()
        loadingFree.append(index)
    }

    /// Ends a run of `install`: makes room for what came in.
    package mutating func loadsInstalled() { makeRoom() }

    /// Evicts, but where questions have what they waited for they are answered first (`nextAnswer`
    /// makes room then): users that do not fit together would otherwise push each other out,
    /// unanswered, and be loaded again for ever.
    mutating func makeRoom() {
        if !questions.hasReady { evict() }
    }

    /// The connection for loads broke: what was asked for is asked for again.
    package mutating func cancelLoads() {
        for load in loadsInFlight.reversed() {
            loadQueue.insert(contentsOf: load.users, at: 0)
        }
        loadsInFlight.removeAll()
    }

    /// The place of a user on its way in; asks for it if nobody did yet.
    mutating func requestLoad(of user: UserID) -> Int {
        // Looked up and entered in one step: hashing the user is most of the cost.
        let free = loadingFree.last ?? loadingUsers.count
        let index = loading.enter(user, at: free)
        guard index == free else { return index }
        if loadingFree.popLast() == nil { loadingUsers.append(LoadingUser()) }
        loadQueue.append(user)
        return index
    }

    /// Nobody is on its way any more. Questions that waited go back in line: who is not resident
    /// when their turn comes is asked for again.
    mutating func forgetLoads() {
        for user in loadingUsers {
            for ticket in user.questions { questions.makeReady(ticket) }
        }
        loading.removeAll()
        loadingUsers.removeAll()
        loadingFree.removeAll()
        loadQueue.removeAll()
        loadsInFlight.removeAll()
    }
}

extension [UserID: Int] {
    /// Where the user is; `free` if it was not in here and now is.
    fileprivate mutating func enter(_ user: UserID, at free: Int) -> Int {
        func keep(_ index: inout Int) -> Int { index }
        return keep(&self[user, default: free])
    }
}
