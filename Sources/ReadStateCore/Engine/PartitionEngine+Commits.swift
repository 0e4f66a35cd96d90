// Commits: dirty users go to the store in small batches, each in one step with the partition's
// position. A user is due a flush interval after it became dirty, or when it is to leave the cache;
// where many are due together, some are committed before (`FlushPace`). Every commit names the one
// before it (docs/model: Commit, Execute, Reply), so that after any loss all later ones are refused
// too.

/// A user of a commit.
package struct CommitUser: Sendable {
    package let user: UserID
    /// Its place in the cache, good until the commit is settled: a user being committed stays.
    let slot: UserSlot
    /// The oldest change that the commit carries.
    let firstChange: Offset
    /// The stored hash is to be replaced, not added to.
    package let rewrites: Bool
}

/// One atomic write: dirty users of one partition with that partition's position.
package struct Commit: Sendable {
    package let token: OwnerToken
    package let previous: CommitNumber
    package let number: CommitNumber
    package let users: [CommitUser]
    /// The first offset that the users' states do not include.
    package let applied: Offset
    package let position: Offset
    package let fingerprint: RecordFingerprint?
    /// The oldest change it carries: if it is lost, the position falls back to here.
    let oldestChange: Offset
}

extension PartitionEngine {
    /// The next commit to be sent, or nil if nothing is due or enough are on their way. What it
    /// carries must be taken with `takeChanges` at once, before anything else happens to the
    /// engine.
    package mutating func nextCommit(now: Instant) -> Commit? {
        guard phase == .owned, inFlight.count < settings.commitsInFlightLimit, let token else {
            return nil
        }
        var users: [CommitUser] = []
        var states = 0
        collectLost(into: &users, states: &states)
        collectLeaving(into: &users, states: &states)
        collectDue(into: &users, states: &states, now: now)
        guard !users.isEmpty || wantsPositionOnly(now: now) else { return nil }
        let commit = Commit(
            token: token, previous: lastNumber, number: lastNumber.next, users: users,
            applied: next, position: uncommittedPosition, fingerprint: lastRecord,
            oldestChange: users.reduce(next) { min($0, $1.firstChange) })
        lastNumber = commit.number
        lastCommitTime = now
        inFlight.append(commit)
        counters.commits += 1
        counters.committedUsers += UInt64(users.count)
        return commit
    }

    /// Hands over what a commit writes of one of its users: each changed state, or all of them
    /// where the stored hash is replaced.
    package mutating func takeChanges(
        of user: CommitUser, _ body: (ChannelID, borrowing ReadState) -> Void
    ) {
        cache.takeChanges(user.slot, body)
    }

    /// The oldest commit on its way was carried out.
    package mutating func committed(_ number: CommitNumber) {
        precondition(phase == .owned && inFlight.first?.number == number, "acks come in order")
        acknowledged = number
        finish(inFlight.removeFirst())
        evict()
    }

    /// From now on everything dirty is due: the partition is about to be let go.
    package mutating func flush() {
        isFlushing = true
    }

    /// Whether the store holds everything that was applied, and the position says so.
    package var isFlushed: Bool {
        cache.dirtyCount == 0 && lost.isEmpty && inFlight.isEmpty
            && storedPosition == uncommittedPosition
    }

    /// A commit that the store has carried out: its users may leave.
    mutating func finish(_ commit: Commit) {
        storedPosition = commit.position
        for user in commit.users {
            if hasVanished(user) { continue }
            cache.endCommit(user.slot)
            guard cache.isLeaving(user.slot) else { continue }
            if cache.isDirty(user.slot) {
                queueLeaving(user.user)
            } else {
                leavingCount -= 1
                drop(user.slot)
            }
        }
    }

    /// Lets users go until the rest fits. A clean user leaves at once, a dirty one when its commit
    /// is acknowledged: never when it is merely sent.
    mutating func evict() {
        while leavingCount < settings.leavingLimit, isOverCapacity {
            guard let slot = cache.chooseLeaving() else { return }
            if settings.fault != nil { applyEvictionFault(slot) }
            let isDirty = cache.isDirty(slot)
            if !isDirty && !cache.isCommitting(slot) {
                drop(slot)
                continue
            }
            leavingCount += 1
            if isDirty && !cache.isCommitting(slot) { queueLeaving(cache.user(at: slot)) }
        }
    }

    /// Lines a user up for its last commit. One that was used again meanwhile, and left again, is
    /// in line twice; before that makes the line long, it is cleared of all who need not be in it.
    private mutating func queueLeaving(_ user: UserID) {
        if leaving.count >= 2 * settings.leavingLimit {
            var seen: Set<UserID> = []
            leaving.removeAll { user in
                guard let slot = cache.find(user), cache.isLeaving(slot), cache.isDirty(slot),
                    !cache.isCommitting(slot)
                else { return true }
                return !seen.insert(user).inserted
            }
        }
        leaving.append(user)
    }

    /// Whether the cache holds too much, users on their way out not counted (taken as average
    /// ones). One user may stay however large it is: otherwise each of its events would load it
    /// again.
    private var isOverCapacity: Bool {
        let users = cache.userCount
        guard users > leavingCount + 1 else { return false }
        func exceeds(_ size: Int, _ limit: Int) -> Bool {
            size > limit && size - size / users * leavingCount > limit
        }
        return exceeds(cache.chargedBytes, capacity.bytes)
            || exceeds(cache.stateCount, capacity.states)
    }

