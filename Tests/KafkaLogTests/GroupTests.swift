import KafkaLog
import TestSupport
import Testing

/// What the members of a group saw together, and where each partition is to go on: what Redis holds
/// for real workers.
private final class Ledger {
    var next: [Int32: Int64] = [:]
    var seen: [Int32: [Int64]] = [:]
}

/// A member with the life of a worker: starts what it is assigned where the ledger says, stores the
/// position and stops on revocation.
private final class Worker {
    private var consumer: Consumer?
    private var queues: [Int32: Queue] = [:]
    private let ledger: Ledger
    var holdsRevocations = false
    var isRevoking = false
    var events: [String] = []
    var confirmations: [MembershipConfirmation] = []

    private final class Queue {
        var queue: PartitionQueue
        init(_ queue: consuming PartitionQueue) { self.queue = queue }
    }

    init(_ settings: KafkaSettings, _ ledger: Ledger) throws {
        self.ledger = ledger
        consumer = try Consumer(settings)
        try consumer!.subscribe()
    }

    var owned: Set<Int32> { Set(queues.keys) }

    func turn() throws {
        while let event = consumer!.poll() {
            switch event {
            case .assigned(let partitions, _):
                events.append("assigned \(partitions.sorted())")
                for partition in partitions {
                    let offset = ledger.next[partition]!
                    queues[partition] = Queue(try consumer!.start(partition, at: offset))
                }
            case .revoked(let partitions, let lost, _):
                events.append("\(lost ? "lost" : "revoked") \(partitions.sorted())")
                isRevoking = true
                drain()
                for partition in partitions {
                    consumer!.stop(partition)
                    queues[partition] = nil
                }
                if !holdsRevocations { acknowledge() }
            case .confirmed(let confirmation): confirmations.append(confirmation)
            case .notice(.error(let error)): events.append("\(error)")
            case .notice: break
            }
        }
        drain()
    }

    func acknowledge() {
        isRevoking = false
        consumer!.acknowledgeRevocation()
    }

    func confirm() throws(KafkaLogError) {
        try confirm(owned.map { PartitionOffset(partition: $0, offset: ledger.next[$0]!) })
    }

    func confirm(_ positions: [PartitionOffset]) throws(KafkaLogError) {
        try consumer!.confirmMembership(positions)
    }

    func close() throws -> Bool {
        try turn()
        for partition in owned { consumer!.stop(partition) }
        queues = [:]
        return consumer.take()!.close(within: .seconds(20))
    }

    private func drain() {
        for (partition, box) in queues {
            let turn = box.queue.consume(limit: 1000) { record in
                ledger.seen[partition, default: []].append(record.offset)
                return true
            }
            ledger.next[partition] = box.queue.next
            if let error = turn.error { events.append("\(error)") }
        }
    }
}

/// `waitUntil` that leaves the thread to other tests meanwhile: these wait for seconds.
private func until(
    _ what: String, isolation: isolated (any Actor)? = #isolation,
    seen: @autoclosure () -> String = "",
    _ condition: () throws -> Bool
) async throws {
    try await eventually(what, seen: seen()) { try condition() ? () : nil }
}

