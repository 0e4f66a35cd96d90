// The checkers. After every commit: the stored users are the fold up to their applied offsets, the
// position passes nothing that is not stored, the committer was the owner. Now and then, for a
// cache: it is the fold, to the last state. At the end: everything is stored, answered and
// accounted for.

import ReadStateCore

extension Simulation {
    // MARK: The store

    /// A commit was carried out.
    func check(_ write: CommitWrite, _ partition: Int, after before: PartitionStore) {
        if before.owner != write.token {
            fail(
                "commit \(write.number.rawValue) of \(partition) by a worker that is not the owner")
        }
        let from = before.position?.rawValue ?? 0
        let to = write.position.rawValue
        if to < from { fail("position of \(partition) goes back from \(from) to \(to)") }
        if to > truths[partition].end { return fail("position \(to) is beyond the log") }
        checkUsers(write.users[...], partition)
        if from < to { checkCovered(partition, from..<to) }
    }

    /// Every user of a commit is stored as the fold up to its applied offset.
    func checkUsers(_ users: ArraySlice<UserWrite>, _ partition: Int) {
        for user in users { checkStored(user.user, partition) }
    }

    private func checkStored(_ id: UserID, _ partition: Int) {
        guard let stored = redis.partitions[partition].users[id],
            let applied = StoredForm.applied(stored.header)
        else { return fail("user \(id.rawValue) is stored without an applied offset") }
        var count = 0
        for channel in truths[partition].user(id)?.channels ?? [] {
            let right = Truth.state(channel, below: applied.rawValue)
            let bytes = stored.fields[channel.id.rawValue]
            if bytes != nil { count += 1 }
            let found = bytes.flatMap { StoredForm.decode($0) }
            if found != right {
                let text = "user \(id.rawValue) channel \(channel.id.rawValue) is stored as "
                fail(
                    text + "\(found as Any) at \(applied.rawValue), not \(right as Any)")
            }
        }
        if count != stored.fields.count {
            fail("user \(id.rawValue) has a channel too many stored")
        }
    }

    /// What lies below the position is stored, dead-lettered or counted.
    private func checkCovered(_ partition: Int, _ range: Range<Int64>) {
        for offset in range {
            switch truths[partition].records[Int(offset)].content {
            case .event(let event):
                guard truths[partition].changes[Int(offset)] else { continue }
                let header = redis.partitions[partition].users[event.user]?.header ?? []
                if StoredForm.applied(header)?.rawValue ?? 0 <= offset {
                    fail("position of \(partition) passes \(offset), which is not stored")
                }
            case .bad:
                if !stored[partition].contains(offset) {
                    fail("position of \(partition) passes the dead letter at \(offset)")
                }
            case .tombstone:
                if !skipped[partition].contains(offset) {
                    fail("the skipped record \(offset) of \(partition) is not accounted for")
                }
            }
        }
    }

    // MARK: Caches

    /// One worker's cache, zombies included, is the fold.
    func checkSomeCache() {
        let worker = workers[random.below(workers.count)]
        guard !worker.stations.isEmpty else { return }
        check(cacheOf: worker.stations[random.below(worker.stations.count)])
    }

    private func check(cacheOf station: Station) {
        let truth = truths[station.partition]
        station.engine.forEachResident { user, applied in
            var count = 0
            station.engine.forEachState(of: user) { channel, state in
                let copy = copy state
                if copy.isDefault { return }
                count += 1
                let right = truth.state(user, channel, below: applied.rawValue)
                if copy != right {
                    fail(
                        "user \(user.rawValue) channel \(channel.rawValue) is held as \(copy) "
                            + "at \(applied.rawValue), not \(right as Any)")
                }
            }
            var rightCount = 0
            for channel in truth.user(user)?.channels ?? []
            where Truth.state(channel, below: applied.rawValue) != nil {
                rightCount += 1
            }
            if count != rightCount {
                fail("user \(user.rawValue) is held with \(count) states, not \(rightCount)")
            }
        }
    }

