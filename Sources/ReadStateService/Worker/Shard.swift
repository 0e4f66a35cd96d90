// A shard: one thread that owns some of the partitions, with everything they need. Its loop waits
// in one place (epoll) for Kafka's queues, Redis' sockets, messages and time, and in each turn
//
//     1. takes messages from the control thread          Shard+Assignment.swift
//     2. reads replies of Redis                           Shard+Commits, +Loads, +Requests
//     3. answers what was asked, if anything was          Shard+Answers.swift
//     4. applies a batch of the readable partitions       Shard+Records.swift
//     5. lets the engines of touched partitions send      Shard+Commits, +Loads, +Requests
//
// The engines decide; the shard only carries bytes. A turn is bounded (one batch for all partitions
// together), so that neither a busy partition nor a long reply keeps the others waiting.

import KafkaLog
import ReadStateCore
import ReadStateWire
import RedisLink

/// What a shard is made with.
struct ShardSettings: Sendable {
    var index: Int
    var engine = EngineSettings()
    var redis: RedisAddress
    var keys: Keys
    var generation = 1
    /// Partitions of the topic.
    var partitionCount: Int32
    /// A record in a partition that its key does not hash to is a dead letter.
    var checksPartitioner = true
    /// Said to people by the store: who owns a partition.
    var ownerName: String
    /// Dead letters on their way, in bytes of key and value; beyond it a partition is not read.
    var deadLetterByteLimit = 16 << 20
    /// Requests that may wait in this shard.
    var requestLimit: Int
    var jitterSeed: UInt64
}

/// One shard. Only its own thread touches it; others have its mailbox.
final class Shard {
    enum CommitExpectation {
        case claim(ShardPartition, OwnerToken)
        /// `sent` in nanoseconds of the monotonic clock.
        case commit(ShardPartition, OwnerToken, CommitNumber, sent: UInt64)
    }

    static let commitsToken: UInt64 = 1
    static let loadsToken: UInt64 = 2
    static let repliesToken: UInt64 = 3
    static let requestsToken: UInt64 = 4
    static let inboxToken: UInt64 = 5
    /// Tokens from here on are partitions.
    static let firstPartitionToken: UInt64 = 16
    /// Records of one turn, of all partitions together: what a request waits behind, some 0.3 ms.
    static let batchLimit = 256

    let settings: ShardSettings
    let logger: Logger
    let inbox: Mailbox<ShardCommand>
    let control: Mailbox<ControlMessage>
    let published: Published<ShardStatus>

    var epoll: Epoll
    let commits: RedisLane<CommitExpectation>
    let loads: RedisLane<(ShardPartition, Load)>
    let replies: RedisLane<AnswerExpectation>
    let requests: RedisLane<Void>

    var partitions: [PartitionID: ShardPartition] = [:]
    var order: [ShardPartition] = []
    var capacity = CacheCapacity()
    var isStopping = false
    var hasEnded = false

    var decoder = EventDecoder()
    var queries: QueryDecoder
    var batch = EventBatch(capacity: Shard.batchLimit)
    var commitCommand = CommitCommand()
    var replyCommand = ReplyCommand()
    var scratch = ReadState()
    var encoded: [UInt8] = []
    var stateBytes: [UInt8] = []
    var random = SystemRandomNumberGenerator()
    var popping = RequestPopping()
    var pending = PendingRequests()
    var counters = ShardCounters()
    /// When the log may next tell of an answer that Redis refused.
    var nextRefusalLine = Instant(milliseconds: 0)
    /// Which partition comes first in this turn.
    private var turn = 0
    /// The partition that was read last.
    private var reading = 0
    private var commands: [ShardCommand] = []
    private var nextSweep = Instant(milliseconds: 0)
    private var nextPublish = Instant(milliseconds: 0)
    /// Nothing can fall due before the next status, unless something happens.
    private var isCalm = false
    /// When the next of the commits may be sent that engines spread over time.
    private var nextPace = Instant.distantFuture

