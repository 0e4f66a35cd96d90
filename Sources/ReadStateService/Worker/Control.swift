// The control thread: a member of the group. It learns which partitions are ours, has the shards
// claim them, looks the log up, starts and stops their queues, and answers the group when a revoked
// partition has been let go. It holds no read state and is never waited for by a shard.

import KafkaLog
import ReadStateCore
import RedisLink

/// What the control thread is made with.
struct ControlSettings: Sendable {
    var kafka: KafkaSettings
    var keys: Keys
    var deadLetterTopic: String
    /// Partitions of the topic, as the read states were made for.
    var partitionCount: Int32
    var capacity: CacheCapacity
    var revokeBudget: Duration
    var shutdownBudget: Duration
}

/// The thread's state; only the main thread touches it.
final class Control {
    private static let memberToken: UInt64 = 1
    private static let inboxToken: UInt64 = 2
    private static let signalToken: UInt64 = 3
    private static let deadLetterToken: UInt64 = 4

    private let settings: ControlSettings
    private let logger: Logger
    private let inbox: Mailbox<ControlMessage>
    private let places: Mailbox<PlaceQuestion>
    private let shards: [Mailbox<ShardCommand>]
    private let status: WorkerStatus
    private let signals: SignalWaiter
    private var epoll: Epoll
    /// There until `close`.
    private var consumer: Consumer?
    private var deadLetters: DeadLetterOffice
    private var watchesDeadLetters = false

    /// What the group says is ours, and what of it is being given up.
    private var assigned: Set<PartitionID> = []
    private var revoking: Set<PartitionID> = []
    /// Let go, but with a cache that is kept in case they come back.
    private var dormant: Set<PartitionID> = []
    private var started: Set<PartitionID> = []
    /// Questions about the log that Kafka did not answer, to be asked again.
    private var unplaced: [PlaceQuestion] = []
    private var asked: [PartitionID: PlaceQuestion] = [:]
    private var confirming: Set<PartitionID> = []
    private var hasJoined = false
    private var nextLetterRetry = Instant(milliseconds: 0)
    private var nextSecond = Instant(milliseconds: 0)
    private var nextGroupCommit = Instant(milliseconds: 0)
    /// Set once the process is to end: with what, and at the latest when.
    private var ending: (code: ExitCode, deadline: Instant)?

    init(
        settings: ControlSettings, logger: Logger, inbox: Mailbox<ControlMessage>,
        places: Mailbox<PlaceQuestion>, shards: [Mailbox<ShardCommand>], status: WorkerStatus,
        signals: consuming SignalWaiter, consumer: consuming Consumer
    ) throws(SystemCallError) {
        self.settings = settings
        self.logger = logger
        self.inbox = inbox
        self.places = places
        self.shards = shards
        self.status = status
        var letters = settings.kafka
        letters.topic = settings.deadLetterTopic
        deadLetters = DeadLetterOffice(letters, source: settings.kafka.topic)
        epoll = try Epoll(batch: 8)
        try epoll.add(consumer.wakeFileDescriptor, token: Self.memberToken)
        try epoll.add(inbox.fileDescriptor, token: Self.inboxToken)
        try epoll.add(signals.fileDescriptor, token: Self.signalToken)
        self.signals = signals
        self.consumer = consume consumer
    }

    /// Runs until the process is to end.
    func run() -> ExitCode {
        var ready: [Readiness] = []
        var messages: [ControlMessage] = []
        while true {
            // All that comes wakes it; only the end is looked for.
            epoll.wait(into: &ready, timeoutMilliseconds: ending == nil ? 500 : 100)
            let now = SystemClock.now()
            while let event = consumer!.poll() { take(event, now: now) }
            inbox.drain(into: &messages)
            for message in messages { take(message, now: now) }
            if let signal = signals.take() { stop(signal, now: now) }
            serveDeadLetters()
            everySecond(now: now)
            if let ending, isDone || ending.deadline <= now { return ending.code }
        }
    }

