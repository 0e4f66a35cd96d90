// The group: who is told to have which partition. It believes what it is told, late: a worker that
// does not answer is taken for dead and its partitions are given to others, while it may still
// think that they are its own.

import ReadStateCore

extension Simulation {
    func give(_ partition: Int, to worker: Int) {
        owner[partition] = worker
        target[partition] = nil
        gifts[partition] += 1
        // Nobody is told while dead: the new process asks for what it owns.
        if workers[worker].startsAt == nil { workers[worker].inbox.append(.assign(partition)) }
        trace("partition \(partition) goes to worker \(worker)")
    }

    /// One partition is asked back, to be given to anybody, its owner included.
    func move(_ partition: Int) {
        guard owner[partition] >= 0, target[partition] == nil else { return }
        let from = workers[owner[partition]]
        let to = random.below(workers.count)
        if from.startsAt != nil { return give(partition, to: to) }
        target[partition] = to
        from.inbox.append(.revoke(partition, gift: gifts[partition]))
    }

    /// A worker has given up a partition as it was asked to.
    func givenUp(_ partition: Int, gift: Int) {
        guard gifts[partition] == gift, let to = target[partition] else { return }
        give(partition, to: to)
    }

    /// The group takes a worker for dead.
    func expireSession(of worker: Worker) {
        for partition in 0..<plan.partitions where owner[partition] == worker.index {
            if worker.startsAt == nil { worker.inbox.append(.lost(partition)) }
            give(partition, to: random.below(workers.count))
        }
    }

    /// A new process joins under an old name, and gets what nobody else was given meanwhile.
    func begin(_ worker: Worker) {
        worker.begin(plan, options.planted?.inEngine)
        connections.append(worker.commits)
        connections.append(worker.loads)
        for partition in 0..<plan.partitions where owner[partition] == worker.index {
            give(partition, to: target[partition] ?? worker.index)
        }
    }

    /// A worker is no more: its requests may still be on their way.
    func bury(_ worker: Worker) {
        trace("worker \(worker.index) dies")
        harvest(worker)
        cut(worker.commits)
        cut(worker.loads)
        for index in queries.indices where queries[index].holder == worker.index {
            queries[index].holder = nil
            queries[index].isLost = true
        }
        worker.stations.removeAll()
        worker.inbox.removeAll()
        worker.isDead = false
        worker.effectsLeft = .max
        worker.startsAt = step + random.below(200)
        if random.chance(500) { expireSession(of: worker) }
    }

    /// The connection breaks. Some of its requests are lost, from the end; the others may still be
    /// carried out, at any time.
    func cut(_ connection: Connection) {
        connection.cut(keeping: random.below(connection.requestCount + 1))
    }
}
