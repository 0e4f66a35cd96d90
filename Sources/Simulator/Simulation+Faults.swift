// The faults that strike from outside, each with its weight, in every step while faults last.

import ReadStateCore

extension Simulation {
    func applyFaults() {
        wakeUp()
        if strikes(.rebalanceCooperative) { move(random.below(plan.partitions)) }
        if strikes(.rebalanceEager) {
            for partition in 0..<plan.partitions { move(partition) }
        }
        if strikes(.sessionExpired) { expireSession(of: anyone()) }
        if strikes(.pause) { pause(anyone()) }
        if strikes(.cutCommits) { cut(anyone().commits) }
        if strikes(.cutLoads) { cut(anyone().loads) }
        if strikes(.noScript) { knowsScripts = false }
        if strikes(.restart) { restartRedis() }
        if strikes(.rollback) { loseWrites() }
        if strikes(.clockJump) { now = now.advanced(byMilliseconds: Int64(random.below(100_000))) }
        if plan.weights[.logStartMoved] > 0, strikes(.logStartMoved) { moveLogStart() }
    }

    /// The end of all faults: everybody is woken up and started.
    func calmDown() {
        isQuiet = true
        if cutsAt != nil { cutAll() }
        for worker in workers {
            worker.pausedUntil = 0
            worker.effectsLeft = .max
            if worker.startsAt != nil { begin(worker) }
        }
        for partition in 0..<plan.partitions { logEnd[partition] = truths[partition].end }
    }

    private func anyone() -> Worker { workers[random.below(workers.count)] }

    private func wakeUp() {
        if let at = cutsAt, at <= step {
            cutAll()
            cutsAt = nil
        }
        for worker in workers {
            if let start = worker.startsAt, start <= step { begin(worker) }
        }
    }

    private func pause(_ worker: Worker) {
        trace("worker \(worker.index) stands still")
        worker.pausedUntil = step + random.below(400)
        if random.chance(600) { expireSession(of: worker) }
    }

    private func restartRedis() {
        trace("Redis restarts")
        knowsScripts = false
        for connection in connections where !connection.isBroken { cut(connection) }
        if random.chance(300), plan.weights[.rollback] > 0 {
            tally.count(.rollback)
            loseWrites()
        }
    }

    /// Some of the newest writes are gone; sometimes more of them at once after that.
    private func loseWrites() {
        repeat {
            let most = random.chance(100) ? redis.depth : min(redis.depth, 1 + random.below(8))
            let lost = random.below(most + 1)
            trace("Redis loses \(lost) writes")
            redis.rollBack(to: redis.depth - lost)
            if random.chance(300) { cutAll() }
        } while random.chance(200)
        // A server that lost writes was restarted or replaced: its connections break, if not at
        // once.
        cutsAt = step + random.below(400)
    }

    private func cutAll() {
        for worker in workers {
            cut(worker.commits)
            cut(worker.loads)
        }
    }

    /// The log's start moves, up to its end at most.
    private func moveLogStart() {
        let partition = random.below(plan.partitions)
        let length = Int(logEnd[partition] - logStart[partition])
        logStart[partition] += Int64(random.below(length + 1))
        trace("log of \(partition) starts at \(logStart[partition])")
    }
}
