// Requests and answers. One blocking call waits on the lists of all partitions that this shard owns
// and on the unrouted list; what it brings is decoded and put to the engines, whose answers are
// pushed to the lists that the askers named. When the set of partitions changes, the blocking call
// is ended from another connection (`CLIENT UNBLOCK`), which loses nothing.

import ReadStateCore
import ReadStateWire
import RedisLink

/// The state of the blocking call.
struct RequestPopping {
    /// The lists to wait on, as of the last sweep: a request that is popped for a partition lost
    /// since then is pushed back.
    var wanted: [String] = []
    /// The lists it waits on, while it is on its way.
    var lists: [String] = []
    var isOnItsWay = false
    /// It was told to end early.
    var isUnblocked = false
    /// Not before this is it tried again after a call that failed.
    var retryAt = Instant(milliseconds: 0)
    /// Which list comes first in the next call: another one each time, so that none starves.
    var turn = 0
}

extension Shard {
    /// More bytes of answers than this unsent, or requests waiting, and no more requests are taken.
    private static let unsentAnswerLimit = 4 << 20
    private static let waitingByteLimit = 16 << 20

    /// Begins the next blocking call, as long as answers are taken.
    func popRequests(now: Instant) {
        guard !popping.isOnItsWay, !popping.wanted.isEmpty, popping.retryAt <= now,
            requests.isReady, replies.isReady,
            pending.byteCount < Self.waitingByteLimit,
            replies.connection.unsentBytes < Self.unsentAnswerLimit
        else { return }
        popping.lists = popping.wanted
        popping.isOnItsWay = true
        popping.isUnblocked = false
        popping.turn = (popping.turn + 1) % popping.lists.count
        requests.connection.output.popRequests(popping.lists, first: popping.turn)
    }

    /// Looks which lists are ours now, and ends a call that waits on others.
    func refreshLists() {
        var lists: [String] = []
        for partition in order {
            partition.isListed = partition.isAnswering
            if !isStopping, partition.isAnswering { lists.append(partition.keys.requests) }
        }
        if !lists.isEmpty { lists.append(settings.keys.requests) }
        popping.wanted = lists
        guard popping.isOnItsWay, lists != popping.lists, !popping.isUnblocked, replies.isReady,
            let id = requests.connection.clientID
        else { return }
        popping.isUnblocked = true
        replies.connection.output.unblock(clientID: id)
        replies.expected.append(.unblock)
    }

    /// Reads what the blocking call brought.
    func readRequests(_ connection: inout RedisConnection, now: Instant) {
        while let reply = connection.nextReply() {
            popping.isOnItsWay = false
            do throws(RedisLinkError) {
                guard let popped = try PoppedRequests(reply) else { continue }
                take(popped, now: now)
            } catch {
                // Where one of the lists is no list, the same call would fail at once again.
                popping.retryAt = now.advanced(byMilliseconds: 1_000)
                logger.warning("requests_failed", ["error": .text("\(error)")])
            }
        }
    }

    private func take(_ popped: borrowing PoppedRequests, now: Instant) {
        let time = SystemClock.nanoseconds()
        let unixMilliseconds = SystemClock.unixMilliseconds()
        let list = popped.list.text
        for index in 0..<popped.count {
            counters.requests += 1
            let bytes = popped[index]
            switch queries.decode(bytes) {
            case .query(let query):
                ask(
                    query, bytes, from: list, since: time, unixMilliseconds: unixMilliseconds,
                    now: now)
            case .refused(let address, let code, let message): refuse(address, code, message)
            case .unanswerable(let reason):
                counters.unanswerable[reason, default: 0] += 1
            }
        }
    }

    /// Puts a query to the engine of its partition, or passes it on to the partition's list.
    private func ask(
        _ query: Query, _ bytes: RawSpan, from list: String, since: UInt64,
        unixMilliseconds: Int64, now: Instant
    ) {
        let isRouted = list != settings.keys.requests
        let home = Partitioning.partition(
            of: query.question.user, count: settings.partitionCount)
        if !settings.checksPartitioner, !isRouted {
            let message = "with partitioner = none, push to the list of the user's partition"
            return refuse(query.address, .unknownPartition, message)
        }
        // Nearly always the list is that of the user's partition.
        let own = partitions[home]
        let listed =
            own?.keys.requests == list ? own : order.first { $0.keys.requests == list }
        if settings.checksPartitioner, isRouted, let listed, listed.id != home {
            let message = "the user belongs to partition \(home.rawValue)"
            return refuse(query.address, .badRequest, message)
        }
        guard let partition = isRouted ? listed : own,
            partition.isAnswering, !isStopping
        else {
            let target = isRouted ? list : settings.keys.partition(home.rawValue).requests
            return passOn(bytes, to: target, first: isRouted)
        }
        let deadline = query.patience(at: unixMilliseconds).map { now.advanced(byMilliseconds: $0) }
        let ticket = pending.add(
            PendingRequests.Pending(
                address: query.address, bytes: bytes.copied(), since: since))
        let isTaken =
            pending.count <= settings.requestLimit
            && partition.engine.ask(
                query.question, ticket: ticket, minOffset: query.minOffset, deadline: deadline,
                now: now)
        partition.isTouched = true
        if !isTaken {
            let address = pending.take(ticket).address
            refuse(address, .unavailable, "too many requests wait")
        }
    }

    /// The partition is not ours (any more): the request goes where its owner finds it.
    private func passOn(_ bytes: RawSpan, to list: String, first: Bool) {
        guard replies.isReady else {
            counters.lostRequests += 1
            return
        }
        if first {
            // Or the next call would pop it again at once.
            refreshLists()
            replies.connection.output.beginPushBack(to: list, count: 1)
            replies.connection.output.argument(bytes)
        } else {
            replies.connection.output.pushRequest(bytes, to: list)
        }
        replies.expected.append(.passedOn(1))
        counters.passedOn += 1
    }

    /// Questions of a partition that is let go: back to the head of its list, in their old order.
    func giveBack(_ tickets: [Ticket], of partition: ShardPartition) {
        guard !tickets.isEmpty else { return }
        let requests = tickets.map { pending.take($0).bytes }
        guard replies.isReady else {
            counters.lostRequests += UInt64(requests.count)
            return
        }
        replies.connection.output.beginPushBack(
            to: partition.keys.requests, count: requests.count)
        for request in requests.reversed() {
            // The array outlives the call.
            unsafe replies.connection.output.argument(request.span.bytes)
        }
        replies.expected.append(.passedOn(requests.count))
        counters.passedOn += UInt64(requests.count)
    }
}
