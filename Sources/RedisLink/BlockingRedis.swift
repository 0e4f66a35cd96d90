// Redis for those who have time: commands and tools that ask one thing after the other. The same
// connection as the service's, waited for with poll(2).

import Glibc

/// A connection that is asked and waits for the answer. A failed call leaves it broken, and the
/// next one connects again; nothing is ever sent twice.
package struct BlockingRedis: ~Copyable {
    private var connection: RedisConnection
    /// How long one call may take. Where it has to connect first, each step of that may take as
    /// long, or as the settings say if that is less.
    package let timeoutMilliseconds: Int64

    /// Connects.
    package init(
        _ address: RedisAddress, settings: RedisConnection.Settings = .init(),
        timeoutMilliseconds: Int64 = 5_000
    ) throws(RedisLinkError) {
        try self.init(
            address, settings: settings, timeoutMilliseconds: timeoutMilliseconds,
            resolve: SocketAddress.all)
    }

    /// Connects to an address whose name is looked up by `resolve`.
    init(
        _ address: RedisAddress, settings: RedisConnection.Settings = .init(),
        timeoutMilliseconds: Int64, resolve: @escaping RedisConnection.Resolver
    ) throws(RedisLinkError) {
        var settings = settings
        settings.connectTimeoutMilliseconds = min(
            settings.connectTimeoutMilliseconds, timeoutMilliseconds)
        connection = RedisConnection(address: address, settings: settings, resolve: resolve)
        self.timeoutMilliseconds = timeoutMilliseconds
        try becomeReady()
    }

    /// This connection's id at the server, for `CLIENT UNBLOCK`.
    package var clientID: Int64? { connection.clientID }

    /// Sends a command of words, and waits for its reply. An error reply is thrown.
    @_lifetime(&self)
    package mutating func call(_ words: String...) throws(RedisLinkError) -> Reply {
        try call { output in output.command(words) }
    }

    /// Sends the one request that `write` writes, and waits for its reply for
    /// `timeoutMilliseconds`, or longer. An error reply is thrown.
    @_lifetime(&self)
    package mutating func call(
        timeoutMilliseconds: Int64? = nil, _ write: (inout RespWriter) -> Void
    ) throws(RedisLinkError) -> Reply {
        try becomeReady()
        let deadline = Self.now + (timeoutMilliseconds ?? self.timeoutMilliseconds)
        write(&connection.output)
        precondition(connection.outstanding == 1, "a call is one request")
        connection.flush(now: Self.now)
        while !connection.hasReply() {
            if let failure = connection.failure { throw failure }
            try wait(until: deadline)
        }
        if let error = connection.reply.error() { throw error }
        return connection.reply
    }

    /// The time on the clock that this type tells its connection, in milliseconds.
    private static var now: Int64 {
        var time = timespec()
        // The monotonic clock is always there.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Connects, within the deadlines that the connection has for it.
    private mutating func becomeReady() throws(RedisLinkError) {
        if connection.isReady { return }
        connection.connect(now: Self.now)
        while !connection.isReady {
            if let failure = connection.failure { throw failure }
            turn(until: connection.nextDeadline ?? Self.now)
        }
    }

    /// Waits for the socket, once, and hands what happened to the connection.
    private mutating func wait(until deadline: Int64) throws(RedisLinkError) {
        guard deadline > Self.now else {
            connection.disconnect()
            throw RedisLinkError(
                .request, .timedOut, "no answer in \(timeoutMilliseconds) ms",
                key: "\(connection.address)")
        }
        turn(until: deadline)
    }

    private mutating func turn(until deadline: Int64) {
        let events =
            (connection.wantsRead ? POLLIN : 0) | (connection.wantsWrite ? POLLOUT : 0)
        // Without a socket there is nothing but time to wait for.
        var poll = pollfd(
            fd: connection.fileDescriptor ?? -1, events: Int16(events), revents: 0)
        // One entry. An interrupted wait is another turn.
        let count = unsafe Glibc.poll(&poll, 1, Int32(clamping: max(0, deadline - Self.now)))
        let now = Self.now
        guard count > 0 else { return connection.tick(now: now) }
        let failed = Int32(poll.revents) & (POLLERR | POLLHUP)
        if connection.wantsWrite, Int32(poll.revents) & POLLOUT | failed != 0 {
            connection.handleWritable(now: now)
        }
        if connection.wantsRead, Int32(poll.revents) & POLLIN | failed != 0 {
            connection.handleReadable(now: now)
        }
    }
}