    /// Leaves the group. What is not done in time, the group finds out by itself.
    func close(within duration: Duration) -> Bool {
        guard let consumer = consumer.take() else { return true }
        return consumer.close(within: duration)
    }
}

// MARK: The group

extension Control {
    private func take(_ event: MemberEvent, now: Instant) {
        switch event {
        case .assigned(let numbers, _): assign(numbers.map { PartitionID($0) }, now: now)
        case .revoked(let numbers, let isLost, _):
            revoke(numbers.map { PartitionID($0) }, isLost: isLost, now: now)
        case .confirmed(let confirmation): take(confirmation)
        case .notice(let notice): take(notice)
        }
    }

    private func assign(_ partitions: [PartitionID], now: Instant) {
        hasJoined = true
        if partitions.contains(where: { $0.rawValue >= settings.partitionCount }) {
            return endForFurtherPartitions(now: now)
        }
        assigned.formUnion(partitions)
        dormant.subtract(partitions)
        logger.info(
            "partitions_assigned",
            ["new": .number(Int64(partitions.count)), "all": .number(Int64(assigned.count))])
        shareCapacity()
        for id in partitions { shard(of: id).post(.assign(id)) }
        // The group is settled: who was given up and did not come back will not.
        for id in dormant { shard(of: id).post(.forget(id)) }
        dormant.removeAll()
    }

    /// The topic has grown: keys are hashed to other partitions than before, and a user's states
    /// would be in two of them.
    private func endForFurtherPartitions(now: Instant) {
        end(
            with: .refused,
            "namespace \(settings.keys.namespace): made for \(settings.partitionCount) partitions, "
                + "the topic has more", now: now)
    }

    private func revoke(_ partitions: [PartitionID], isLost: Bool, now: Instant) {
        logger.info(
            "partitions_revoked",
            ["count": .number(Int64(partitions.count)), "lost": .isTrue(isLost)])
        let budget = isLost ? .zero : settings.revokeBudget
        letGo(Set(partitions), by: now.advanced(by: budget))
        acknowledgeIfReleased()
    }

    /// Has partitions committed and given up by their shards.
    private func letGo(_ partitions: Set<PartitionID>, by deadline: Instant) {
        let ours = partitions.intersection(assigned)
        revoking.formUnion(ours)
        for id in ours { shard(of: id).post(.revoke(id, deadline: deadline)) }
    }

    private func released(_ id: PartitionID) {
        stopConsuming(id)
        revoking.remove(id)
        assigned.remove(id)
        deadLetters.forget(id)
        dormant.insert(id)
        acknowledgeIfReleased()
    }

    private func acknowledgeIfReleased() {
        guard revoking.isEmpty, ending == nil else { return }
        consumer!.acknowledgeRevocation()
        shareCapacity()
    }

    /// Each partition gets the same share: users are spread over them by a hash.
    private func shareCapacity() {
        let count = max(1, assigned.count)
        let whole = settings.capacity
        let share = CacheCapacity(
            bytes: whole.bytes / count,
            states: whole.states == .max ? .max : max(1, whole.states / count))
        for shard in shards { shard.post(.capacity(share)) }
    }

    /// Asks the group whether we are still a member of its present generation, by committing
    /// offsets with our member id; lag tools see them too.
    private func confirm(_ ids: Set<PartitionID>) {
        let positions = status.positions(of: ids)
        guard !positions.isEmpty else { return answerConfirmation(isOurs: false) }
        do {
            try consumer!.confirmMembership(positions)
        } catch {
            logger.debug("membership_unconfirmed", ["error": .text("\(error)")])
            answerConfirmation(isOurs: false)
        }
    }

    private func take(_ confirmation: MembershipConfirmation) {
        if let error = confirmation.error {
            logger.warning("group_commit_failed", ["error": .text("\(error)")])
        }
        answerConfirmation(isOurs: confirmation.holds)
    }

