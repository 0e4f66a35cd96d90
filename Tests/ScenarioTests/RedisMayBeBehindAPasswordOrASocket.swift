// Rule: Redis may want a user and a password, be a numbered database or a unix socket; and no
// secret is ever seen in logs or pages.

import RedisLink
import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct RedisMayBeBehindAPasswordOrASocket {
    private static let secret = "s3same-0pen"

    /// A user of the ACL with what it needs, in database 3.
    @Test func withAUserAndADatabase() throws {
        let scenario = try Scenario("acl", on: .embedded) {
            $0.users = ["worker on >\(Self.secret) ~* &* +@all -@dangerous +info +client +keys"]
        }
        try scenario.publish(TraceSlice.lines().prefix(3_000))
        let url = "redis://worker:\(Self.secret)@127.0.0.1:\(scenario.redis.port)/3"
        let worker = try scenario.launch(["--log-level", "debug"], redis: url)
        try worker.waitUntilReady()
        scenario.database = 3
        try scenario.expectAnswers()
        try expectNoSecret(worker)
        #expect(try worker.stop() == .exit(0))
        try scenario.expectStored()
        #expect(try scenario.redis.keys() == [], "database 0 is not ours")
        #expect(!worker.process.errors.contains(Self.secret))
    }

    /// The password in a file of its own; a wrong one is refused without being told.
    @Test func withAPasswordFromTheEnvironment() throws {
        let scenario = try Scenario("password", on: .embedded) { $0.password = Self.secret }
        let worker = try ReadStatesProgram(
            [
                "worker", "--kafka", scenario.bootstrap, "--redis", scenario.redis.socketURL,
                "--listen", "127.0.0.1:0",
            ] + scenario.arguments(),
            environment: ["READSTATES_REDIS_PASSWORD": Self.secret])
        try worker.waitUntilReady()
        try expectNoSecret(worker)
        #expect(try worker.stop() == .exit(0))

        let wrong = try scenario.run(["--redis-password", "wr0ng-word"])
        #expect(wrong.ending == .exit(3))
        #expect(!wrong.errors.contains("wr0ng-word"))
    }

    private func expectNoSecret(_ worker: ReadStatesProgram) throws {
        for page in ["/status", "/metrics", "/readyz"] {
            #expect(try worker.get(page)?.body.contains(Self.secret) == false)
        }
        #expect(!worker.process.errors.contains(Self.secret))
        #expect(!worker.process.output.contains(Self.secret))
    }
}
