// A non-blocking stream socket, TCP or unix, and the addresses it can be opened to. hiredis could
// connect too, but only to the first address of a name, and it writes without MSG_NOSIGNAL: one
// closed connection would end the process.

import Glibc

/// Where a socket can be opened to: one of the addresses that a name stands for.
struct SocketAddress: Sendable {
    private let family: Int32
    private let bytes: [UInt8]

    /// All addresses of an endpoint, in the system's order of preference, at least one. Looking a
    /// name up blocks for as long as the system's resolver does; a literal address or a path does
    /// not.
    static func all(of endpoint: RedisAddress.Endpoint) throws(RedisLinkError) -> [SocketAddress] {
        switch endpoint {
        case .unix(let path): return [unix(path)]
        case .tcp(let host, let port): return try resolve(host, port)
        }
    }

    private static func unix(_ path: String) -> SocketAddress {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The address is a plain struct of bytes, zero behind the path.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            precondition(path.utf8.count < field.count, "the path of a socket was checked")
            unsafe field.copyBytes(from: path.utf8)
        }
        let bytes = unsafe withUnsafeBytes(of: &address) { unsafe [UInt8]($0) }
        return SocketAddress(family: AF_UNIX, bytes: bytes)
    }

    private static func resolve(
        _ host: String, _ port: UInt16
    ) throws(RedisLinkError) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>? = nil
        let code = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            // gai_strerror returns a constant of the system's.
            let reason = unsafe String(cString: gai_strerror(code))
            throw RedisLinkError(.resolve, .unreachable, reason, key: host)
        }
        defer { unsafe freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = unsafe list
        // The list is walked before it is freed, and each address is copied.
        while let info = unsafe next?.pointee {
            let raw = unsafe UnsafeRawBufferPointer(
                start: info.ai_addr, count: Int(info.ai_addrlen))
            unsafe found.append(SocketAddress(family: info.ai_family, bytes: [UInt8](raw)))
            unsafe next = info.ai_next
        }
        guard !found.isEmpty else {
            throw RedisLinkError(.resolve, .unreachable, "the name has no address", key: host)
        }
        return found
    }

    /// A socket on its way to this address.
    func connect() throws(RedisLinkError) -> Socket {
        let flags =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, flags, 0)
        guard descriptor >= 0 else { throw Socket.failure(.connect, errno) }
        let opened = Socket(descriptor: descriptor)
        if family != AF_UNIX { opened.tune() }
        let result = unsafe bytes.withUnsafeBytes { raw in
            // Made by `unix` or the resolver as an address of this family and length.
            unsafe Glibc.connect(
                descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(raw.count))
        }
        if result != 0, errno != EINPROGRESS { throw Socket.failure(.connect, errno) }
        return opened
    }
}

/// An open socket; closed when it goes out of use.
struct Socket: ~Copyable {
    let descriptor: Int32

    /// What a read or write came to.
    enum Transfer {
        case bytes(Int)
        /// The socket would block.
        case later
        case end
        case failed(RedisLinkError)
    }

    fileprivate init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Small writes leave at once; a peer that is gone is found within about two minutes even when
    /// nothing is asked of it.
    fileprivate borrowing func tune() {
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 15)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 4)
    }

    private borrowing func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        // A refused option costs speed, not correctness: nothing to do about it.
        _ = unsafe setsockopt(
            descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Why a connection attempt failed, once the socket is writable; nil: it did not.
    borrowing func connectFailure() -> RedisLinkError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else {
            return Self.failure(.connect, errno)
        }
        return code == 0 ? nil : Self.failure(.connect, code)
    }

    borrowing func send(_ bytes: RawSpan) -> Transfer {
        while true {
            // The span is valid during the call.
            let sent = unsafe bytes.withUnsafeBytes { raw in
                unsafe Glibc.send(
                    descriptor, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
            }
            if sent >= 0 { return .bytes(sent) }
            if errno == EINTR { continue }
            if errno == EAGAIN || errno == EWOULDBLOCK { return .later }
            return .failed(Self.failure(.send, errno))
        }
    }

    /// Reads at most what `buffer` holds.
    borrowing func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        while true {
            // The caller's buffer is valid during the call and as long as it says.
            let received = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if received > 0 { return .bytes(received) }
            if received == 0 { return .end }
            if errno == EINTR { continue }
            if errno == EAGAIN || errno == EWOULDBLOCK { return .later }
            return .failed(Self.failure(.receive, errno))
        }
    }

    static func failure(
        _ operation: RedisLinkError.Operation, _ code: Int32
    ) -> RedisLinkError {
        let kind: RedisLinkError.Kind
        switch code {
        case ETIMEDOUT: kind = .timedOut
        case ECONNRESET, EPIPE: kind = .closed
        case EACCES, EPERM: kind = .permission
        default: kind = .unreachable
        }
        var text = [CChar](repeating: 0, count: 128)
        // The XSI form: it writes at most `count` bytes, zero included.
        let reason =
            unsafe strerror_r(code, &text, text.count) == 0
            ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            : "errno \(code)"
        return RedisLinkError(operation, kind, reason)
    }
}
