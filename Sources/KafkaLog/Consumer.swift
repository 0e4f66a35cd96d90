// The worker's consumer: a member of the group and a reader of the log, on one control thread.
//
//     control thread                                shard threads
//     ┌ Consumer ───────────────────────────┐
//     │ GroupMember   assigned, revoked     │
//     │ LogReader     start(p, at: offset) ─┼──▶ PartitionQueue p ──▶ records
//     └─────────────────────────────────────┘
//
// The two are instances of librdkafka of their own (why: `GroupMember`). So a partition's fetching
// is tied to its assignment by the caller alone: after `.revoked` it stops the partition, after
// `.assigned` it finds out where to start. Nothing starts by itself.

/// Group membership and partition queues, owned by one thread.
package struct Consumer: ~Copyable {
    private var member: GroupMember
    private var reader: LogReader
    private let wake: Wake

    /// Connects in the background. Errors: a setting that librdkafka refuses; brokers that cannot
    /// be reached are reported by `poll`.
    package init(_ settings: KafkaSettings) throws(KafkaLogError) {
        let wake = Wake()
        let member = try GroupMember(settings, wake: wake)
        let reader = try LogReader(settings, role: .reader, wake: wake)
        self.wake = wake
        self.member = member
        self.reader = reader
    }

    /// Becomes readable when `poll` has something to give.
    package var wakeFileDescriptor: Int32 { wake.fd }

    /// Counts assignments and revocations; events and confirmations carry the number they belong
    /// to.
    package var assignment: UInt64 { member.assignment }

    /// What the group counts as ours: assigned, and not yet acknowledged as given up.
    package var partitions: Set<Int32> { member.partitions }

    /// Joins the group.
    package mutating func subscribe() throws(KafkaLogError) { try member.subscribe() }

    /// The next event, waiting for one up to `milliseconds`. To be called until it gives nil after
    /// each wake-up, and at least every second: the group counts us as alive by it.
    package mutating func poll(milliseconds: Int32 = 0) -> MemberEvent? {
        wake.clear()
        if let event = nextEvent() { return event }
        guard milliseconds > 0 else { return nil }
        wake.wait(milliseconds: milliseconds)
        wake.clear()
        return nextEvent()
    }

    /// To be called after `.revoked`, once everything that can be committed is: the group waits.
    package mutating func acknowledgeRevocation() { member.acknowledgeRevocation() }

    /// Asks the group whether it still counts us in, see `GroupMember.confirm`.
    package mutating func confirmMembership(_ positions: [PartitionOffset]) throws(KafkaLogError) {
        try member.confirm(positions)
    }

    /// Begins to fetch a partition, see `LogReader.start`.
    package mutating func start(
        _ partition: Int32, at offset: Int64, wake: Int32? = nil
    ) throws(KafkaLogError) -> PartitionQueue {
        try reader.start(partition, at: offset, wake: wake)
    }

    /// Stops fetching a partition. Its queue can still be drained, and must be dropped by its
    /// owner.
    package mutating func stop(_ partition: Int32) { reader.stop(partition) }

    /// The end of a started partition's log as the last fetch told it, nil before the first.
    package func lastKnownEnd(of partition: Int32) -> Int64? { reader.lastKnownEnd(of: partition) }

    /// Leaves the group, then stops the reader. False if something took longer than `duration`: the
    /// group then finds out by itself, and memory is given up. All partition queues must be gone.
    package consuming func close(within duration: Duration) -> Bool {
        let deadline = Deadline(within: duration)
        let left = member.close(within: duration)
        let rest = Duration.milliseconds(deadline.remainingMilliseconds())
        let stopped = reader.close(within: rest)
        return left && stopped
    }

    private mutating func nextEvent() -> MemberEvent? {
        if let event = member.poll() { return event }
        return reader.nextNotice().map { .notice($0) }
    }
}
