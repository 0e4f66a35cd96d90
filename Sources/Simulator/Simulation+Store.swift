// Between engines and Redis: commits and loads become requests with stored forms as bytes, Redis
// carries them out one by one, replies find their way back, or do not.

import ReadStateCore

extension Simulation {
    // MARK: Requests

    func send(_ commit: Commit, _ station: Station, _ worker: Worker) {
        var users: [UserWrite] = []
        users.reserveCapacity(commit.users.count)
        for user in commit.users {
            var fields: [(channel: UInt64, value: [UInt8])] = []
            station.engine.takeChanges(of: user) { channel, state in
                fields.append((channel.rawValue, StoredForm.encode(state)))
            }
            users.append(
                UserWrite(
                    user: user.user, rewrites: user.rewrites,
                    header: StoredForm.header(commit.applied), fields: fields))
        }
        guard effect(worker) else { return }
        let isTooFar = options.planted == .positionOneTooFar
        let write = CommitWrite(
            token: inRedis(commit.token, worker), previous: commit.previous, number: commit.number,
            position: isTooFar ? commit.applied : commit.position, fingerprint: commit.fingerprint,
            users: users)
        trace(
            "worker \(worker.index) commits \(station.partition) number \(commit.number.rawValue) "
                + "position \(write.position.rawValue) users \(users.map(\.user.rawValue))")
        worker.commits.send(
            Request(
                partition: station.partition, token: commit.token, body: .commit(write)))
    }

    func send(_ load: Load, _ station: Station, _ worker: Worker) {
        guard effect(worker) else { return }
        trace("worker \(worker.index) loads \(station.partition) \(load.users.map(\.rawValue))")
        func send(_ body: StoreRequest) {
            worker.loads.send(
                Request(partition: station.partition, token: load.token, body: body))
        }
        send(.load(load.users))
        if options.planted == .loadInTwoSteps { send(.look) }
    }

    // MARK: Redis

    /// Redis carries out the oldest request of some connection.
    func serve() {
        connections.removeAll { $0.isBroken && !$0.hasRequests }
        let start = random.below(connections.count)
        for index in connections.indices {
            let connection = connections[(start + index) % connections.count]
            guard connection.hasRequests, connection.slowUntil <= step else { continue }
            let request = connection.takeRequest()
            connection.reply(Reply(request: request, body: execute(request)))
            return
        }
    }

    private func execute(_ request: Request) -> StoreReply {
        switch request.body {
        case .load, .look: return redis.execute(request.body, on: request.partition)
        case .claim, .commit: guard knowsScripts else { return .noScript }
        }
        guard case .commit(let write) = request.body else {
            return redis.execute(request.body, on: request.partition)
        }
        let before = redis.partitions[request.partition]
        if !write.users.isEmpty, strikes(.outOfMemory) {
            let count = random.below(write.users.count + 1)
            let reply = redis.fail(write, on: request.partition, after: count)
            if case .failed = reply { checkUsers(write.users.prefix(count), request.partition) }
            return reply
        }
        let reply = redis.execute(request.body, on: request.partition)
        if case .committed = reply { check(write, request.partition, after: before) }
        return reply
    }

    // MARK: Replies

    func takeCommitReplies(_ worker: Worker) -> Bool {
        if worker.commits.isBroken {
            reconnectCommits(worker)
            return true
        }
        guard worker.commits.hasReplies else { return false }
        for _ in 0...random.below(4) where worker.commits.hasReplies && !worker.commits.isBroken {
            let reply = worker.commits.takeReply()
            let station = worker.stations[reply.request.partition]
            handle(reply, station, worker)
        }
        return true
    }

    private func reconnectCommits(_ worker: Worker) {
        trace("worker \(worker.index) connects anew for commits")
        worker.commits = Connection()
        connections.append(worker.commits)
        // A new connection loads the scripts before anything else.
        knowsScripts = true
        for station in worker.stations {
            station.engine.connectionLost()
            station.startAt = nil
        }
    }

    private func handle(_ reply: Reply, _ station: Station, _ worker: Worker) {
        let token = reply.request.token
        if case .claimed(let stored) = reply.body { return claimed(token, stored, station, worker) }
        if case .noScript = reply.body { return cut(worker.commits) }
        guard station.engine.holds(token) else { return }
        switch reply.body {
        case .committed(let number): station.engine.committed(number)
        case .fenced, .rolledBack:
            if options.planted == .refusalIgnored, case .commit(let write) = reply.request.body {
                station.isRefused = true
                return station.engine.committed(write.number)
            }
            if case .fenced = reply.body {
                drop(station, .fenced)
            } else {
                drop(station, .rolledBack)
            }
        case .failed:
            // Nobody knows what is stored: as if the connection had broken.
            station.engine.connectionLost()
            station.mayClaimAt = now.advanced(byMilliseconds: 1_000)
        case .claimed, .noScript, .loaded: preconditionFailure("answers another request")
        }
    }

    func takeLoadReplies(_ worker: Worker) -> Bool {
        if worker.loads.isBroken {
            worker.loads = Connection()
            connections.append(worker.loads)
            for station in worker.stations {
                station.engine.cancelLoads()
            }
            return true
        }
        guard worker.loads.hasReplies else { return false }
        for _ in 0...random.below(3) where worker.loads.hasReplies {
            let reply = worker.loads.takeReply()
            let station = worker.stations[reply.request.partition]
            guard case .loaded(let owner, let number, let users) = reply.body else {
                preconditionFailure("only loads are sent here")
            }
            if options.planted == .loadInTwoSteps, case .load = reply.request.body {
                worker.halfLoad = users
                continue
            }
            let found = options.planted == .loadInTwoSteps ? worker.halfLoad : users
            if station.engine.holds(reply.request.token) {
                install(found, owner, number, station, worker)
            }
        }
        return true
    }

    private func install(
        _ users: [UserHash?], _ owner: OwnerToken?, _ number: CommitNumber, _ station: Station,
        _ worker: Worker
    ) {
        var owner = owner
        var number = number
        if let own = station.token {
            if owner == inRedis(own, worker) { owner = own }
            if options.planted == .loadUnchecked {
                owner = own
                number = CommitNumber(.max)
            }
        }
        guard let load = station.engine.loaded(owner: owner, number: number) else {
            trace("partition \(station.partition) is dropped by a load")
            station.isRefused = true
            return dropped(station)
        }
        for (user, stored) in zip(load.users, users) {
            let applied = stored.flatMap { StoredForm.applied($0.header) } ?? .zero
            let isIgnored = options.planted == .appliedOffsetIgnored
            station.engine.install(user, applied: isIgnored ? .zero : applied, now: now) { add in
                // In any order: the store does not keep one.
                for (channel, bytes) in stored?.fields.sorted(by: { $0.key > $1.key }) ?? [] {
                    guard let state = StoredForm.decode(bytes) else {
                        fail("user \(user.rawValue) channel \(channel): stored bytes unreadable")
                        continue
                    }
                    add(ChannelID(channel), state)
                }
            }
        }
        station.engine.loadsInstalled()
    }
}
