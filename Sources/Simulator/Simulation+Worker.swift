// A worker's turn: it takes one thing that came to it (a message of the group, replies, records,
// requests), then carries out what its engines want. Between any two effects it may die.

import ReadStateCore

extension Simulation {
    func turn(_ worker: Worker) {
        guard worker.startsAt == nil, worker.pausedUntil <= step else { return }
        worker.effectsLeft = strikes(.crash) ? random.below(6) : .max
        let kinds = 7
        let first = random.below(kinds)
        for kind in 0..<kinds where take((first + kind) % kinds, worker) { break }
        for station in worker.stations where !worker.isDead { pump(station, worker) }
        if worker.isDead || worker.effectsLeft != .max { bury(worker) }
    }

    /// Before each effect: false if the worker dies instead.
    func effect(_ worker: Worker) -> Bool {
        if worker.isDead { return false }
        if worker.effectsLeft == 0 {
            worker.isDead = true
            return false
        }
        if worker.effectsLeft != .max { worker.effectsLeft -= 1 }
        return true
    }

    /// Takes one thing of a kind, if there is one.
    private func take(_ kind: Int, _ worker: Worker) -> Bool {
        switch kind {
        case 0:
            guard !worker.inbox.isEmpty else { return false }
            handle(worker.inbox.removeFirst(), worker)
            return true
        case 1: return takeCommitReplies(worker)
        case 2: return takeLoadReplies(worker)
        case 3, 4: return read(worker.stations[random.below(worker.stations.count)], worker)
        case 5: return pop(worker)
        default: return takeDeadLetterAck(worker)
        }
    }

    private func handle(_ message: GroupMessage, _ worker: Worker) {
        trace("worker \(worker.index) is told \(message)")
        switch message {
        case .assign(let partition):
            let station = worker.stations[partition]
            station.isAssigned = true
            station.isRevoking = false
            station.mayClaimAt = now
        case .revoke(let partition, let gift):
            let station = worker.stations[partition]
            guard station.isAssigned else { return givenUp(partition, gift: gift) }
            station.isRevoking = true
            station.gift = gift
            let budget = isQuiet || random.chance(500) ? 100_000 : random.below(2_000)
            station.flushDeadline = now.advanced(byMilliseconds: Int64(budget))
            if station.engine.phase == .owned { station.engine.flush() }
        case .lost(let partition):
            if worker.stations[partition].isAssigned { letGo(worker.stations[partition], worker) }
        }
    }

    /// Carries out all that an engine wants.
    private func pump(_ station: Station, _ worker: Worker) {
        if station.isAssigned {
            if station.isRevoking {
                let isDone = station.engine.phase != .owned || station.engine.isFlushed
                if isDone || station.flushDeadline <= now {
                    letGo(station, worker)
                    givenUp(station.partition, gift: station.gift)
                }
            } else {
                claim(station, worker)
            }
        }
        while let load = station.engine.nextLoad() { send(load, station, worker) }
        while let commit = station.engine.nextCommit(now: now) { send(commit, station, worker) }
        answerAll(station, worker)
        checkBounds(station)
    }

    private func letGo(_ station: Station, _ worker: Worker) {
        trace("worker \(worker.index) lets \(station.partition) go")
        station.isAssigned = false
        station.isRevoking = false
        station.startAt = nil
        station.isRefused = false
        forgetLetters(station, worker)
        giveBack(station.engine.letGo(), station.partition, worker)
    }

    /// The engine dropped everything.
    func drop(_ station: Station, _ refusal: Refusal) {
        trace("partition \(station.partition) is dropped: \(refusal)")
        station.engine.refuse(refusal)
        station.isRefused = true
        dropped(station)
    }

    func dropped(_ station: Station) {
        station.startAt = nil
        let pause = station.engine.claimNeed == .afterPause ? 500 : 0
        station.mayClaimAt = now.advanced(byMilliseconds: Int64(pause))
    }

    // MARK: Claims

    private func claim(_ station: Station, _ worker: Worker) {
        if let start = station.startAt, station.engine.phase == .claimed {
            if isQuiet || random.chance(700) { begin(station, at: start) }
            return
        }
        guard now >= station.mayClaimAt else { return }
        switch station.engine.claimNeed {
        case .none: return
        case .now, .afterPause: break
        case .afterConfirmation:
            if owner[station.partition] != worker.index { return }
            station.engine.allowClaim()
        }
        guard !worker.commits.isBroken, effect(worker) else { return }
        let token = freshToken()
        station.startAt = nil
        station.engine.claimSent(token)
        station.unanswered.append(token)
        trace("worker \(worker.index) claims \(station.partition)")
        worker.commits.send(
            Request(
                partition: station.partition, token: token, body: .claim(inRedis(token, worker))))
    }

    /// The token that Redis sees: the engine's, unless a bug is planted.
    func inRedis(_ token: OwnerToken, _ worker: Worker) -> OwnerToken {
        guard options.planted == .sameTokenAgain else { return token }
        return OwnerToken(high: 1, low: UInt64(worker.index))
    }