    init(
        settings: ShardSettings, logger: Logger, inbox: Mailbox<ShardCommand>,
        control: Mailbox<ControlMessage>, published: Published<ShardStatus>
    ) throws(SystemCallError) {
        self.settings = settings
        self.logger = logger.with(["shard": .number(Int64(settings.index))])
        self.inbox = inbox
        self.control = control
        self.published = published
        queries = QueryDecoder(namespace: Array(settings.keys.namespace.utf8))
        epoll = try Epoll(batch: 256)
        // A commit keeps the server for 250 to 500 µs, a load of 64 users for 150: a request of
        // anybody waits a millisecond behind either at most. Two commits keep it busy: one is
        // carried out while the next is written.
        commits = Self.lane("commits", Self.commitsToken, limit: 2, settings)
        loads = Self.lane("loads", Self.loadsToken, limit: 8, settings)
        replies = Self.lane("replies", Self.repliesToken, limit: 1_024, settings)
        requests = Self.lane("requests", Self.requestsToken, limit: 1, settings)
        try epoll.add(inbox.fileDescriptor, token: Self.inboxToken)
    }

    /// The thread's body: turns until told to end.
    func run() {
        var ready: [Readiness] = []
        while !hasEnded {
            let hasWork = order.contains { $0.isReadable && canConsume($0) }
            epoll.wait(into: &ready, timeoutMilliseconds: hasWork ? 0 : patience)
            if hasWork || !ready.isEmpty { isCalm = false }
            let now = SystemClock.now()
            for readiness in ready { handle(readiness, now: now) }
            let asked = counters.requests
            readReplies(now: now)
            // A question waits behind the batch that came before it, and not behind the next.
            if counters.requests != asked { answer(now: now) }
            consume(now: now)
            sweep(now: now)
            keepPace(now: now)
            pump(now: now)
            settleLanes(now: now)
        }
    }

    /// How long to wait for something to happen, in milliseconds.
    private var patience: Int {
        let now = SystemClock.now().milliseconds
        let most = isCalm && areLanesReady ? nextPublish.milliseconds - now : 50
        return Int(max(1, min(most, nextPace.milliseconds - now)))
    }

    var areLanesReady: Bool {
        commits.isReady && loads.isReady && replies.isReady && requests.isReady
    }

    // MARK: A turn

    private func handle(_ readiness: Readiness, now: Instant) {
        let milliseconds = now.milliseconds
        switch readiness.token {
        case Self.commitsToken: commits.handle(readiness, now: milliseconds)
        case Self.loadsToken: loads.handle(readiness, now: milliseconds)
        case Self.repliesToken: replies.handle(readiness, now: milliseconds)
        case Self.requestsToken: requests.handle(readiness, now: milliseconds)
        case Self.inboxToken:
            inbox.drain(into: &commands)
            for command in commands { carryOut(command, now: now) }
            commands.removeAll(keepingCapacity: true)
        default:
            let number = Int32(readiness.token - Self.firstPartitionToken)
            guard let partition = partitions[PartitionID(number)] else { return }
            partition.wakeUp()
        }
    }

    private func readReplies(now: Instant) {
        noticeBroken(now: now)
        readCommitReplies(&commits.connection, now: now)
        readLoadReplies(&loads.connection, now: now)
        readAnswerReplies(&replies.connection, now: now)
        readRequests(&requests.connection, now: now)
        noticeBroken(now: now)
    }

    /// Answers what can be answered at once, and begins to wait for the next requests.
    private func answer(now: Instant) {
        for partition in order where partition.isTouched { sendAnswers(partition, now: now) }
        pushAnswers()
        popRequests(now: now)
        if replies.isReady { replies.connection.flush(now: now.milliseconds) }
        if requests.isReady { requests.connection.flush(now: now.milliseconds) }
    }

    /// One batch, of as many partitions as it takes: the next one first each time.
    private func consume(now: Instant) {
        var left = Self.batchLimit
        for _ in order.indices where left > 0 {
            reading = reading + 1 < order.count ? reading + 1 : 0
            let partition = order[reading]
            if partition.isReadable { left -= consume(partition, limit: left, now: now) }
        }
    }

    /// Lets the engines send what they have decided. Between sweeps only those are asked to whom
    /// something happened: with hundreds of partitions asking all of them would cost more than
    /// events.
    private func pump(now: Instant) {
        // Another partition first each time: what a connection takes at a time is for all of them.
        turn = turn + 1 < order.count ? turn + 1 : 0
        for partition in order[turn...] where partition.isTouched { pump(partition, now: now) }
        for partition in order[..<turn] where partition.isTouched { pump(partition, now: now) }
        pushAnswers()
        popRequests(now: now)
    }

