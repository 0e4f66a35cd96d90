// A throwaway redis-server from PATH, in a folder of its own. Starting one takes some 20 ms, so
// every test has its own and none sees another's keys.

import Foundation
import Glibc
import Synchronization

/// A real Redis, ended and deleted with its owner.
package final class RedisServer: Sendable {
    package enum AppendOnly: Sendable {
        case off
        /// Written to the disk once a second: what a crash of the machine may cost.
        case everySecond
        /// Written to the disk before a reply.
        case always
    }

    package struct Options: Sendable {
        package var appendOnly = AppendOnly.everySecond
        package var memoryPolicy = "noeviction"
        package var password: String?
        /// Lines of an ACL, such as `worker on >secret ~* &* +@all`.
        package var users: [String] = []
        /// Further settings, such as `["maxmemory": "10mb"]`.
        package var settings: [String: String] = [:]
        package init() {}
    }

    package let options: Options
    /// A free port of 127.0.0.1, kept over restarts.
    package let port: Int
    package var socketPath: String { folder.file("redis.sock") }
    /// For `--redis`.
    package var url: String { "redis://127.0.0.1:\(port)" }
    package var socketURL: String { "unix://\(socketPath)" }

    private let folder = TemporaryDirectory("redis")
    private let process = Mutex<ChildProcess?>(nil)

    /// Starts it and waits until it answers. `change` alters the options.
    package init(_ change: (inout Options) -> Void = { _ in }) throws {
        var options = Options()
        change(&options)
        self.options = options
        port = FreePort.next()
        try start()
    }

    deinit { kill() }

    // MARK: Life

    /// Starts it on the data it has and waits until it answers.
    package func start() throws {
        precondition(process.withLock { $0 == nil }, "kill it before starting it again")
        var arguments = [
            "redis-server", "--dir", folder.path, "--port", "\(port)", "--bind", "127.0.0.1",
            "--unixsocket", socketPath, "--save", "", "--daemonize", "no",
            "--maxmemory-policy", options.memoryPolicy,
            "--appendonly", options.appendOnly == .off ? "no" : "yes",
            "--appendfsync", options.appendOnly == .always ? "always" : "everysec",
        ]
        if let password = options.password { arguments += ["--requirepass", password] }
        for user in options.users {
            arguments += ["--user"] + user.split(separator: " ").map(String.init)
        }
        for (name, value) in options.settings.sorted(by: { $0.key < $1.key }) {
            arguments += ["--\(name)", value]
        }
        let started = try ChildProcess(arguments)
        process.withLock { $0 = started }
        try waitUntil("redis-server on port \(port)", seen: started.tail) {
            if let ending = started.ending {
                throw DeadlinePassed(description: "redis-server ended: \(ending)\n\(started.tail)")
            }
            return answers
        }
    }

    /// It takes commands: it said PONG, or asks who is there, and is not loading its data.
    private var answers: Bool {
        let answer = exchange(with: .unix(path: socketPath), send: Array("PING\r\n".utf8)) {
            $0.last == UInt8(ascii: "\n")
        }
        let text = String(decoding: answer ?? [], as: UTF8.self)
        return text.hasPrefix("+PONG") || text.hasPrefix("-NOAUTH")
    }

    /// `kill -9`; the data stay as they are on the disk.
    package func kill() {
        process.withLock { process in
            process?.kill()
            process = nil
        }
    }

    /// `kill -9` and a start on the same data.
    package func restart() throws {
        kill()
        try start()
    }

    /// Stops the process as it is: connections stay open, nothing is answered.
    package func pause() { process.withLock { $0?.pause() } }
    package func resume() { process.withLock { $0?.resume() } }

    // MARK: What may be lost

    /// `kill -9` and a start without the newest `bytes` of what was written: what a crash of the
    /// machine may take from an append-only file.
    package func restart(losing bytes: Int) throws {
        kill()
        try cutLog(by: bytes)
        try start()
    }

    /// Takes the newest `bytes` from the append-only file of a server that was killed.
    package func cutLog(by bytes: Int) throws {
        precondition(process.withLock { $0 == nil }, "it is still being written")
        let files = try FileManager.default.contentsOfDirectory(atPath: logFolder)
        // Only the newest of its parts is being written; their numbers grow.
        let parts = files.filter { $0.hasSuffix(".incr.aof") }
        guard
            let newest = parts.max(by: { $0.compare($1, options: .numeric) == .orderedAscending })
        else { return }
        let path = "\(logFolder)/\(newest)"
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        truncate(path, max(0, status.st_size - bytes))
    }

    /// Makes a replica that has all of this server's data when this returns, and follows it.
    package func replica() throws -> RedisServer {
        precondition(options.password == nil && options.users.isEmpty)
        let replica = try RedisServer {
            $0 = options
            $0.settings["replicaof"] = "127.0.0.1 \(port)"
            $0.settings["repl-diskless-sync-delay"] = "0"
        }
        try waitUntil("a replica in step", seen: (try? replica.cli("INFO", "replication")) ?? "") {
            let text = try replica.cli("INFO", "replication")
            let state = try replica.cli("INFO", "persistence")
            // Its own append-only file is written anew after the first copy.
            return text.contains("master_link_status:up")
                && state.contains("aof_rewrite_in_progress:0")
                && state.contains("aof_rewrite_scheduled:0")
        }
        return replica
    }

    /// A replica stops following: what its primary writes from now on, it lacks.
    package func stopFollowing() throws { try cli("REPLICAOF", "NO", "ONE") }

    /// This server dies, and a replica takes its place: its data, at this server's address.
    package func fail(over replica: RedisServer) throws {
        kill()
        try replica.cli("CONFIG", "SET", "appendfsync", "always")
        replica.kill()
        try FileManager.default.removeItem(atPath: logFolder)
        try FileManager.default.moveItem(atPath: replica.logFolder, toPath: logFolder)
        try start()
    }

    private var logFolder: String { folder.file("appendonlydir") }

    // MARK: Data

    /// Runs `redis-cli` with these arguments and gives its raw output without the last line feed.
    @discardableResult
    package func cli(_ arguments: String...) throws -> String {
        var environment: [String: String?] = [:]
        if let password = options.password { environment["REDISCLI_AUTH"] = password }
        let result = try ChildProcess.run(
            ["redis-cli", "-s", socketPath] + arguments, environment: environment)
        guard result.succeeded else {
            throw ChildProcess.CannotStart(
                description: "redis-cli \(arguments): \(result.ending) \(result.errors)")
        }
        return result.output.hasSuffix("\n") ? String(result.output.dropLast()) : result.output
    }

    /// A hash's fields and values; empty if there is none.
    package func hash(_ key: String) throws -> [String: String] {
        let lines = try cli("HGETALL", key).split(separator: "\n", omittingEmptySubsequences: false)
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: lines.count - 1, by: 2) {
            fields[String(lines[index])] = String(lines[index + 1])
        }
        return fields
    }

    /// The names of the keys that match a pattern, sorted.
    package func keys(_ pattern: String = "*") throws -> [String] {
        try cli("KEYS", pattern).split(separator: "\n").map(String.init).sorted()
    }
}
