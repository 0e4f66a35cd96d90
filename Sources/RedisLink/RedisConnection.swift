// One connection to Redis, driven by its owner's poll loop: it never blocks (but for looking a name
// up), has no thread and no clock, and says what it waits for.
//
//     idle --connect--> connecting --> handshaking --> ready --any failure--> broken
//                           ^                                                    |
//                           +-------------- tick, after a waiting time ----------+
//
// A turn of the owner: on readiness `handleReadable`, then `nextReply` until it is nil, and
// `handleWritable`; write new requests to `output` while `isReady`; `flush`; `tick` by
// `nextDeadline`. Replies come in the order of requests, one each. When a connection breaks, all
// that it was owed is gone with it and `generation` tells: whether those requests were executed,
// nobody knows. That is why a commit carries a number and a claim follows on every new connection.

internal import Synchronization

/// A connection and the requests on their way over it.
package struct RedisConnection: ~Copyable {
    /// What differs between connections.
    package struct Settings: Sendable {
        /// Shown by `CLIENT LIST`; without spaces.
        package var name = "readstates"
        /// For opening a socket to one address of a name, and once more for the handshake. Looking
        /// the name up is not counted: a slow resolver says nothing about the server.
        package var connectTimeoutMilliseconds: Int64 = 5_000
        /// The longest silence while a reply is owed. A request that blocks must block for less.
        package var replyTimeoutMilliseconds: Int64 = 10_000
        /// The first waiting time before connecting again, and the longest.
        package var backoffFloorMilliseconds: Int64 = 50
        package var backoffCeilingMilliseconds: Int64 = 5_000
        /// Where the randomness of waiting times comes from.
        package var jitterSeed: UInt64 = 0
        /// False for a client that only pushes and pops, and may be allowed no more.
        package var loadsScripts = true
        package init() {}
    }

    package enum State: Hashable, Sendable {
        case idle, connecting, handshaking, ready
        case broken(RedisLinkError)
    }

    package let address: RedisAddress
    package let settings: Settings
    package private(set) var state = State.idle
    /// Counts sockets: what was expected of an older one will not come.
    package private(set) var generation: UInt64 = 0
    /// This connection's id at the server, for `CLIENT UNBLOCK`; nil if the server would not say.
    package private(set) var clientID: Int64?

    private let resolve: Resolver
    private var socket: Socket?
    private var writer = RespWriter()
    private var reader = ReplyReader()
    private var backoff: Backoff
    /// Addresses of the name that are still to be tried.
    private var candidates: [SocketAddress] = []
    private var steps: [HandshakeStep] = []
    private var stepsDone = 0
    /// The latest moment that the owner told.
    private var now: Int64 = 0
    /// A name was looked up since then, and nobody knows how long that took: what began meanwhile
    /// counts from the next moment that the owner tells.
    private var isTimeOld = false
    private var connectDeadline: Int64 = 0
    private var retryAt: Int64 = 0
    /// Since when the server is silent although it owes a reply; nil: it owes none.
    private var silentSince: Int64?
    /// Why nothing can be sent any more. The server may have said more before it closed, such as
    /// the reason, or that it has carried something out: the connection breaks when that is read.
    private var sendFailure: RedisLinkError?
    /// The socket may hold more bytes than were read.
    private var isReadable = false
    /// Bytes that this turn may still read.
    private var readBudget = 0
    /// A value with an atomic in it has a fixed place: nobody who asks it something copies it first
    /// (Swift 6.3 copies all 480 bytes of one without).
    private let inPlace = Atomic(false)

    /// One connection must not keep its owner from the others: the rest is read in the next turn.
    private static let readBudgetPerTurn = 1 << 20

    /// Looks up where an endpoint is.
    typealias Resolver = (RedisAddress.Endpoint) throws(RedisLinkError) -> [SocketAddress]

    package init(address: RedisAddress, settings: Settings) {
        self.init(address: address, settings: settings, resolve: SocketAddress.all)
    }

    /// A connection whose names are looked up by `resolve`.
    init(address: RedisAddress, settings: Settings, resolve: @escaping Resolver) {
        self.address = address
        self.settings = settings
        self.resolve = resolve
        backoff = Backoff(
            floor: settings.backoffFloorMilliseconds, ceiling: settings.backoffCeilingMilliseconds,
            seed: settings.jitterSeed)
    }

    // MARK: What the owner's poll loop asks

    /// The socket, if there is one. Whenever `generation` has changed it is another one, even if
    /// the number is the same.
    package var fileDescriptor: Int32? {
        switch socket {
        case .some(let socket): return socket.descriptor
        case nil: return nil
        }
    }

    package var isReady: Bool {
        if case .ready = state { return true }
        return false
    }

    /// Why the connection is broken; nil if it is not.
    package var failure: RedisLinkError? {
        if case .broken(let error) = state { return error }
        return nil
    }

    package var wantsRead: Bool {
        switch state {
        case .handshaking, .ready: return true
        case .idle, .connecting, .broken: return false
        }
    }

    package var wantsWrite: Bool {
        switch state {
        case .connecting: return true
        case .handshaking, .ready: return sendFailure == nil && !writer.buffer.isEmpty
        case .idle, .broken: return false
        }
    }

    /// Requests that were written to `output` and not answered yet; a transaction is one.
    package var outstanding: Int { writer.owed.requests }

    /// Bytes of requests that the socket has not taken yet.
    package var unsentBytes: Int { writer.buffer.count }

    /// When `tick` is to be called at the latest, on the owner's clock in milliseconds; nil: never.
    package var nextDeadline: Int64? {
        switch state {
        case .idle: return nil
        case .connecting, .handshaking: return connectDeadline
        case .ready: return silentSince.map { $0 + settings.replyTimeoutMilliseconds }
        case .broken: return retryAt
        }
    }

    // MARK: Events

    /// Begins to connect, at once.
    package mutating func connect(now: Int64) {
        switch state {
        case .idle, .broken: break
        case .connecting, .handshaking, .ready: preconditionFailure("it is connected already")
        }
        tell(now)
        defer { isTimeOld = true }
        do {
            candidates = try resolve(address.endpoint)
            openNext(after: RedisLinkError(.connect, .unreachable, "no address"))
        } catch {
            fail(error)
        }
    }

    /// Ends the connection for good; what was not answered is dropped.
    package mutating func disconnect() {
        closeSocket()
        state = .idle
    }

    /// The socket has bytes, has ended, or failed. Replies to requests are then in `nextReply`.
    package mutating func handleReadable(now: Int64) {
        tell(now)
        isReadable = true
        readBudget = Self.readBudgetPerTurn
        if case .handshaking = state { advanceHandshake() }
    }

    /// The socket takes bytes, or its connection attempt has ended.
    package mutating func handleWritable(now: Int64) {
        tell(now)
        if case .connecting = state {
            finishConnecting()
        } else {
            flush(now: now)
        }
    }

    /// Time has passed: ends what takes too long, and connects again when it is time.
    package mutating func tick(now: Int64) {
        tell(now)
        guard let deadline = nextDeadline, now >= deadline else { return }
        switch state {
        case .idle: break
        case .connecting:
            openNext(after: RedisLinkError(.connect, .timedOut, "no connection in time"))
        case .handshaking:
            fail(RedisLinkError(.handshake, .timedOut, "no answer in time", key: "\(address)"))
        case .ready:
            fail(
                RedisLinkError(
                    .receive, .timedOut,
                    "silent for \(settings.replyTimeoutMilliseconds) ms with \(outstanding) "
                        + "requests unanswered", key: "\(address)"))
        case .broken: connect(now: now)
        }
    }

    // MARK: Requests and replies

    /// Where requests are written, while `isReady`. Nothing leaves before `flush`.
    package var output: RespWriter {
        _read { yield writer }
        _modify {
            precondition(isReady, "a connection that is not ready takes no requests")
            yield &writer
        }
    }

    /// Sends what the socket takes of `output`.
    package mutating func flush(now: Int64) {
        tell(now)
        precondition(writer.isComplete, "a request is written as a whole")
        if silentSince == nil, outstanding > 0 { silentSince = now }
        while wantsWrite, let transfer = send() {
            switch transfer {
            case .bytes(let count): writer.removeFirst(count)
            case .later, .end: return
            case .failed(let error): sendFailure = error
            }
        }
    }

    /// The reply to the oldest request that has none yet; nil: no whole reply is there, or the
    /// connection is broken. A reply that says so itself (`NOSCRIPT`, `READONLY`) breaks it too.
    @_lifetime(&self)
    package mutating func nextReply() -> Reply? {
        hasReply() ? reply : nil
    }

    /// Whether there is a reply to the oldest request that has none yet: `nextReply` in two steps,
    /// for an owner that must look at the reply while it is not changing the connection.
    package mutating func hasReply() -> Bool {
        guard isReady, advance() else { return false }
        if outstanding == 0 { silentSince = nil }
        if !reader.reply.isError {
            backoff.reset()
        } else if let error = reader.reply.error(), error.endsConnection {
            fail(error)
        }
        return true
    }

    /// The reply that `hasReply` has found.
    package var reply: Reply {
        @_lifetime(borrow self)
        borrowing get { reader.reply }
    }

    /// Reads and parses until `reader` shows the reply to a request.
    private mutating func advance() -> Bool {
        do throws(RedisLinkError) {
            repeat {
                while try reader.next() {
                    let isError = reader.reply.isError
                    switch writer.owed.take(isError: isError) {
                    case .answer: return true
                    case .skip: break
                    case .unexpected:
                        throw RedisLinkError(
                            .receive, .protocolViolation,
                            "a reply that nobody asked for: \(reader.reply.text)")
                    }
                }
            } while fill()
        } catch {
            fail(error)
        }
        return false
    }

    /// Feeds the parser with what the socket has: whether that was anything.
    private mutating func fill() -> Bool {
        guard isReadable, readBudget > 0, let transfer = receive() else { return false }
        switch transfer {
        case .bytes(let count):
            readBudget -= count
            silentSince = now
            // Less than asked for: there was no more.
            if count < ReplyReader.chunkSize { isReadable = false }
            return true
        case .later: isReadable = false
        case .end:
            fail(RedisLinkError(.receive, .closed, "the server closed the connection"))
        case .failed(let error): fail(error)
        }
        return false
    }

    private func send() -> Socket.Transfer? {
        switch socket {
        case .some(let socket): return socket.send(writer.buffer.bytes)
        case nil: return nil
        }
    }

    private mutating func receive() -> Socket.Transfer? {
        switch socket {
        case .some(let socket): return reader.feed(from: socket)
        case nil: return nil
        }
    }

    private func connectFailure() -> RedisLinkError? {
        switch socket {
        case .some(let socket): return socket.connectFailure()
        case nil: return nil
        }
    }

    // MARK: Connecting

    /// Opens a socket to the next address, or gives up with what went wrong at the last one.
    private mutating func openNext(after failure: RedisLinkError) {
        closeSocket()
        var failure = failure
        while !candidates.isEmpty {
            let candidate = candidates.removeFirst()
            do {
                socket = try candidate.connect()
                generation += 1
                reader = ReplyReader()
                isReadable = false
                state = .connecting
                connectDeadline = now + settings.connectTimeoutMilliseconds
                return
            } catch {
                failure = error
            }
        }
        fail(failure.naming("\(address)"))
    }

    private mutating func finishConnecting() {
        if let failure = connectFailure() { return openNext(after: failure) }
        candidates.removeAll()
        state = .handshaking
        connectDeadline = now + settings.connectTimeoutMilliseconds
        clientID = nil
        writer.scriptHashes.removeAll(keepingCapacity: true)
        steps = HandshakeStep.steps(address, settings)
        stepsDone = 0
        for step in steps { step.write(address, settings, to: &writer) }
        flush(now: now)
    }

    private mutating func advanceHandshake() {
        while case .handshaking = state, advance() {
            let step = steps[stepsDone]
            stepsDone += 1
            let reply = reader.reply.copy()
            if case .error(var error) = reply {
                error.operation = .handshake
                guard step.mayBeRefused(with: error) else { return fail(error) }
            } else if case .clientID = step {
                clientID = reply.integer
            } else if case .load = step {
                writer.scriptHashes.append(reply.text ?? "")
            }
            if stepsDone == steps.count {
                state = .ready
                silentSince = nil
            }
        }
    }

    private mutating func tell(_ now: Int64) {
        if isTimeOld {
            connectDeadline += now - self.now
            retryAt += now - self.now
            isTimeOld = false
        }
        self.now = now
    }

    private mutating func fail(_ error: RedisLinkError) {
        closeSocket()
        candidates.removeAll()
        state = .broken(error)
        retryAt = now + backoff.next()
    }

    private mutating func closeSocket() {
        socket = nil
        writer.removeAll()
        silentSince = nil
        sendFailure = nil
        isReadable = false
    }
}
