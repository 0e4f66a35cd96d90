// Questions: clients push requests to lists, workers pop those of their partitions, route what came
// to the list of all, and answer. Every answer is compared with the fold up to the offset it
// claims.

import ReadStateCore

/// A client's request.
struct Query {
    let question: Question
    let partition: Int
    let minOffset: Offset?
    let deadline: Instant?
    /// The worker that popped it; nil while it is in a list, and after its end.
    var holder: Int?
    var isDone = false
    /// It went down with a worker or a connection; nobody will answer.
    var isLost = false
}

extension Simulation {
    /// A client asks.
    func askSomething() {
        let partition = random.below(plan.partitions)
        guard !isQuiet || queries.count < 40, !truths[partition].users.isEmpty else { return }
        let users = truths[partition].users
        // Sometimes somebody nobody ever wrote about.
        let isKnown = random.chance(950)
        let user = users[random.below(users.count)]
        let id = isKnown ? user.id : stranger(partition)
        let channel = ChannelID(UInt64(1 + 3 * random.below(plan.channels + 1)))
        let question: Question
        switch random.below(3) {
        case 0: question = .get(id, channel)
        case 1:
            question = .list(
                id, unreadOnly: random.chance(300), after: ChannelID(UInt64(random.below(4))),
                limit: random.one(of: [1, 2, 1_000]))
        default: question = .totals(id)
        }
        var near = logEnd[partition] - Int64(random.below(10)) + 5
        // Where patience has no end, nobody waits for what will never be written.
        if plan.settings.questionPatience > 5_000 { near = min(near, truths[partition].end - 1) }
        let minOffset = random.chance(300) ? Offset(max(0, near)) : nil
        let patience = Int64(random.one(of: [1, 100, 10_000]))
        queries.append(
            Query(
                question: question, partition: partition, minOffset: minOffset,
                deadline: random.chance(300) ? now.advanced(byMilliseconds: patience) : nil))
        if random.chance(300) {
            sharedList.append(queries.count - 1)
        } else {
            lists[partition].append(queries.count - 1)
        }
    }

    private func stranger(_ partition: Int) -> UserID {
        var candidate: UInt64 = 1_000_000
        while home(of: UserID(candidate)) != partition { candidate += 1 }
        return UserID(candidate)
    }

    /// A worker pops requests.
    func pop(_ worker: Worker) -> Bool {
        if !sharedList.isEmpty, random.chance(300) {
            let index = sharedList.removeFirst()
            guard arrives(index, worker) else { return true }
            lists[home(of: queries[index].question.user)].append(index)
            return true
        }
        let station = worker.stations[random.below(worker.stations.count)]
        guard station.isAssigned, station.engine.phase == .owned,
            !lists[station.partition].isEmpty
        else { return false }
        for _ in 0...random.below(4) where !lists[station.partition].isEmpty {
            let index = lists[station.partition].removeFirst()
            guard arrives(index, worker) else { continue }
            ask(index, station, worker)
        }
        return true
    }

    /// Whether a popped request reaches the worker.
    private func arrives(_ index: Int, _ worker: Worker) -> Bool {
        if strikes(.requestLost) || !effect(worker) {
            queries[index].isLost = true
            return false
        }
        return true
    }

    private func ask(_ index: Int, _ station: Station, _ worker: Worker) {
        let query = queries[index]
        queries[index].holder = worker.index
        let isIgnored = options.planted == .minOffsetIgnored
        let isTaken = station.engine.ask(
            query.question, ticket: Ticket(UInt64(index)),
            minOffset: isIgnored ? nil : query.minOffset, deadline: query.deadline, now: now)
        if !isTaken { end(index) }
    }

    /// Requests of a partition that was let go return to its list.
    func giveBack(_ tickets: [Ticket], _ partition: Int, _ worker: Worker) {
        if options.planted == .requestNotReturned { return }
        for ticket in tickets.reversed() {
            let index = Int(ticket.rawValue)
            queries[index].holder = nil
            if effect(worker) {
                lists[partition].insert(index, at: 0)
            } else {
                queries[index].isLost = true
            }
        }
    }

    func answerAll(_ station: Station, _ worker: Worker) {
        while let answer = station.engine.nextAnswer(now: now) {
            take(answer, station, worker)
        }
        for answer in station.engine.expire(now: now) { take(answer, station, worker) }
    }

    private func end(_ index: Int) {
        if queries[index].isDone { fail("request \(index) is answered twice") }
        queries[index].isDone = true
        queries[index].holder = nil
    }

    private func take(_ answer: Answer, _ station: Station, _ worker: Worker) {
        let index = Int(answer.ticket.rawValue)
        guard effect(worker) else { return }
        end(index)
        let query = queries[index]
        switch answer.outcome {
        case .expired:
            if query.deadline.map({ $0 <= now }) != true { fail("request \(index) expired early") }
        case .error(let code):
            if query.deadline != nil && code == .unavailable {
                fail("request \(index) with a deadline is \(code)")
            }
        case .state, .states, .totals: check(answer, query, station)
        }
    }

    private func check(_ answer: Answer, _ query: Query, _ station: Station) {
        let below = answer.appliedOffset.rawValue + 1
        let name = "answer to \(query.question) at \(answer.appliedOffset.rawValue)"
        if station.isRefused { fail("\(name) comes from a worker that was refused") }
        if let deadline = query.deadline, deadline <= now { fail("\(name) comes too late") }
        if let minOffset = query.minOffset, minOffset > answer.appliedOffset {
            fail("\(name) is below its min_offset \(minOffset.rawValue)")
        }
        let truth = truths[station.partition]
        switch (answer.outcome, query.question) {
        case (.state(let summary), .get(let user, let channel)):
            let right = summarize(channel, truth.state(user, channel, below: below))
            if summary != right { fail("\(name) is \(summary), not \(right)") }
        case (.states, .list(let user, let unreadOnly, let after, let limit)):
            var given: [ReadStateSummary] = []
            let more = station.engine.forEachSummary(of: query.question) { given.append($0) }
            var right: [ReadStateSummary] = []
            for channel in truth.user(user)?.channels ?? [] where channel.id > after {
                // A channel that was left has no state to be listed.
                guard let state = Truth.state(channel, below: below), !state.left else { continue }
                if !unreadOnly || state.unreadCount > 0 {
                    right.append(summarize(channel.id, state))
                }
            }
            if given != Array(right.prefix(limit)) || more != (right.count > limit) {
                fail("\(name) is \(given), more \(more), not \(right)")
            }
        case (.totals(let totals), .totals(let user)):
            var right = UserTotals()
            for channel in truth.user(user)?.channels ?? [] {
                guard let state = Truth.state(channel, below: below) else { continue }
                if state.unreadCount > 0 { right.unreadChannels += 1 }
                right.mentionCount += state.mentionCount
                if !state.exact { right.exact = false }
            }
            if totals != right { fail("\(name) is \(totals), not \(right)") }
        default: fail("\(name) answers another question")
        }
    }

    private func summarize(_ channel: ChannelID, _ state: ReadState?) -> ReadStateSummary {
        guard let state else { return ReadStateSummary(default: channel) }
        return ReadStateSummary(
            channel: channel, lastRead: state.lastRead, lastMessage: state.lastMessage,
            unreadCount: state.unreadCount, mentionCount: state.mentionCount, exact: state.exact)
    }
}
