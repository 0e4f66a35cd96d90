import RedisLink
import TestSupport
import Testing

/// Which servers are refused, on real ones where they can be had.
struct ServerCheckTests {
    private func findings(_ server: RedisServer) throws -> [ServerFinding] {
        var redis = try BlockingRedis(RedisAddress(.unix(path: server.socketPath)))
        return try ServerInfo(try redis.call("INFO")).findings
    }

    @Test("A server with an append-only file and noeviction is fine")
    func fine() throws {
        #expect(try findings(RedisServer()).isEmpty)
    }

    /// A server that evicts is refused, one that could is warned of.
    @Test(
        arguments: [
            ("100mb", ServerFinding.Severity.unsafe), ("0", .warning),
        ])
    func evicts(limit: String, severity: ServerFinding.Severity) throws {
        let found = try findings(
            RedisServer {
                $0.memoryPolicy = "allkeys-lru"
                $0.settings["maxmemory"] = limit
            })
        #expect(found.map(\.setting) == ["maxmemory-policy"])
        #expect(found.first?.severity == severity)
        #expect(found.first?.text.contains("allkeys-lru") == true)
        #expect(found.first?.text.contains("noeviction") == true)
    }

    @Test("A server without a second copy of anything is refused; a replica is such a copy")
    func forgets() throws {
        let server = try RedisServer { $0.appendOnly = .off }
        #expect(try findings(server).map(\.setting) == ["appendonly"])
        let replica = try RedisServer()
        try replica.cli("REPLICAOF", "127.0.0.1", "\(server.port)")
        try waitUntil("the replica is connected") {
            try server.cli("INFO", "replication").contains("connected_slaves:1")
        }
        #expect(try findings(server).isEmpty)
        let refused = try findings(replica)
        #expect(refused.map(\.setting) == ["role"])
        #expect(refused.first?.severity == .unsafe)
    }

    @Test("A cluster node is refused")
    func cluster() throws {
        let found = try findings(RedisServer { $0.settings["cluster-enabled"] = "yes" })
        #expect(found.map(\.setting) == ["cluster-enabled"])
    }

    @Test("Versions before 7, disks that fail and full memory are found in what INFO says")
    func texts() {
        let good = """
            redis_version:7.0.15\r\nrole:master\r\naof_enabled:1\r\nmaxmemory:1000\r
            used_memory:899\r\nmaxmemory_policy:noeviction\r\naof_last_write_status:ok\r\n
            """
        #expect(ServerInfo(text: good).findings.isEmpty)
        func settings(_ old: String, _ new: String) -> [String] {
            let parts = good.split(separator: old, omittingEmptySubsequences: false)
            return ServerInfo(text: parts.joined(separator: new)).findings.map(\.setting)
        }
        #expect(settings("7.0.15", "6.2.14") == ["redis_version"])
        #expect(settings("7.0.15", "10.1.0") == [])
        #expect(settings("redis_version", "x") == ["redis_version"])
        #expect(settings("status:ok", "status:err") == ["aof_last_write_status"])
        #expect(settings(":899", ":901") == ["maxmemory"])
        #expect(ServerInfo(text: "").findings.map(\.setting) == ["redis_version", "appendonly"])
    }
}
