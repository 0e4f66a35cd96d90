// Rule: a Redis that throws keys away, or forgets all at a restart, is refused with exit code 3
// and the setting's name, unless the operator insists.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct UnsafeRedisIsRefused {
    /// Eviction.
    @Test func thatEvicts() throws {
        let scenario = try Scenario("evicting", on: .embedded) {
            $0.memoryPolicy = "allkeys-lru"
            $0.settings = ["maxmemory": "100mb"]
        }
        let result = try scenario.run([])
        #expect(result.ending == .exit(3))
        #expect(result.errors.contains("maxmemory-policy"))
    }

    /// Neither append-only file nor replica; allowed where the operator says so.
    @Test func thatForgets() throws {
        let scenario = try Scenario("forgetful", on: .embedded) { $0.appendOnly = .off }
        let result = try scenario.run([])
        #expect(result.ending == .exit(3))
        #expect(result.errors.contains("appendonly"))
        #expect(try scenario.redis.keys() == [])

        let worker = try scenario.start(["--allow-unsafe-redis"])
        #expect(worker.process.errors.contains("appendonly"))
        #expect(try worker.stop() == .exit(0))
    }
}