    /// What an engine holds stays within its bounds, after every turn.
    func checkBounds(_ station: Station) {
        let settings = plan.settings
        let mostOfUser = max(plan.channels, plan.mostChannels) + 5
        // Beside the capacity: one user, users that leave, and what one batch and the loads on
        // their way bring.
        let loads = settings.loadsInFlightLimit * settings.loadUserLimit
        let users = min(1 + settings.leavingLimit + loads, plan.users + 10)
        let limit = plan.capacity.states
        let most = users * mostOfUser + plan.batchLimit * 5
        if limit != .max, station.engine.residentStates > limit + most {
            fail("\(station.engine.residentStates) states are held, \(limit) are allowed")
        }
        let batchWeight = 8 * plan.batchLimit * 42
        if station.engine.parkedWeight > settings.parkedLimit + batchWeight {
            fail("\(station.engine.parkedWeight) events are parked")
        }
        let lists =
            10 * (plan.users + 10) + 2 * settings.leavingLimit + settings.deadLetterLimit
            + plan.batchLimit + 4 * station.engine.waitingQuestions + 200
        if station.engine.bookkeepingCount > lists {
            fail("an engine's lists hold \(station.engine.bookkeepingCount) entries")
        }
    }

    // MARK: The end

    /// Whether the world has come to rest.
    var isSettled: Bool {
        for partition in 0..<plan.partitions where !isUnreachable[partition] {
            let position = redis.partitions[partition].position ?? .zero
            if position.rawValue < truths[partition].end || !lists[partition].isEmpty {
                return false
            }
        }
        guard sharedList.isEmpty else { return false }
        for query in queries where query.holder != nil && !isUnreachable[query.partition] {
            return false
        }
        return workers.allSatisfy { $0.deadLetters.isEmpty && $0.inbox.isEmpty }
    }

    func whatIsMissing() -> String {
        var text = ""
        for partition in 0..<plan.partitions {
            let store = redis.partitions[partition]
            text += "partition \(partition) of worker \(owner[partition]): stored position "
            text += "\(store.position?.rawValue ?? -1) of \(truths[partition].end), "
            text += "\(lists[partition].count) requests; "
            for worker in workers where worker.startsAt == nil {
                let station = worker.stations[partition]
                text += "worker \(worker.index) \(station.engine.phase) at \(station.readAt) "
                text += "dirty \(station.engine.dirtyUsers) parked \(station.engine.parkedWeight) "
                text += "questions \(station.engine.waitingQuestions) "
                text += "\(station.isAssigned ? "assigned" : "not assigned") "
                text += "\(station.engine.wantsEvents ? "reading" : "not reading") "
                text += "\(station.engine.isFlushing ? "flushing" : "not flushing"); "
            }
        }
        return text
    }

    func checkEnd() {
        for partition in 0..<plan.partitions where !isUnreachable[partition] {
            for user in truths[partition].users { checkFinal(user, partition) }
            checkCovered(partition, 0..<truths[partition].end)
        }
        for (index, query) in queries.enumerated()
        where !query.isDone && !query.isLost && !isUnreachable[query.partition] {
            fail("request \(index) was neither answered nor given back")
        }
        for worker in workers {
            for station in worker.stations {
                check(cacheOf: station)
                checkCapacity(station)
            }
        }
    }

    /// At rest nobody is on the way out any more: the cache is within its capacity, or one user is
    /// larger than all of it.
    private func checkCapacity(_ station: Station) {
        guard station.engine.phase == .owned, station.engine.isFlushed,
            station.engine.residentUsers > 1
        else { return }
        let (states, bytes) = (station.engine.residentStates, station.engine.cacheBytes)
        if states > plan.capacity.states || bytes > plan.capacity.bytes {
            fail("\(states) states in \(bytes) bytes are held at rest, allowed: \(plan.capacity)")
        }
    }

    private func checkFinal(_ user: Truth.User, _ partition: Int) {
        let stored = redis.partitions[partition].users[user.id]
        for channel in user.channels {
            let right = Truth.state(channel, below: truths[partition].end)
            let found = stored?.fields[channel.id.rawValue].flatMap { StoredForm.decode($0) }
            if found != right {
                fail(
                    "user \(user.id.rawValue) channel \(channel.id.rawValue) ends as "
                        + "\(found as Any), not \(right as Any)")
            }
        }
    }
}