    private func pump(_ partition: ShardPartition, now: Instant) {
        claimIfNeeded(partition, now: now)
        sendLoads(partition)
        if partition.isAssigned { sendCommits(partition, now: now) }
        // Where the connection is full, its next reply comes first.
        if commits.takesMore, let moment = partition.engine.nextEarlyCommit {
            nextPace = min(nextPace, moment)
        }
        sendAnswers(partition, now: now)
        // Where a connection is full there may be more, to be sent when it is not.
        partition.isTouched = !(loads.takesMore && commits.takesMore && replies.takesMore)
        finishRevoke(partition, now: now)
    }

    /// Some twenty times a second: deadlines, due commits, retries; once a second the status, and
    /// the partitions for which nothing can be due sooner: asking hundreds of them twenty times
    /// took 1 % of a core.
    private func sweep(now: Instant) {
        guard nextSweep <= now else { return }
        nextSweep = now.advanced(byMilliseconds: 50)
        let isWhole = nextPublish <= now
        var hasNewLists = isWhole
        isCalm = true
        for partition in order {
            if partition.isAnswering != partition.isListed { hasNewLists = true }
            let isPartitionCalm = partition.isCalm
            isCalm = isCalm && isPartitionCalm
            guard isWhole || !isPartitionCalm else { continue }
            partition.isTouched = true
            expireQuestions(partition, now: now)
        }
        if hasNewLists { refreshLists() }
        if isWhole {
            nextPublish = now.advanced(byMilliseconds: 1_000)
            publishStatus(now: now)
        }
    }

    /// Asks the engines whose next early commit may be sent, which is between two sweeps.
    private func keepPace(now: Instant) {
        guard nextPace <= now else { return }
        nextPace = .distantFuture
        for partition in order {
            guard let next = partition.engine.nextEarlyCommit else { continue }
            if next <= now { partition.isTouched = true } else { nextPace = min(nextPace, next) }
        }
    }

    private func settleLanes(now: Instant) {
        let milliseconds = now.milliseconds
        do {
            try commits.settle(epoll, now: milliseconds)
            try loads.settle(epoll, now: milliseconds)
            try replies.settle(epoll, now: milliseconds)
            try requests.settle(epoll, now: milliseconds)
        } catch {
            control.post(.fatal(.failed, "shard \(settings.index): \(error)"))
            hasEnded = true
        }
        noticeBroken(now: now)
    }

    /// What breaks with each connection: commits need a new claim, loads are asked for again,
    /// popped requests and answers on their way are lost to their askers, who time out.
    private func noticeBroken(now: Instant) {
        if commits.becameBroken() != nil {
            log(broken: commits.name, commits.connection.failure)
            for partition in order { partition.engine.connectionLost() }
        }
        if loads.becameBroken() != nil {
            log(broken: loads.name, loads.connection.failure)
            for partition in order { partition.engine.cancelLoads() }
        }
        if let lost = replies.becameBroken() {
            log(broken: replies.name, replies.connection.failure)
            for expectation in lost { countLost(expectation) }
        }
        if requests.becameBroken() != nil {
            log(broken: requests.name, requests.connection.failure)
            popping.isOnItsWay = false
        }
        var isAnyReady = commits.becameReady()
        isAnyReady = loads.becameReady() || isAnyReady
        isAnyReady = replies.becameReady() || isAnyReady
        isAnyReady = requests.becameReady() || isAnyReady
        if isAnyReady { for partition in order { partition.isTouched = true } }
    }

    private func log(broken name: String, _ error: RedisLinkError?) {
        counters.redisFailures += 1
        logger.warning(
            "redis_connection_broken",
            ["connection": .text(name), "error": .text(error.map { "\($0)" } ?? "closed")])
    }

    private static func lane<Expected>(
        _ name: String, _ token: UInt64, limit: Int, _ settings: ShardSettings
    ) -> RedisLane<Expected> {
        var connection = RedisConnection.Settings()
        connection.name = "readstates-\(settings.index)-\(name)"
        connection.jitterSeed = settings.jitterSeed &+ token
        return RedisLane(
            name: name, token: token, outstandingLimit: limit,
            connection: RedisConnection(address: settings.redis, settings: connection))
    }
}