    func claimed(
        _ token: OwnerToken, _ stored: StoredClaim, _ station: Station, _ worker: Worker
    ) {
        guard station.engine.awaits(token) else { return }
        station.isRefused = false
        var stored = stored
        switch options.planted {
        case .sameTokenAgain:
            if let own = station.token, stored.owner == inRedis(own, worker) { stored.owner = own }
        case .keepCacheAfterOther:
            if let own = station.token, stored.owner != nil { stored.owner = own }
        case .unansweredClaimTrusted:
            if let own = station.token, let owner = stored.owner,
                station.unanswered.contains(owner)
            {
                stored.owner = own
            }
        default: break
        }
        let outcome = station.engine.claimed(token, stored)
        station.token = token
        station.unanswered = []
        trace("worker \(worker.index) has \(station.partition): \(outcome)")
        switch outcome {
        case .resume(let next):
            station.readAt = next.rawValue
        case .restart(let position):
            let start = position ?? Offset(logStart[station.partition])
            // Where nothing is stored any more, only the whole log will do.
            if start.rawValue < logStart[station.partition] || (position == nil && start > .zero) {
                isUnreachable[station.partition] = true
                return drop(station, .log)
            }
            station.startAt =
                options.planted == .startOneTooFar && position != nil ? start.next : start
        }
    }

    private func begin(_ station: Station, at start: Offset) {
        station.startAt = nil
        station.readAt = start.rawValue
        station.engine.start(at: start, now: now)
    }

    // MARK: The log

    private func read(_ station: Station, _ worker: Worker) -> Bool {
        let partition = station.partition
        guard station.isAssigned, station.engine.wantsEvents, station.failedLetters.isEmpty,
            station.readAt < logEnd[partition]
        else { return false }
        guard station.readAt >= logStart[partition] else {
            isUnreachable[partition] = true
            drop(station, .log)
            return true
        }
        var from = station.readAt
        if strikes(.redelivery) { from = max(logStart[partition], from - Int64(random.below(9))) }
        let count = min(1 + random.below(plan.batchLimit), Int(logEnd[partition] - from))
        batch.removeAll()
        var offset = from
        let end = from + Int64(count)
        while offset < end, !batch.isFull {
            deliver(partition, offset, station, worker)
            offset += 1
            // Again, inside of the same batch.
            if offset - from > 1, !batch.isFull, strikes(.redelivery) {
                deliver(partition, offset - 2, station, worker)
            }
        }
        guard effect(worker) else { return true }
        trace("worker \(worker.index) applies \(partition): \(from)..<\(offset)")
        station.engine.apply(
            batch, upTo: Offset(offset), lastRecord: fingerprint(partition, offset - 1), now: now)
        station.readAt = max(station.readAt, offset)
        return true
    }

    private func deliver(_ partition: Int, _ offset: Int64, _ station: Station, _ worker: Worker) {
        trace("  record \(offset): \(truths[partition].records[Int(offset)].content)")
        switch truths[partition].records[Int(offset)].content {
        case .event(let event):
            guard let range = event.entryRange else { return batch.append(event) }
            let first = batch.entries.count
            let list = Int(range.start)..<Int(range.start + range.count)
            batch.entries += truths[partition].entries[list]
            batch.append(
                event.with(EntryRange(start: UInt32(first), count: range.count)))
        case .bad:
            guard Offset(offset) >= station.engine.next else { return }
            station.engine.deadLetter(at: Offset(offset))
            worker.deadLetters.append((partition, offset))
            if options.planted == .deadLetterNotAwaited {
                station.engine.deadLetterStored(Offset(offset))
            }
        case .tombstone:
            if options.planted != .tombstoneUncounted { skipped[partition].insert(offset) }
        }
    }

    /// A dead letter is in its topic, or cannot be produced now: then it is tried again, and its
    /// partition is not read on meanwhile.
    private func takeDeadLetterAck(_ worker: Worker) -> Bool {
        guard !worker.deadLetters.isEmpty else { return false }
        let (partition, offset) = worker.deadLetters.removeFirst()
        let station = worker.stations[partition]
        if strikes(.deadLetterFailed) {
            trace("partition \(partition) stops: its letter \(offset) cannot be produced")
            station.failedLetters.insert(offset)
            worker.deadLetters.append((partition, offset))
            return true
        }
        stored[partition].insert(offset)
        station.failedLetters.remove(offset)
        if effect(worker) { station.engine.deadLetterStored(Offset(offset)) }
        return true
    }

    /// Whoever produces the letters forgets those of a partition that was let go; what is already
    /// on its way may still be acknowledged.
    private func forgetLetters(_ station: Station, _ worker: Worker) {
        worker.deadLetters.removeAll {
            $0.partition == station.partition
                && (station.failedLetters.contains($0.offset) || random.chance(500))
        }
        station.failedLetters.removeAll()
    }
}
