// Stands between a client and a server of this machine, and is slow, or cuts. Requests pass at
// once; replies wait for as long as they are told to, in order. Everything happens on one thread,
// in turns of poll(2).

import Foundation
import Glibc
import Synchronization

/// A proxy for any number of connections; ends with its owner.
package final class SlowProxy: Sendable {
    /// Where clients connect, on 127.0.0.1.
    package let port: Int
    private let shared: Mutex<Shared>

    fileprivate struct Shared {
        var delay: Duration = .zero
        var cuts = 0
        var hasEnded = false
    }

    /// Begins to serve, without any delay. A server that is not there is not there for clients
    /// either: their connections end at once.
    package init(to server: ServerAddress) {
        port = FreePort.next()
        shared = Mutex(Shared())
        let listener = socket(AF_INET, Relay.kind, 0)
        var on: Int32 = 1
        setsockopt(
            listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let bound = withAddress(.tcp(port: port)) { bind(listener, $0, $1) }
        precondition(bound == 0 && listen(listener, 64) == 0, "port \(port)")
        let thread = Thread { [weak self] in
            var turn = ProxyTurn(listener: listener, server: server)
            while let shared = self?.shared.withLock({ $0 }), !shared.hasEnded {
                turn.run(shared)
            }
            turn.end()
        }
        thread.name = "proxy"
        thread.start()
    }

    deinit { shared.withLock { $0.hasEnded = true } }

    /// From now on a reply is handed on so long after it came.
    package func delayReplies(by delay: Duration) { shared.withLock { $0.delay = delay } }

    /// Ends all connections in the middle of whatever they are doing.
    package func cut() { shared.withLock { $0.cuts += 1 } }
}

/// The thread's side.
private struct ProxyTurn {
    let listener: Int32
    let server: ServerAddress
    var relays: [Relay] = []
    var cuts = 0

    /// Waits a little for something to do, and does it.
    mutating func run(_ shared: SlowProxy.Shared) {
        if shared.cuts != cuts {
            cuts = shared.cuts
            closeAll()
        }
        var polls = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        for relay in relays { polls += relay.polls }
        // Cuts, delays and the end are seen after this at the latest.
        guard poll(&polls, nfds_t(polls.count), 5) >= 0 else { return }
        let now = ContinuousClock.now
        for index in relays.indices { relays[index].pass(now: now, delay: shared.delay) }
        relays.removeAll { relay in
            if relay.isOver { relay.end() }
            return relay.isOver
        }
        if polls[0].revents != 0 { acceptAll() }
    }

    private mutating func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { return }
            // Accepted sockets do not inherit the flags.
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            if let relay = Relay(client: client, to: server) { relays.append(relay) }
        }
    }

    private mutating func closeAll() {
        for relay in relays { relay.end() }
        relays.removeAll()
    }

    mutating func end() {
        closeAll()
        close(listener)
    }
}

/// One client's connection and its counterpart.
private struct Relay {
    static let kind =
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | closeOnExec
    /// No more is read while so much waits to be handed on.
    private static let limit = 1 << 20

    private struct Piece {
        var due: ContinuousClock.Instant
        var bytes: [UInt8]
    }

    private let client: Int32
    private let upstream: Int32
    private var requests: [UInt8] = []
    private var replies: [Piece] = []
    private var heldBytes = 0
    private var hasServerEnded = false
    private(set) var isOver = false

    init?(client: Int32, to server: ServerAddress) {
        let family: Int32
        switch server {
        case .tcp: family = AF_INET
        case .unix: family = AF_UNIX
        }
        upstream = socket(family, Self.kind, 0)
        self.client = client
        let connected = withAddress(server) { connect(upstream, $0, $1) }
        guard connected == 0 || errno == EINPROGRESS else {
            end()
            return nil
        }
    }

    func end() {
        close(client)
        if upstream >= 0 { close(upstream) }
    }

    /// What is worth waking up for.
    var polls: [pollfd] {
        var ofClient: Int32 = requests.count < Self.limit ? POLLIN : 0
        // A piece that is not due yet is looked at when the wait is over.
        if let first = replies.first, first.due <= .now { ofClient |= POLLOUT }
        var ofServer: Int32 = heldBytes < Self.limit && !hasServerEnded ? POLLIN : 0
        if !requests.isEmpty { ofServer |= POLLOUT }
        return [
            pollfd(fd: client, events: Int16(ofClient), revents: 0),
            pollfd(fd: hasServerEnded ? -1 : upstream, events: Int16(ofServer), revents: 0),
        ]
    }

    /// Passes on what can be passed on now.
    mutating func pass(now: ContinuousClock.Instant, delay: Duration) {
        if requests.count < Self.limit, let bytes = take(from: client) { requests += bytes }
        if !hasServerEnded, heldBytes < Self.limit, let bytes = take(from: upstream) {
            heldBytes += bytes.count
            replies.append(Piece(due: now + delay, bytes: bytes))
        }
        requests.removeFirst(give(requests, to: upstream))
        while let first = replies.first, first.due <= now, !isOver {
            let count = give(first.bytes, to: client)
            heldBytes -= count
            replies[0].bytes.removeFirst(count)
            guard replies[0].bytes.isEmpty else { break }
            replies.removeFirst()
        }
        if hasServerEnded && replies.isEmpty { isOver = true }
    }

    /// What has come, or nil if nothing did.
    private mutating func take(from descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 { return Array(buffer[..<count]) }
        // Not connected yet, or nothing there.
        if count < 0, [EAGAIN, EINTR, ENOTCONN].contains(errno) { return nil }
        if descriptor == upstream { hasServerEnded = true } else { isOver = true }
        return nil
    }

    /// Hands on what is taken at once, and says how much that was.
    private mutating func give(_ bytes: [UInt8], to descriptor: Int32) -> Int {
        guard !bytes.isEmpty else { return 0 }
        let count = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        if count < 0, ![EAGAIN, EINTR, ENOTCONN].contains(errno) {
            if descriptor == upstream { hasServerEnded = true } else { isOver = true }
        }
        return max(0, count)
    }
}