@Suite struct GroupTests {
    /// Whatever the strategy: members join and leave, partitions move, each starts exactly where it
    /// was left, and each record is seen once by somebody. A member that has not acknowledged a
    /// revocation keeps the others from getting those partitions.
    @Test(arguments: Cluster.Kind.available, ["range", "cooperative-sticky"])
    func recordsAreSeenOnceWhileMembersComeAndGo(kind: Cluster.Kind, strategy: String) async throws
    {
        let cluster = try Cluster(kind)
        defer { withExtendedLifetime(cluster) {} }
        let partitions: [Int32] = [0, 1, 2, 3]
        let settings = try cluster.settings(
            partitions: 4, properties: [("partition.assignment.strategy", strategy)])
        let ledger = Ledger()
        // Each partition begins at another offset: 0, 3, 6, 9.
        for partition in partitions {
            ledger.next[partition] = Int64(partition) * 3
            try write((0..<20).map { "a\($0)" }, to: partition, settings)
        }
        func sawAll(below end: Int64) -> Bool {
            partitions.allSatisfy { ledger.seen[$0] == Array(Int64($0) * 3..<end) }
        }

        let a = try Worker(settings, ledger)
        try await until("the first member reads all", seen: "\(a.events) \(ledger.seen)") {
            try a.turn()
            return a.owned == Set(partitions) && sawAll(below: 20)
        }

        a.holdsRevocations = true
        let b = try Worker(settings, ledger)
        try await until("a revocation", seen: "\(a.events) \(b.events)") {
            try a.turn()
            try b.turn()
            return a.isRevoking
        }
        for _ in 0..<50 {
            try b.turn()
            #expect(b.owned.isEmpty, "the second member got what the first had not given up")
        }
        a.holdsRevocations = false
        a.acknowledge()
        try await until("both members share", seen: "\(a.events) \(b.events)") {
            try a.turn()
            try b.turn()
            return a.owned.union(b.owned) == Set(partitions) && a.owned.count == 2
        }
        #expect(a.owned.isDisjoint(with: b.owned))

        for partition in partitions {
            try write((20..<30).map { "b\($0)" }, to: partition, settings)
        }
        try await until("all is read", seen: "\(a.events) \(b.events) \(ledger.seen)") {
            try a.turn()
            try b.turn()
            return sawAll(below: 30)
        }
        try a.confirm()
        try await until("a confirmation", seen: "\(a.events)") {
            try a.turn()
            try b.turn()
            return !a.confirmations.isEmpty
        }
        #expect(a.confirmations[0].holds && a.confirmations[0].error == nil, "\(a.confirmations)")

        let moved = b.owned
        #expect(try b.close())
        for partition in moved { try write((30..<40).map { "c\($0)" }, to: partition, settings) }
        for partition in a.owned { try write((30..<40).map { "c\($0)" }, to: partition, settings) }
        try await until("the first member has all again", seen: "\(a.events) \(ledger.seen)") {
            try a.turn()
            return a.owned == Set(partitions) && sawAll(below: 40)
        }
        #expect(try a.close())
        #expect(!a.events.contains { $0.hasPrefix("lost") }, "\(a.events)")
    }

    /// A member that stood still for too long learns that its partitions are lost, not that it may
    /// give them up in its own time; what it then confirms is not counted. Another member has them.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func aMemberThatStoodStillLosesItsPartitions() async throws {
        // The mock cluster goes on without a member before its session is over.
        let cluster = try Cluster(.kafka)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(
            partitions: 2,
            properties: [("session.timeout.ms", "2000"), ("max.poll.interval.ms", "2000")])
        let ledger = Ledger()
        ledger.next = [0: 0, 1: 0]
        let a = try Worker(settings, ledger)
        try await until("the first member has all", seen: "\(a.events)") {
            try a.turn()
            return a.owned == [0, 1]
        }
        // It is not polled from here on; its records wait in their queues meanwhile.
        let b = try Worker(settings, ledger)
        try await until("the second member has all", seen: "\(b.events)") {
            try b.turn()
            return b.owned == [0, 1]
        }
        try? a.confirm()
        a.holdsRevocations = true
        try await until("the loss", seen: "\(a.events)") {
            try a.turn()
            return a.isRevoking
        }
        #expect(a.events.contains { $0.hasPrefix("lost") }, "\(a.events)")
        #expect(!a.confirmations.contains { $0.holds }, "\(a.confirmations)")
        a.acknowledge()
        #expect(try a.close())
        #expect(try b.close())
    }

    /// Between giving up its partitions and the next assignment a member of an eager group asks the
    /// group nothing: the answer would cost it the assignment that is being made.
    @Test func nothingIsConfirmedWhileJoining() async throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 2)
        let ledger = Ledger()
        ledger.next = [0: 0, 1: 0]
        let a = try Worker(settings, ledger)
        try await until("the first member has all") {
            try a.turn()
            return a.owned == [0, 1]
        }
        a.holdsRevocations = true
        let b = try Worker(settings, ledger)
        try await until("a revocation") {
            try a.turn()
            try b.turn()
            return a.isRevoking
        }
        try a.confirm([PartitionOffset(partition: 0, offset: 0)])
        a.holdsRevocations = false
        a.acknowledge()
        do throws(KafkaLogError) {
            try a.confirm([PartitionOffset(partition: 0, offset: 0)])
            Issue.record("it was asked")
        } catch {
            #expect(error.isRetriable && error.failure?.code == "REBALANCE_IN_PROGRESS", "\(error)")
        }
        try await until("both have one", seen: "\(a.events) \(b.events)") {
            try a.turn()
            try b.turn()
            return a.owned.count == 1 && b.owned.count == 1
        }
        // Asked before it gave up, for an assignment that is over: whatever was answered, it does
        // not hold for the new one.
        let confirmation = try #require(a.confirmations.first)
        #expect(confirmation.assignment == 2, "\(confirmation)")
        #expect(try a.close())
        #expect(try b.close())
    }
}
