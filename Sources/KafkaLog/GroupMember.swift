// Membership of the consumer group: which partitions are ours, and nothing else.
//
// This instance of librdkafka subscribes but never fetches. It answers each rebalance with an empty
// assignment; the records are fetched by a `LogReader`, an instance of its own. Why:
// - librdkafka takes single partitions in a cooperative group only. In an eager one the assignment
//   is replaced as a whole, and each partition in it stops and starts again.
// - The group never waits for us to find out where a partition starts.
// - While librdkafka hands over a rebalance it pauses all that is assigned, throws its queues away
//   and fetches again. Nothing assigned, nothing paused: partitions that stay go on.
// - The member's faults (lost assignments, stuck closes in 2.0) do not touch the fetching. What a
// member owned when it joins again is the group's assignment, not what was assigned locally, so
// sticky strategies keep their memory.
//
// The order of a rebalance: `.revoked` is given to the caller, who commits what it can and then
// calls `acknowledgeRevocation`; until then the group waits for us, at most `max.poll.interval.ms`.
// `.assigned` is acknowledged at once.

internal import CRdkafka

/// What happened to the membership.
package enum MemberEvent: Sendable {
    /// These partitions were added to ours.
    case assigned([Int32], assignment: UInt64)
    /// These partitions are to be given up; `acknowledgeRevocation` must follow. `lost` means that
    /// they may be gone already: another member may own them. (That it is false is no proof: the
    /// group may have given up on us without a word.)
    case revoked([Int32], lost: Bool, assignment: UInt64)
    /// The group's answer to `confirm`.
    case confirmed(MembershipConfirmation)
    case notice(KafkaNotice)
}

/// The group's answer to an offset commit that was made with our member id and generation.
package struct MembershipConfirmation: Sendable {
    /// True if the group counts us as a member of its present generation, and nothing was assigned
    /// or revoked since it was asked. (A member that was thrown out has no id, and without one a
    /// group that is empty takes every commit; but then the revocation comes before the answer.)
    package var holds: Bool
    /// The assignment that was valid when it was asked.
    package var assignment: UInt64
    package var positions: [PartitionOffset]
    /// `.notMember` if the group does not count us in; any other error says nothing about it.
    package var error: KafkaLogError?
}

