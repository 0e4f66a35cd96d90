// Claims: how a worker takes a partition, and when its cache survives. The rules are those of
// docs/model/Commit.tla (Claim, Cut): the cache is kept only if nobody else took the partition
// since (the store still has a token of ours) and the store lost nothing that it had acknowledged.

extension PartitionEngine {
    /// A claim with a fresh token goes out: on assignment, and on every new connection for commits.
    package mutating func claimSent(_ token: OwnerToken) {
        precondition(token != self.token && token != awaited, "a token is used once")
        cancelLoads()
        // What was claimed but not started has no states that could be kept.
        if phase == .claimed { self.token = nil }
        awaited = token
        phase = .claiming
    }

    /// The claim with `newToken` was carried out; `stored` is what the store held before it.
    ///
    /// Only the token of the last claim that was answered tells that nobody came between. That of a
    /// claim without an answer does not: its request may be carried out late, after another worker
    /// took the partition and committed, and then hides that worker's token behind one of ours.
    package mutating func claimed(_ newToken: OwnerToken, _ stored: StoredClaim) -> ClaimOutcome {
        precondition(awaits(newToken), "one claim at a time")
        // Only a token whose claim was answered counts as ours: behind a claim whose answer was
        // lost, another worker may have come, committed and been replaced unseen.
        let isOurs = token != nil && stored.owner == token
        if isOurs, stored.number >= acknowledged || settings.fault == .keepCacheAfterRollback {
            settleInFlight(upTo: stored.number)
            token = newToken
            awaited = nil
            phase = .owned
            counters.claimsKept += 1
            return .resume(at: next)
        }
        // Commit numbers only grow, whoever commits: the store has lost some of them.
        if token != nil, stored.number < acknowledged { counters.rolledBack += 1 }
        dropStates()
        token = newToken
        acknowledged = stored.number
        lastNumber = stored.number
        storedPosition = stored.position ?? .zero
        lastRecord = stored.fingerprint
        // A keyspace without a position holds no states: nobody needs to be loaded.
        whole = stored.position == nil && stored.number == .zero
        phase = .claimed
        counters.claimsFresh += 1
        return .restart(at: stored.position)
    }

    /// The log continues at `offset`: the stored position, or the log's beginning where there is
    /// none.
    package mutating func start(at offset: Offset, now: Instant) {
        precondition(phase == .claimed, "a start follows a claim")
        next = offset
        storedPosition = offset
        lastCommitTime = now
        phase = .owned
    }

    /// The group has confirmed that a fenced partition is ours: it may be claimed again.
    package mutating func allowClaim() {
        precondition(phase == .refused(.fenced), "only who was fenced needs to be allowed")
        phase = .unclaimed
    }

    /// The connection for commits broke: what was on its way may or may not have been carried out,
    /// so nothing is done until a new claim tells.
    package mutating func connectionLost() {
        guard phase == .owned || phase == .claiming || phase == .claimed else { return }
        cancelLoads()
        if phase == .claimed { token = nil }
        phase = .unclaimed
    }

    /// The partition is let go (revoked). The cache stays, in case the partition comes back before
    /// anyone else took it; the questions go back to where they came from. With dead letters open
    /// nothing stays: whoever produces them forgets them now, and a kept cache would never come to
    /// their records again.
    package mutating func letGo() -> [Ticket] {
        cancelLoads()
        isFlushing = false
        if phase != .owned || deadLetters.count > 0 { dropStates() }
        phase = .unclaimed
        return questions.takeAll()
    }

    /// After a claim that kept the cache: commits that the store has are done, those above are lost
    /// and must be written again, each user whole, since nobody knows which fields are in the
    /// store.
    private mutating func settleInFlight(upTo number: CommitNumber) {
        while let first = inFlight.first,
            first.number <= number || settings.fault == .lostCommitForgotten
        {
            inFlight.removeFirst()
            finish(first)
        }
        for commit in inFlight {
            for user in commit.users {
                if hasVanished(user) { continue }
                cache.markRewrite(user.slot)
                lost.append(user)
            }
        }
        inFlight.removeAll()
        acknowledged = number
        lastNumber = number
    }
}
