// Stands between a connection and a real Redis, in the test's own thread: requests pass as they
// are, replies pass in pieces whose size the test says, each handed over before the next.

import Glibc
import TestSupport

/// A proxy for one connection at a time.
final class SlicingProxy {
    let path: String
    private let folder = TemporaryDirectory("proxy")
    private let server: String
    private let listener: Int32
    private var client: Int32 = -1
    private var upstream: Int32 = -1
    /// Bytes of replies that were not handed over yet.
    private var held: [UInt8] = []

    init(to server: RedisServer) {
        self.server = server.socketPath
        path = folder.file("proxy.sock")
        listener = socket(AF_UNIX, Self.kind, 0)
        let bound = Self.withAddress(path) { bind(listener, $0, $1) }
        precondition(bound == 0 && listen(listener, 8) == 0)
    }

    deinit {
        for descriptor in [listener, client, upstream] where descriptor >= 0 { close(descriptor) }
    }

    private static let kind =
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

    /// Passes on what there is: all requests, and at most `limit` bytes of replies.
    func pass(limit: Int) {
        if client < 0 {
            client = accept(listener, nil, nil)
            guard client >= 0 else { return }
            upstream = socket(AF_UNIX, Self.kind, 0)
            _ = Self.withAddress(server) { connect(upstream, $0, $1) }
        }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let asked = recv(client, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if asked > 0 { _ = send(upstream, buffer, asked, Int32(MSG_NOSIGNAL)) }
        let answered = recv(upstream, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if answered > 0 { held += buffer[..<answered] }
        if held.isEmpty { return }
        let piece = Array(held.prefix(limit))
        let taken = send(client, piece, piece.count, Int32(MSG_NOSIGNAL))
        if taken > 0 { held.removeFirst(taken) }
    }

    /// Ends the connection in the middle of whatever it was doing.
    func cut() {
        close(client)
        close(upstream)
        client = -1
        upstream = -1
        held = []
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