/// A member of the group, owned by one thread, which must call `poll` every second.
package struct GroupMember: ~Copyable {
    private let handle: KafkaHandle
    /// Counts assignments and revocations.
    package private(set) var assignment: UInt64 = 0
    /// What the group counts as ours.
    package private(set) var partitions: Set<Int32> = []
    private var revoking: [Int32]?
    /// When `poll` was last called, and how long the group surely waits for that.
    private var lastPoll = ContinuousClock.now
    private let patience: Duration
    /// Whether the events in the queue may tell of a time when we did not poll for longer than
    /// that.
    private var stoodStill = false
    /// Between giving up everything and the next assignment, in an eager group: we are joining.
    private var isJoining = false

    init(_ settings: KafkaSettings, wake: Wake) throws(KafkaLogError) {
        if settings.group.isEmpty {
            throw .setting(key: "group.id", reason: "a member needs the name of a group")
        }
        let events =
            RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR
            | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS
        let handle = try KafkaHandle(.member, settings, events: events, wake: wake)
        patience = .milliseconds(handle.number("session.timeout.ms"))
        self.handle = handle
    }

    /// Joins the group for the topic. The answer is `.assigned`, some time later.
    mutating func subscribe() throws(KafkaLogError) {
        let list = PartitionList(
            topic: handle.topicName,
            [PartitionOffset(partition: RD_KAFKA_PARTITION_UA, offset: 0)])
        // librdkafka copies the list.
        let code = unsafe rd_kafka_subscribe(handle.rk, list.list)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw handle.classify(code, .subscribe) }
    }

    /// The next event, nil if there is none. Never waits.
    mutating func poll() -> MemberEvent? {
        if lastPoll.duration(to: .now) > patience { stoodStill = true }
        defer { lastPoll = .now }
        while let event = unsafe handle.nextEvent() {
            defer { unsafe rd_kafka_event_destroy(event) }
            if let result = unsafe take(event) { return result }
        }
        // Whatever happened while we stood still was in the queue.
        stoodStill = false
        return nil
    }

    /// Tells the group that what was revoked is given up. Does nothing if nothing is.
    mutating func acknowledgeRevocation() {
        guard let revoking else { return }
        self.revoking = nil
        partitions.subtract(revoking)
        isJoining = !isCooperative
        answer(assign: false)
    }

    /// Commits these positions to the group with our member id and generation: the answer,
    /// `.confirmed`, says whether the group still counts us in, and lag tools see where we are.
    /// While we are joining the group it is refused at once: the broker would answer after the
    /// join, for a generation that is over by then, and librdkafka would give up its assignment for
    /// that.
    mutating func confirm(_ positions: [PartitionOffset]) throws(KafkaLogError) {
        guard !positions.isEmpty else { return }
        guard !isJoining else {
            throw handle.classify(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, .commit)
        }
        let list = PartitionList(topic: handle.topicName, positions)
        // A number travels as a pointer that nobody follows.
        let tag = unsafe UnsafeMutableRawPointer(bitPattern: UInt(assignment))
        // librdkafka copies the list and answers on the queue.
        let code = unsafe rd_kafka_commit_queue(handle.rk, list.list, handle.queue, nil, tag)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw handle.classify(code, .commit) }
    }

    /// Leaves the group and destroys the instance; what is revoked meanwhile is acknowledged at
    /// once. False if that takes longer than `duration`: the group then finds out by itself.
    consuming func close(within duration: Duration) -> Bool {
        let deadline = Deadline(within: duration)
        acknowledgeRevocation()
        // The queue is alive until the handle is destroyed.
        if let error = unsafe rd_kafka_consumer_close_queue(handle.rk, handle.queue) {
            unsafe rd_kafka_error_destroy(error)
        }
        while unsafe rd_kafka_consumer_closed(handle.rk) == 0 && !deadline.passed {
            if poll() == nil {
                handle.wake.wait(milliseconds: deadline.remainingMilliseconds(limit: 10))
                handle.wake.clear()
            }
            acknowledgeRevocation()
        }
        if assignment == 0, rd_kafka_version() < Self.destroysUnassigned {
            handle.abandon()
            return true
        }
        return handle.destroy(within: .milliseconds(deadline.remainingMilliseconds()))
    }

    /// Before 2.3.0 librdkafka aborts the process where a cooperative member is destroyed between
    /// its join and its first assignment (librdkafka, issue 4312). Such a one has left its group,
    /// and is given up.
    private static let destroysUnassigned: Int32 = 0x0203_0000

    /// "COOPERATIVE", "EAGER", or "NONE" before the first join.
    private var isCooperative: Bool {
        // A static string of librdkafka, never null for a live instance.
        unsafe String(cString: rd_kafka_rebalance_protocol(handle.rk)) == "COOPERATIVE"
    }

    private mutating func take(_ event: OpaquePointer) -> MemberEvent? {
        switch unsafe rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_REBALANCE: return unsafe takeRebalance(event)
        case RD_KAFKA_EVENT_OFFSET_COMMIT: return .confirmed(unsafe takeConfirmation(event))
        default: return unsafe handle.notice(event).map { .notice($0) }
        }
    }

    private mutating func takeRebalance(_ event: OpaquePointer) -> MemberEvent {
        // The list belongs to the event.
        let list = unsafe rd_kafka_event_topic_partition_list(event)
        let changed = unsafe PartitionList.entries(of: list).map(\.partition)
        assignment += 1
        switch unsafe rd_kafka_event_error(event) {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            partitions.formUnion(changed)
            isJoining = false
            answer(assign: true)
            return .assigned(changed, assignment: assignment)
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            // One answer serves for all that was asked.
            revoking = (revoking ?? []) + changed
            // librdkafka forgets to say so where a rebalance had begun before we were thrown out
            // for not polling. So we look at the clock ourselves.
            let lost = unsafe rd_kafka_assignment_lost(handle.rk) != 0 || stoodStill
            return .revoked(changed, lost: lost, assignment: assignment)
        default:
            // librdkafka's manual allows for a rebalance that failed: it leaves us with nothing.
            let all = Array(partitions)
            revoking = all
            return .revoked(all, lost: true, assignment: assignment)
        }
    }

    private func takeConfirmation(_ event: OpaquePointer) -> MembershipConfirmation {
        // Tag and list belong to the event; the tag is a number.
        let tag = unsafe UInt64(UInt(bitPattern: rd_kafka_event_opaque(event)))
        let list = unsafe rd_kafka_event_topic_partition_list(event)
        let entries = unsafe PartitionList.entries(of: list)
        let failed = entries.first { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }
        var code = unsafe rd_kafka_event_error(event)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, let failed { code = failed.error }
        let error =
            code == RD_KAFKA_RESP_ERR_NO_ERROR
            ? nil : handle.classify(code, .commit, partition: failed?.partition)
        return MembershipConfirmation(
            holds: error == nil && tag == assignment, assignment: tag,
            positions: entries.map { PartitionOffset(partition: $0.partition, offset: $0.offset) },
            error: error)
    }

    /// Answers a rebalance with nothing, in the form that the group's protocol wants.
    private func answer(assign: Bool) {
        let nothing = PartitionList(topic: handle.topicName, [])
        if isCooperative {
            // The list is alive and empty; librdkafka copies it.
            let error =
                assign
                ? unsafe rd_kafka_incremental_assign(handle.rk, nothing.list)
                : unsafe rd_kafka_incremental_unassign(handle.rk, nothing.list)
            if let error = unsafe error { unsafe rd_kafka_error_destroy(error) }
        } else {
            // No list means that all is given up, an empty one that nothing is taken.
            _ = unsafe rd_kafka_assign(handle.rk, assign ? nothing.list : nil)
        }
    }
}
