// One of a shard's connections to Redis, with what its replies belong to. A shard has four:
// commits, loads, replies and requests. Commits are apart because a new connection for them means a
// new claim; requests because their call blocks; loads and replies so that neither waits behind the
// other.

import ReadStateCore
import RedisLink

/// A connection on a shard's loop and the requests on their way over it.
final class RedisLane<Expected> {
    var connection: RedisConnection
    var expected = Expectations<Expected>()
    let name: String
    private let token: UInt64
    private let outstandingLimit: Int
    /// What epoll was told: the socket's generation and whether it waits for writing.
    private var watched: (generation: UInt64, writes: Bool)?
    /// The generation whose readiness the shard has acted upon.
    private var seenReady: UInt64 = 0

    init(
        name: String, token: UInt64, outstandingLimit: Int,
        connection: consuming RedisConnection
    ) {
        self.outstandingLimit = outstandingLimit
        self.name = name
        self.token = token
        self.connection = connection
    }

    var isReady: Bool { connection.isReady }

    /// Whether it can take more: requests are held back rather than piled up, unsent or in the
    /// server, where others would have to wait behind them.
    var takesMore: Bool {
        isReady && connection.unsentBytes < 1 << 20 && connection.outstanding < outstandingLimit
    }

    /// True once for every new connection that became ready.
    func becameReady() -> Bool {
        guard isReady, seenReady != connection.generation else { return false }
        seenReady = connection.generation
        return true
    }

    /// Once for every connection that was ready and is not any more: what was expected from it and
    /// will not come.
    func becameBroken() -> [Expected]? {
        guard !isReady, seenReady != 0 else { return nil }
        seenReady = 0
        return expected.takeAll()
    }

    /// Sends, and tells epoll what to wait for now.
    func settle(_ epoll: borrowing Epoll, now: Int64) throws(SystemCallError) {
        if case .idle = connection.state {
            connection.connect(now: now)
        } else {
            if isReady { connection.flush(now: now) }
            connection.tick(now: now)
        }
        guard let descriptor = connection.fileDescriptor else {
            watched = nil
            return
        }
        let generation = connection.generation
        let writes = connection.wantsWrite
        let interest: Interest = writes ? [.read, .write] : .read
        if watched?.generation != generation {
            try epoll.add(descriptor, token: token, interest)
        } else if watched?.writes != writes {
            try epoll.modify(descriptor, token: token, interest)
        }
        watched = (generation, writes)
    }

    /// Epoll says that something can be done.
    func handle(_ readiness: Readiness, now: Int64) {
        guard watched?.generation == connection.generation else { return }
        if connection.wantsWrite, readiness.writable || readiness.hangup {
            connection.handleWritable(now: now)
        }
        // A refused attempt is followed by one to the next address of the name, of which nothing
        // was said yet.
        guard watched?.generation == connection.generation else { return }
        if connection.wantsRead, readiness.readable || readiness.hangup {
            connection.handleReadable(now: now)
        }
    }
}