    private func answerConfirmation(isOurs: Bool) {
        for id in confirming {
            shard(of: id).post(.confirmed(id, isOurs: isOurs && assigned.contains(id)))
        }
        confirming.removeAll()
    }

    private func take(_ notice: KafkaNotice) {
        switch notice {
        case .error(let error):
            status.note(kafka: "\(error)")
            logger.warning("kafka_error", ["error": .text("\(error)")])
            if error.isFatal { end(with: .failed, "\(error)", now: SystemClock.now()) }
        case .log(let level, let facility, let text):
            logger.log(
                level <= 4 ? .warning : .debug, "kafka_log",
                ["facility": .text(facility), "text": .text(text)])
        case .statistics(let json): logger.debug("kafka_statistics", ["json": .text(json)])
        }
    }
}

// MARK: The log

extension Control {
    private func place(_ question: PlaceQuestion) {
        guard isWanted(question.partition) else { return }
        stopConsuming(question.partition)
        asked[question.partition] = question
        places.post(question)
    }

    private func placed(_ question: PlaceQuestion, _ place: LogPlace, now: Instant) {
        let id = question.partition
        guard asked[id]?.claim == question.claim, isWanted(id) else { return }
        asked[id] = nil
        let partition = LogValue(Int64(id.rawValue))
        switch place {
        case .good(let offset): start(question, at: offset)
        case .gone(let from, let to):
            tellGone(id, from: from, to: to)
            status.note(gone: id, from: from, to: to)
            shard(of: id).post(.cannotBegin(id, claim: question.claim))
        case .anotherTopic(let reason):
            end(
                with: .refused,
                "partition \(id.rawValue) of topic \(settings.kafka.topic): \(reason); the topic "
                    + "is not the one that these read states were made from", now: now)
        case .unknown(let error):
            logger.warning(
                "log_unreachable", ["partition": partition, "error": .text("\(error)")])
            unplaced.append(question)
        }
    }

    /// Says what is lost, and how an operator has the partition go on without it.
    private func tellGone(_ id: PartitionID, from: Offset, to: Offset) {
        let key = settings.keys.partition(id.rawValue).position
        logger.error(
            "log_range_gone",
            [
                "partition": .number(Int64(id.rawValue)), "from": .number(from.rawValue),
                "to": .number(to.previous.rawValue),
                "advice": .text(
                    "events in this range were deleted before they were applied; to go on without "
                        + "them, tell Redis: HSET \(key) offset \(to.rawValue)"),
            ])
    }

    private func start(_ question: PlaceQuestion, at offset: Offset) {
        let id = question.partition
        do {
            let queue = try consumer!.start(id.rawValue, at: offset.rawValue)
            started.insert(id)
            status.note(placed: id)
            shard(of: id).post(
                .begin(id, claim: question.claim, at: offset, HandedQueue(queue)))
        } catch {
            logger.warning(
                "partition_not_started",
                ["partition": .number(Int64(id.rawValue)), "error": .text("\(error)")])
            unplaced.append(question)
        }
    }

    private func stopConsuming(_ id: PartitionID) {
        if started.remove(id) != nil { consumer!.stop(id.rawValue) }
        asked[id] = nil
        unplaced.removeAll { $0.partition == id }
    }

    private func isWanted(_ id: PartitionID) -> Bool {
        assigned.contains(id) && !revoking.contains(id) && ending == nil
    }
}

// MARK: Messages, time and the end

extension Control {
    private func take(_ message: ControlMessage, now: Instant) {
        switch message {
        case .place(let question): place(question)
        case .released(let id): released(id)
        case .confirm(let id):
            confirming.insert(id)
            confirm([id])
        case .deadLetter(let letter): deadLetters.add(letter)
        case .logFailed(let id): stopConsuming(id)
        case .placed(let question, let place): placed(question, place, now: now)
        case .fatal(let code, let reason): end(with: code, reason, now: now)
        }
    }

