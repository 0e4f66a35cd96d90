// Rule: a user's hash that no version of this program wrote is neither believed nor thrown away:
// its partition stops and says which key it is about, the others go on, and once the key is as it
// should be the partition goes on by itself.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct AStoredStateThatCannotBeReadIsNotGuessed {
    private static let user: UInt64 = 7

    /// What may have happened to a user's hash.
    enum Damage: String, CaseIterable {
        case header, state, channel, otherType, position
    }

    /// Found by the first load, which an event of that user causes.
    @Test(arguments: Damage.allCases)
    func foundByALoad(_ damage: Damage) throws {
        let scenario = try Scenario("damaged-\(damage.rawValue)", on: .embedded)
        try scenario.publish(ManyUsers.lines(100))
        let first = try scenario.start()
        try scenario.expectAnswers()
        #expect(try first.stop() == .exit(0))
        let keys = scenario.keys.partition(scenario.partition(of: Self.user))
        let key = damage == .position ? keys.position : keys.user(Self.user)
        // Nothing of it may change before somebody has looked.
        try scenario.redis.cli("COPY", key, "kept")
        try harm(key, damage, scenario.redis)
        let harmed = try scenario.redis.cli("DUMP", key)

        let worker = try scenario.launch()
        try scenario.publish(ManyUsers.moreLines(100))
        let line = try worker.process.waitForLine("word of the damage") {
            ($0.contains("event=load_failed") || $0.contains("event=claim_failed"))
                && $0.contains(key)
        }
        #expect(line.contains("partition=\(scenario.partition(of: Self.user))"))
        try waitUntil("the reason on /readyz", seen: worker.process.tail) {
            let page = try worker.get("/readyz")
            return page?.status == 503 && page?.body.contains(key) == true
        }
        try worker.waitForMetrics("three served partitions") {
            $0.sum("readstates_partition_owned") == 3
        }
        #expect(try worker.get("/livez")?.status == 200)
        if damage != .position { #expect(try scenario.redis.cli("DUMP", key) == harmed) }

        try scenario.redis.cli("COPY", "kept", key, "REPLACE")
        try worker.waitUntilReady()
        try scenario.expectAnswers()
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
    }

    private func harm(_ key: String, _ damage: Damage, _ redis: RedisServer) throws {
        switch damage {
        case .header: try redis.cli("HSET", key, "@", "garbage")
        case .state: try redis.cli("HSET", key, "9", "garbage")
        case .channel: try redis.cli("HSET", key, "general", "garbage")
        case .otherType: try redis.cli("SET", key, "garbage")
        case .position: try redis.cli("HSET", key, "offset", "garbage")
        }
    }
}