    private mutating func drop(_ slot: UserSlot) {
        if cache.isAhead(slot) { ahead[slot] = nil }
        cache.remove(slot)
        // From here on, who is not resident may have states in the store.
        whole = whole && settings.fault == .wholeAfterEviction
        counters.evictions += 1
    }

    /// Makes a user look as if it could leave, where such a bug is planted.
    private mutating func applyEvictionFault(_ slot: UserSlot) {
        if settings.fault == .evictDirty, cache.isDirty(slot) { _ = cache.beginCommit(slot) }
        if settings.fault == .evictDirty || settings.fault == .evictBeforeAcknowledged,
            !cache.isDirty(slot), cache.isCommitting(slot)
        {
            cache.endCommit(slot)
        }
    }

    /// Whether a user of a commit is not where it must be: only where a bug is planted.
    func hasVanished(_ user: CommitUser) -> Bool {
        settings.fault != nil
            && (cache.find(user.user) != user.slot || !cache.isCommitting(user.slot))
    }

    private func isFull(_ users: [CommitUser], _ states: Int) -> Bool {
        users.count >= settings.commitUserLimit || states >= settings.commitStateLimit
    }

    /// Users of lost commits come first: they hold the position back most.
    private mutating func collectLost(into users: inout [CommitUser], states: inout Int) {
        var taken = 0
        while taken < lost.count, !isFull(users, states) {
            let again = lost[taken]
            taken += 1
            if hasVanished(again) { continue }
            if cache.isDirty(again.slot) { _ = cache.beginCommit(again.slot) }
            add(again.user, again.slot, firstChange: again.firstChange, to: &users, &states)
        }
        lost.removeFirst(taken)
    }

    /// Users that are to leave. While something is on its way, only full commits of them are sent:
    /// a small call costs the store more for each user.
    private mutating func collectLeaving(into users: inout [CommitUser], states: inout Int) {
        guard inFlight.isEmpty || leaving.count >= settings.commitUserLimit else { return }
        var taken = 0
        while taken < leaving.count, !isFull(users, states) {
            let user = leaving[taken]
            taken += 1
            guard let slot = cache.find(user), cache.isLeaving(slot), cache.isDirty(slot),
                !cache.isCommitting(slot)
            else { continue }
            let first = cache.beginCommit(slot)
            add(user, slot, firstChange: first, to: &users, &states)
        }
        leaving.removeFirst(taken)
    }

    /// Users who are due, oldest change first, and with them those who will be soon.
    private mutating func collectDue(
        into users: inout [CommitUser], states: inout Int, now: Instant
    ) {
        guard let oldest = cache.oldestDirty else { return }
        var newest = now.advanced(byMilliseconds: settings.flushLead - settings.flushInterval)
        if isFlushing {
            newest = .distantFuture
        } else if users.isEmpty,
            now < cache.dirtySince(oldest).advanced(byMilliseconds: settings.flushInterval)
        {
            guard wantsEarlyCommit(now: now) else { return }
            newest = .distantFuture
        }
        let others = users.count
        // A user whose earlier commit is still on its way waits for it; so do those behind it.
        while !isFull(users, states), let slot = cache.oldestDirty,
            cache.dirtySince(slot) <= newest, !cache.isCommitting(slot)
        {
            let first = cache.beginCommit(slot)
            add(cache.user(at: slot), slot, firstChange: first, to: &users, &states)
        }
        pace.take(users.count - others)
    }

    /// Whether a full commit is sent before anybody is due. A partition where that would hold more
    /// than will be due soon has nothing to spread.
    private mutating func wantsEarlyCommit(now: Instant) -> Bool {
        let full = settings.commitUserLimit
        guard cache.dirtyCount >= full else {
            pace.stop()
            return false
        }
        pace.advance(to: now, most: full * settings.commitsInFlightLimit)
        if pace.isOld(at: now, of: settings.flushInterval) {
            pace.set(cache.dirtyAges.rate(at: now), at: now)
        }
        if pace.rate * Double(settings.flushLead) < Double(full) { pace.stop() }
        return pace.credit >= Double(full)
    }

    /// When the next of the commits that are spread over time may be sent; nil if none are. Asked
    /// later, several would be sent at once, and everybody else of the store would wait for them.
    package var nextEarlyCommit: Instant? {
        guard phase == .owned, cache.dirtyCount >= settings.commitUserLimit else { return nil }
        return pace.moment(allowing: settings.commitUserLimit)
    }

    private mutating func add(
        _ user: UserID, _ slot: UserSlot, firstChange: Offset, to users: inout [CommitUser],
        _ states: inout Int
    ) {
        users.append(
            CommitUser(
                user: user, slot: slot, firstChange: firstChange,
                rewrites: cache.needsRewrite(slot)))
        states += cache.changedStateCount(slot)
    }

    /// Nothing is dirty, but the position moved on: it is written now and then, so that a restart
    /// does not read again what changed nothing.
    private func wantsPositionOnly(now: Instant) -> Bool {
        guard inFlight.isEmpty, storedPosition < uncommittedPosition else { return false }
        let due = lastCommitTime.advanced(byMilliseconds: settings.flushInterval)
        return due <= now || (isFlushing && cache.dirtyCount == 0 && lost.isEmpty)
    }
}