    private func serveDeadLetters() {
        var failures: [(letter: DeadLetter, error: KafkaLogError)] = []
        deadLetters.send { failures.append(($0, $1)) }
        deadLetters.poll(
            stored: {
                shard(of: $0.partition).post(
                    .deadLetterStored($0.partition, $0.offset, bytes: $0.byteCount))
            }, failed: { failures.append(($0, $1)) })
        if !failures.isEmpty { postpone(failures) }
        if !watchesDeadLetters, let descriptor = deadLetters.wakeFileDescriptor {
            watchesDeadLetters = (try? epoll.add(descriptor, token: Self.deadLetterToken)) != nil
        }
    }

    /// Letters that cannot be produced stop their partitions until they can; one line for each.
    private func postpone(_ failures: [(letter: DeadLetter, error: KafkaLogError)]) {
        var told: Set<PartitionID> = []
        for (letter, error) in failures where assigned.contains(letter.partition) {
            deadLetters.postpone(letter)
            shard(of: letter.partition).post(.deadLetterFailed(letter.partition, letter.offset))
            guard told.insert(letter.partition).inserted else { continue }
            logger.error(
                "dead_letter_failed",
                [
                    "partition": .number(Int64(letter.partition.rawValue)),
                    "offset": .number(letter.offset.rawValue), "error": .text("\(error)"),
                    "advice": "the partition is stopped until its dead letters can be produced",
                ])
        }
    }

    private func everySecond(now: Instant) {
        guard nextSecond <= now else { return }
        nextSecond = now.advanced(byMilliseconds: 1_000)
        if nextLetterRetry <= now {
            nextLetterRetry = now.advanced(byMilliseconds: 5_000)
            deadLetters.retry()
        }
        let again = unplaced
        unplaced.removeAll()
        for question in again { place(question) }
        var ends: [PartitionID: Offset] = [:]
        for id in started {
            if let end = consumer!.lastKnownEnd(of: id.rawValue) { ends[id] = Offset(end) }
        }
        status.publish(assigned: assigned, hasJoined: hasJoined, ends: ends, now: now)
        if nextGroupCommit <= now, ending == nil {
            nextGroupCommit = now.advanced(byMilliseconds: 30_000)
            let serving = status.positions(of: assigned.subtracting(revoking))
            if !serving.isEmpty { commitToGroup(serving) }
        }
    }

    /// For lag tools; nothing ever reads these offsets back.
    private func commitToGroup(_ positions: [PartitionOffset]) {
        do {
            try consumer!.confirmMembership(positions)
        } catch {
            logger.debug("group_commit_failed", ["error": .text("\(error)")])
        }
    }

    private func stop(_ signal: SignalWaiter.Signal, now: Instant) {
        logger.info("stopping", ["signal": .text(signal.rawValue)])
        guard ending == nil else { return }
        // A part of the budget is for leaving the group.
        let budget = settings.shutdownBudget * 4 / 5
        ending = (.done, now.advanced(by: budget))
        status.note(phase: .stopping)
        for shard in shards { shard.post(.stop) }
        letGo(assigned, by: now.advanced(by: budget - min(budget / 10, .milliseconds(200))))
    }

    private func end(with code: ExitCode, _ reason: String, now: Instant) {
        guard ending == nil || code == .refused else { return }
        logger.error("ending", ["reason": .text(reason), "exit_code": LogValue(code.rawValue)])
        status.note(phase: .stopping)
        ending = (code, now)
    }

    private var isDone: Bool { revoking.isEmpty }

    private func shard(of id: PartitionID) -> Mailbox<ShardCommand> {
        shards[Int(id.rawValue) % shards.count]
    }
}

extension Instant {
    func advanced(by duration: Duration) -> Instant {
        advanced(byMilliseconds: Int64(duration / .milliseconds(1)))
    }
}
