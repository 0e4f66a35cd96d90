// Drives a connection as a shard's poll loop does: one poll(2), the events, the deadlines. Time is
// the system's unless a test says otherwise by `skew`, so a time-out needs no waiting for.

import Glibc
import RedisLink
import TestSupport

/// A connection with a poll loop of its own.
final class Link {
    var connection: RedisConnection
    /// Milliseconds that the connection is told to be later than it is.
    var skew: Int64 = 0
    /// Replies that came and were not asked for yet.
    private var received: [RedisValue] = []

    init(
        _ address: RedisAddress, _ change: (inout RedisConnection.Settings) -> Void = { _ in }
    ) {
        var settings = RedisConnection.Settings()
        change(&settings)
        connection = RedisConnection(address: address, settings: settings)
        connection.connect(now: Self.clock)
    }

    /// A connection that is ready.
    convenience init(
        ready server: RedisServer,
        _ change: (inout RedisConnection.Settings) -> Void = { _ in }
    ) throws {
        self.init(RedisAddress(.unix(path: server.socketPath)), change)
        try becomeReady()
    }

    // `#expect` cannot look into a value that cannot be copied.
    var isReady: Bool { connection.isReady }
    var broken: RedisLinkError? { connection.failure }
    var state: RedisConnection.State { connection.state }
    var generation: UInt64 { connection.generation }
    var outstanding: Int { connection.outstanding }
    var unsentBytes: Int { connection.unsentBytes }
    var nextDeadline: Int64? { connection.nextDeadline }
    var clientID: Int64? { connection.clientID }

    var now: Int64 { Self.clock + skew }

    private static var clock: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// One turn, with all replies taken.
    func turn(limit: Int32 = 20) {
        turnOnce(limit: limit)
        while let reply = connection.nextReply() { received.append(reply.copy()) }
        connection.tick(now: now)
    }

    /// Waits for events for at most `limit` milliseconds, and handles them; replies stay.
    func turnOnce(limit: Int32 = 20) {
        if let descriptor = connection.fileDescriptor {
            if connection.isReady { connection.flush(now: now) }
            let events = (connection.wantsRead ? POLLIN : 0) | (connection.wantsWrite ? POLLOUT : 0)
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            poll(&entry, 1, limit)
            let seen = Int32(entry.revents)
            if seen & (POLLOUT | POLLERR | POLLHUP) != 0, connection.wantsWrite {
                connection.handleWritable(now: now)
            }
            if seen & (POLLIN | POLLERR | POLLHUP) != 0, connection.wantsRead {
                connection.handleReadable(now: now)
            }
        } else {
            poll(nil, 0, 1)
        }
    }

    /// Waits for the next reply, and gives what `body` makes of it. (What a class stores can be
    /// borrowed for the length of a call only, hence the detour.)
    func read<Result>(_ body: (Reply) throws -> Result) throws -> Result {
        func next(_ connection: inout RedisConnection) throws -> Result? {
            guard let reply = connection.nextReply() else { return nil }
            return try body(reply)
        }
        let end = Self.clock + 60_000
        while Self.clock < end {
            if let result = try next(&connection) { return result }
            if let failure = connection.failure { throw failure }
            turnOnce()
        }
        throw Stuck(description: "no reply; \(connection.state)")
    }

    /// Turns until `condition` holds.
    func run(
        until what: String, _ condition: (borrowing RedisConnection) -> Bool
    ) throws {
        let end = Self.clock + 60_000
        while !condition(connection) {
            guard Self.clock < end else {
                throw Stuck(description: "never: \(what); \(connection.state)")
            }
            turn()
        }
    }

    func becomeReady() throws {
        try run(until: "ready") { $0.isReady }
    }

    /// The failure that the connection comes to.
    func failure() throws -> RedisLinkError? {
        try run(until: "broken") { $0.failure != nil }
        return connection.failure
    }

    /// The next `count` replies.
    func replies(_ count: Int) throws -> [RedisValue] {
        let end = Self.clock + 60_000
        while received.count < count {
            guard Self.clock < end, connection.isReady || !received.isEmpty else {
                throw Stuck(description: "\(received.count) of \(count); \(connection.state)")
            }
            turn()
        }
        defer { received.removeFirst(count) }
        return Array(received.prefix(count))
    }

    /// Replies that came already.
    var waiting: Int { received.count }

    /// Sends one command, and gives its reply.
    func ask(_ words: String...) throws -> RedisValue {
        connection.output.command(words)
        return try replies(1)[0]
    }
}

struct Stuck: Error, CustomStringConvertible { let description: String }

extension RedisValue {
    var failure: RedisLinkError? {
        if case .error(let error) = self { return error }
        return nil
    }
    static func text(_ text: String) -> RedisValue { .string(Array(text.utf8)) }
}
