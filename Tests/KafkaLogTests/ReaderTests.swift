import CLinux
import Glibc
import KafkaLog
import TestSupport
import Testing

/// Whether something can be read from a descriptor now; forgets an eventfd's count.
private func isReadable(_ descriptor: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 0) == 1 else { return false }
    var count: UInt64 = 0
    return read(descriptor, &count, 8) == 8
}

@Suite struct ReaderTests {
    /// A partition starts exactly at the offset that was asked for, gives every record from there
    /// on once and in order, and a second start after a stop is as exact as the first.
    @Test(arguments: Cluster.Kind.available)
    func explicitOffsetsAreHonoured(kind: Cluster.Kind) throws {
        let cluster = try Cluster(kind)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 2)
        try write((0..<300).map { "v\($0)" }, to: 1, settings)
        var reader = try LogReader(settings)
        for start in [0, 299, 17, 17, 250] as [Int64] {
            var queue = try reader.start(1, at: start)
            let records = try take(Int(300 - start), from: &queue)
            #expect(records.map(\.offset) == Array(start..<300))
            #expect(records.map(\.value) == (start..<300).map { "v\($0)" })
            let next = queue.next
            let end = reader.lastKnownEnd(of: 1)
            #expect(next == 300 && end == 300)
            reader.stop(1)
        }
        let closed = reader.close(within: .seconds(20))
        #expect(closed)
    }

    /// A position outside the log is an error that names it, and nothing is delivered from another
    /// place; the log's end itself is a good position.
    @Test(arguments: Cluster.Kind.available)
    func nothingIsResetSilently(kind: Cluster.Kind) throws {
        let cluster = try Cluster(kind)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        try write((0..<10).map { "v\($0)" }, to: 0, settings)
        var reader = try LogReader(settings)
        do {
            var queue = try reader.start(0, at: 11)
            let error = try waitFor("an error") {
                let turn = queue.consume(limit: 10) { _ in true }
                #expect(turn.count == 0)
                return turn.error
            }
            guard case .outOfRange(let failure) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(failure.topic == settings.topic)
            #expect(failure.partition == 0)
            #expect(failure.offset == 11)
            #expect(!error.isRetriable && !error.isFatal)
            reader.stop(0)
        }
        do {
            var queue = try reader.start(0, at: 10)
            try write(["late"], to: 0, settings)
            #expect(try take(1, from: &queue).map(\.offset) == [10])
            reader.stop(0)
        }
        let closed = reader.close(within: .seconds(20))
        #expect(closed)
    }

    /// A turn ends at its limit or at the closure's word, says that there is more, and the next
    /// turn goes on with the very next record.
    @Test func turnsAreBounded() throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        try write((0..<100).map { "v\($0)" }, to: 0, settings)
        var reader = try LogReader(settings)
        do {
            var queue = try reader.start(0, at: 0)
            var seen: [Int64] = []
            // One record, then the whole log is in the queue.
            try waitUntil("the first record") {
                queue.consume(limit: 1) { record in
                    seen.append(record.offset)
                    return true
                }.more
            }
            try waitUntil("seven more") {
                let turn = queue.consume(limit: 7) { record in
                    seen.append(record.offset)
                    return true
                }
                if turn.count > 0 { #expect(turn.count == 7 && turn.more) }
                return turn.count > 0
            }
            let turn = queue.consume(limit: 100) { record in
                seen.append(record.offset)
                return record.offset < 20
            }
            #expect(turn.count == 13 && turn.more)
            let next = queue.next
            #expect(next == 21)
            let rest = queue.consume(limit: 1000) { record in
                seen.append(record.offset)
                return true
            }
            #expect(rest.count == 79 && !rest.more && rest.repeated == 0)
            #expect(seen == Array(0..<100))
            reader.stop(0)
        }
        let closed = reader.close(within: .seconds(20))
        #expect(closed)
    }

    /// The queue's descriptor wakes its thread when records arrive in the empty queue, whether the
    /// descriptor is the queue's own or the caller's.
    @Test(arguments: [true, false])
    func arrivingRecordsWake(own: Bool) throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        let callers = own ? nil : eventfd(0, Int32(EFD_NONBLOCK))
        var reader = try LogReader(settings)
        do {
            var queue = try reader.start(0, at: 0, wake: callers)
            let descriptor = queue.wakeFileDescriptor
            #expect(callers == nil || descriptor == callers)
            for round in 0..<3 {
                try write(["v"], to: 0, settings)
                // Looked at only after a wake-up, which may come for nothing, too.
                try waitUntil("record \(round)") {
                    isReadable(queue.wakeFileDescriptor)
                        && queue.consume(limit: 10) { _ in true }.count == 1
                }
            }
            reader.stop(0)
        }
        let closed = reader.close(within: .seconds(20))
        #expect(closed)
        if let callers { Glibc.close(callers) }
    }

    /// Keys, values, tombstones, headers and timestamps arrive as they were produced; an empty key
    /// or value is not an absent one.
    @Test(arguments: Cluster.Kind.available)
    func recordsArriveAsTheyWereProduced(kind: Cluster.Kind) throws {
        let cluster = try Cluster(kind)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        var producer = try Producer(settings, for: .deadLetters)
        let key: [UInt8] = Array("7".utf8)
        let value: [UInt8] = [1, 0, 2]
        let headers: [(name: String, value: [UInt8])] = [
            ("readstates.error", Array("misrouted".utf8)), ("readstates.offset", Array("12".utf8)),
            ("empty", []), ("binary", [0, 255, 0]),
        ]
        _ = try producer.produce(key: key.span.bytes, value: value.span.bytes, headers: headers)
        _ = try producer.produce(key: key.span.bytes, value: nil, headers: headers)
        _ = try producer.produce(key: nil, value: [UInt8]().span.bytes)
        _ = try producer.produce(key: [UInt8]().span.bytes, value: nil)
        let flushed = producer.flush(within: .seconds(30)) { _ in }
        #expect(flushed)
        let producerClosed = producer.close(within: .seconds(20))
        #expect(producerClosed)

        var reader = try LogReader(settings)
        do {
            var queue = try reader.start(0, at: 0)
            var index = 0
            try waitUntil("four records") {
                let turn = queue.consume(limit: 10) { record in
                    var parts: [[UInt8]?] = [nil, nil]
                    if let key = record.key { parts[0] = key.withUnsafeBytes { Array($0) } }
                    if let value = record.value { parts[1] = value.withUnsafeBytes { Array($0) } }
                    let expected: [[UInt8]?] = [
                        [key, value], [key, nil], [nil, []], [[], nil],
                    ][index]
                    #expect(parts == expected, "record \(index)")
                    #expect(record.headers.map(\.name) == (index < 2 ? headers.map(\.name) : []))
                    #expect(record.headers.map(\.value) == (index < 2 ? headers.map(\.value) : []))
                    #expect(record.timestampMilliseconds > 1_700_000_000_000)
                    #expect(record.partition == 0)
                    index += 1
                    return true
                }
                #expect(turn.error == nil)
                return index == 4
            }
            reader.stop(0)
        }
        let closed = reader.close(within: .seconds(20))
        #expect(closed)
    }

    /// Closing is quick with queues that nobody drained, and with a queue that somebody forgot it
    /// gives up at its deadline and says so.
    @Test func closeDoesNotHang() throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 2)
        for partition in 0..<2 as Range<Int32> {
            try write((0..<500).map { "v\($0)" }, to: partition, settings)
        }
        var reader = try LogReader(settings)
        do {
            let full = try reader.start(0, at: 0)
            var halfFull = try reader.start(1, at: 0)
            _ = try take(10, from: &halfFull)
            try waitUntil("the other one is full") { isReadable(full.wakeFileDescriptor) }
        }
        let closed = reader.close(within: .seconds(20))
        #expect(closed)

        var second = try LogReader(settings)
        let forgotten = try second.start(0, at: 0)
        try waitUntil("records") { isReadable(forgotten.wakeFileDescriptor) }
        let secondClosed = second.close(within: .milliseconds(50))
        #expect(!secondClosed)
        let partition = forgotten.partition
        #expect(partition == 0)
    }

    /// The log's ends, the offset of a time, and the number of partitions are those of the topic;
    /// an unknown topic or partition is an error of its own.
    @Test(arguments: Cluster.Kind.available)
    func theLogTellsItsEnds(kind: Cluster.Kind) throws {
        let cluster = try Cluster(kind)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 3)
        try write((0..<10).map { "v\($0)" }, to: 2, settings)
        let reader = try LogReader(settings)
        let count = try reader.partitionCount(within: .seconds(30))
        #expect(count == 3)
        let ends = try reader.watermarks(of: [2, 0], within: .seconds(30)).map { try $0.get() }
        #expect(ends.map(\.low) == [0, 0] && ends.map(\.high) == [10, 0])
        if kind == .kafka {
            // The mock cluster does not look for times.
            let first = reader.offsets(notBefore: 0, of: [2, 0], within: .seconds(30))
            #expect(first == [.success(0), .success(0)])
            let future: Int64 = 4_000_000_000_000
            let last = reader.offsets(notBefore: future, of: [2, 0], within: .seconds(30))
            #expect(last == [.success(10), .success(0)])
        }
        let some = reader.watermarks(of: [7, 2], within: .seconds(30))
        guard case .failure(.unknownTopic) = some[0], case .success = some[1] else {
            Issue.record("\(some)")
            return
        }
        let closed = reader.close(within: .seconds(20))
        #expect(closed)

        guard kind == .kafka else { return }
        var nowhere = settings
        nowhere.topic = Cluster.name("nowhere")
        let lost = try LogReader(nowhere)
        do throws(KafkaLogError) {
            _ = try lost.partitionCount(within: .seconds(30))
            Issue.record("a topic that is not there has partitions")
        } catch {
            guard case .unknownTopic = error else {
                Issue.record("\(error)")
                return
            }
        }
        let lostClosed = lost.close(within: .seconds(20))
        #expect(lostClosed)
    }

    /// Brokers that cannot be reached are a retriable error of a call with a deadline, and a notice
    /// for the thread that polls; nothing hangs.
    @Test func brokersOutOfReachAreRetriable() throws {
        let settings = KafkaSettings(
            bootstrapServers: "127.0.0.1:1", topic: "events", group: "group")
        var reader = try LogReader(settings)
        do throws(KafkaLogError) {
            _ = try reader.partitionCount(within: .milliseconds(200))
            Issue.record("nobody is there to answer")
        } catch {
            #expect(error.isRetriable, "\(error)")
        }
        try waitUntil("a notice") {
            while let notice = reader.poll() {
                if case .error(let error) = notice, error.isRetriable { return true }
            }
            return false
        }
        let closed = reader.close(within: .seconds(20))
        #expect(closed)
    }

    /// A look at offsets finds the records that are there with their fingerprints, nothing at the
    /// log's end, and tells a position outside of the log from both.
    @Test(arguments: Cluster.Kind.available)
    func probesFindRecords(kind: Cluster.Kind) throws {
        let cluster = try Cluster(kind)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 4)
        for partition in 0..<4 as Range<Int32> {
            try write((0..<5).map { "v\(partition).\($0)" }, to: partition, settings)
        }
        let results = try probeRecords(
            settings,
            at: [
                .init(partition: 3, offset: 2), .init(partition: 0, offset: 0),
                .init(partition: 1, offset: 5), .init(partition: 2, offset: 9),
            ], within: .seconds(30))
        guard case .record(let third) = results[0], case .record(let first) = results[1],
            case .nothingThere = results[2], case .failed(.outOfRange) = results[3]
        else {
            Issue.record("\(results)")
            return
        }
        #expect(third.partition == 3 && third.offset == 2)
        #expect(third.key == Array("7".utf8) && third.value == Array("v3.2".utf8))
        #expect(first.value == Array("v0.0".utf8))
        let expected = recordFingerprint(
            timestampMilliseconds: third.timestampMilliseconds, key: third.key!.span.bytes,
            value: third.value!.span.bytes)
        #expect(third.fingerprint == expected && first.fingerprint != expected)
    }
    /// A look that brokers do not serve in time is a failure to be tried again, and no word about
    /// the log: that of a broker that went away must not pass for that of another topic.
    @Test func anUnansweredProbeSaysNothing() throws {
        let cluster = try Cluster(.mock)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 1)
        try write(["v0", "v1", "v2"], to: 0, settings)
        let position = PartitionOffset(partition: 0, offset: 1)
        let fetch: Int16 = 1
        let notTheLeader: Int16 = 6
        cluster.fail(apiKey: fetch, with: Array(repeating: notTheLeader, count: 10_000))
        let unanswered = try probeRecords(settings, at: [position], within: .seconds(2))
        guard case .failed(let error) = unanswered[0] else {
            Issue.record("\(unanswered)")
            return
        }
        #expect(error.isRetriable, "\(error)")
    }

    /// A leader that is away leaves its own partitions without an answer and no others: those of
    /// the other leader are found as they are, ends and records.
    @Test func aLeaderThatIsAwayFailsAlone() throws {
        let cluster = try Cluster(.mock, brokers: 2)
        defer { withExtendedLifetime(cluster) {} }
        let settings = try cluster.settings(partitions: 4)
        for partition in 0..<4 as Range<Int32> {
            try write(["v0", "v1"], to: partition, settings)
        }
        cluster.setBroker(2, up: false)
        let positions = (0..<4).map { PartitionOffset(partition: $0, offset: 1) }
        let records = try probeRecords(settings, at: positions, within: .seconds(10))
        let found = records.filter { if case .record = $0 { true } else { false } }
        let failed = records.filter {
            if case .failed(let error) = $0 { error.isRetriable } else { false }
        }
        #expect(found.count == 2 && failed.count == 2, "\(records)")
    }
}
