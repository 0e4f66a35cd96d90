// Whether a Redis keeps what it is given. This service stores the only copy of states that took a
// log of weeks to build; a server that evicts, or forgets all at a restart, or is a replica, is
// refused before the first write. Decided from the text of `INFO`, which every user may be allowed
// to read.

/// One thing that is not as it should be.
package struct ServerFinding: Hashable, Sendable {
    package enum Severity: Hashable, Sendable {
        /// States would be lost or wrong: do not start.
        case unsafe
        /// It works, until something happens.
        case warning
    }
    package let severity: Severity
    /// The setting it is about, as Redis names it.
    package let setting: String
    /// What is wrong, and what to change.
    package let text: String
}

/// What `INFO` says of a server.
package struct ServerInfo: Sendable {
    private let values: [Substring: Substring]

    /// Parses the reply to `INFO`.
    package init(text: String) {
        var values: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[line[..<colon]] = line[line.index(after: colon)...]
        }
        self.values = values
    }

    /// Reads the reply to `INFO`.
    package init(_ reply: Reply) throws(RedisLinkError) {
        if let error = reply.error() { throw error }
        guard reply.kind == .string else { throw .unexpected("INFO", reply) }
        self.init(text: reply.text)
    }

    package subscript(name: String) -> String? { values[name[...]].map(String.init) }

    package var version: String? { self["redis_version"] }

    private func number(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

    /// Whether the server reads its data in and is not in service yet.
    package var isLoading: Bool { self["loading"] == "1" }

    /// All that is not as it should be, the worst first.
    package var findings: [ServerFinding] {
        let all = [
            checkVersion, checkRole, checkCluster, checkEviction, checkDurability, checkWrites,
            checkMemory,
        ].compactMap { $0() }
        return all.filter { $0.severity == .unsafe } + all.filter { $0.severity == .warning }
    }

    /// `BLMPOP` came with 7.0.
    private func checkVersion() -> ServerFinding? {
        let version = version ?? "unknown"
        let major = version.split(separator: ".").first.flatMap { Int($0) } ?? 0
        if major >= 7 { return nil }
        return ServerFinding(
            severity: .unsafe, setting: "redis_version",
            text: "Redis is \(version); 7.0 or later is needed (BLMPOP): upgrade it")
    }

    private func checkRole() -> ServerFinding? {
        guard let role = self["role"], role != "master" else { return nil }
        return ServerFinding(
            severity: .unsafe, setting: "role",
            text: "this server is a \(role) and refuses writes: use the address of the master")
    }

    private func checkCluster() -> ServerFinding? {
        guard self["cluster_enabled"] == "1" else { return nil }
        return ServerFinding(
            severity: .unsafe, setting: "cluster-enabled",
            text: "Redis Cluster: redirections are not followed, and requests of many partitions "
                + "are awaited in one call, which a cluster refuses: use a server that is no "
                + "cluster node")
    }

    private func checkEviction() -> ServerFinding? {
        guard let policy = self["maxmemory_policy"], policy != "noeviction" else { return nil }
        let unlimited = number("maxmemory") == 0
        return ServerFinding(
            severity: unlimited ? .warning : .unsafe, setting: "maxmemory-policy",
            text: "maxmemory-policy is \(policy): Redis "
                + (unlimited ? "would throw data away once maxmemory is set" : "throws data away")
                + ": CONFIG SET maxmemory-policy noeviction, and the same in redis.conf")
    }

    private func checkDurability() -> ServerFinding? {
        let hasReplica = (number("connected_slaves") ?? 0) > 0
        if self["aof_enabled"] == "1" || hasReplica { return nil }
        return ServerFinding(
            severity: .unsafe, setting: "appendonly",
            text: "neither an append-only file nor a replica: a restart loses all since the last "
                + "snapshot: CONFIG SET appendonly yes, and the same in redis.conf, or connect a "
                + "replica")
    }

    private func checkWrites() -> ServerFinding? {
        let statuses = [
            "aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status",
        ]
        for status in statuses where self[status] == "err" {
            return ServerFinding(
                severity: .warning, setting: status,
                text: "\(status) is err: Redis could not write to its disk and may refuse all "
                    + "writes (MISCONF): look at its log and at the free space of its disk")
        }
        return nil
    }

    private func checkMemory() -> ServerFinding? {
        guard let limit = number("maxmemory"), limit > 0, let used = number("used_memory"),
            used > limit / 10 * 9
        else { return nil }
        return ServerFinding(
            severity: .warning, setting: "maxmemory",
            text: "\(used) of \(limit) bytes are used; at the limit all writes are refused (OOM): "
                + "raise maxmemory")
    }
}
