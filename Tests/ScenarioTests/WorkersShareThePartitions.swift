// Rule: workers of one group share the partitions; whoever comes or goes, no partition is left
// without an owner, and every read state is the fold of the log.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct WorkersShareThePartitions {
    /// A second one comes, the first one goes, a third one comes, while events flow.
    @Test(
        .enabled(if: KafkaServer.isAvailable),
        arguments: ["range", "cooperative-sticky"])
    func comingAndGoing(_ strategy: String) throws {
        let scenario = try Scenario("shared-\(strategy)")
        let lines = try TraceSlice.lines()
        let step = lines.count / 4
        let arguments = [
            "--kafka-property", "partition.assignment.strategy=\(strategy)",
            "--flush-interval", "100ms", "--cache-states", "400",
        ]
        func publish(_ part: Int) throws {
            try scenario.publish(lines.dropFirst(part * step).prefix(step), as: "protobuf")
        }
        let first = try scenario.start(arguments)
        try publish(0)
        let second = try scenario.launch(arguments)
        try publish(1)
        try expectShared([first, second])
        try scenario.expectAnswers()
        #expect(try first.stop() == .exit(0))
        try publish(2)
        let third = try scenario.launch(arguments)
        try scenario.publish(lines.dropFirst(3 * step), as: "protobuf")
        try expectShared([second, third])
        try scenario.expectAnswers()
        #expect(try second.stop() == .exit(0))
        #expect(try third.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// One is killed: the other has all partitions once the group has noticed.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func killed() throws {
        let scenario = try Scenario("heirs")
        let lines = try TraceSlice.lines()
        let first = try scenario.start(["--flush-interval", "100ms"])
        let second = try scenario.launch(["--flush-interval", "100ms"])
        try expectShared([first, second])
        try scenario.publish(lines.prefix(10_000), as: "protobuf")
        first.process.kill()
        try scenario.publish(lines.dropFirst(10_000), as: "protobuf")
        try scenario.expectAnswers()
        try expectShared([second])
        #expect(try second.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// One stands still until the group has given its partitions away, and goes on: it must not
    /// write over what the other one has done since.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func aZombie() throws {
        let scenario = try Scenario("zombie")
        let lines = try TraceSlice.lines()
        let first = try scenario.start(["--flush-interval", "2s"])
        let second = try scenario.launch(["--flush-interval", "100ms"])
        try expectShared([first, second])
        try scenario.publish(lines.prefix(10_000), as: "protobuf")
        // It has read, and not committed yet.
        first.process.pause()
        try scenario.publish(lines.dropFirst(10_000).prefix(10_000), as: "protobuf")
        try expectShared([second])
        try scenario.expectAnswers()
        first.process.resume()
        try scenario.publish(lines.dropFirst(20_000), as: "protobuf")
        try expectShared([first, second])
        try scenario.expectAnswers()
        #expect(try first.stop() == .exit(0))
        #expect(try second.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// With more workers than partitions one has nothing to do, is ready for it, and takes over.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func aSpareOne() throws {
        let scenario = try Scenario("spare", partitions: 1)
        let lines = try TraceSlice.lines()
        let first = try scenario.start()
        let second = try scenario.start()
        try scenario.publish(lines.prefix(5_000))
        try scenario.expectAnswers()
        var owners: [Double] = []
        try waitUntil("one owner of two workers", seen: "\(owners)") {
            owners = try [first, second].map { try $0.metrics().sum("readstates_partition_owned") }
            return owners.sorted() == [0, 1]
        }
        let (owner, spare) = owners[0] == 1 ? (first, second) : (second, first)
        #expect(try owner.stop() == .exit(0))
        try scenario.publish(lines.dropFirst(5_000).prefix(5_000))
        try scenario.expectAnswers()
        try spare.waitUntilReady()
        #expect(try spare.stop() == .exit(0))
        try scenario.expectStored()
    }

    /// Waits until these workers own all four partitions together, and none of them owns nothing.
    private func expectShared(_ workers: [ReadStatesProgram]) throws {
        var owned: [Int] = []
        try waitUntil(
            "4 partitions owned by \(workers.count) workers",
            seen: "\(owned)\n" + workers.map(\.process.tail).joined(separator: "\n\n")
        ) {
            owned = try workers.map {
                let shares = try $0.metrics().samples.filter {
                    $0.key.hasPrefix("readstates_partition_owned{")
                }
                return Int(shares.values.reduce(0, +))
            }
            return owned.reduce(0, +) == 4 && !owned.contains(0)
        }
    }
}
