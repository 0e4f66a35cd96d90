// Just enough of sockets for tests: a free port, and one request with its answer, to see whether a
// server answers without using the code under test.

import Glibc
import Synchronization

/// TCP ports of 127.0.0.1 that nobody uses.
package enum FreePort {
    /// Below the range from which Linux takes ports of outgoing connections (32768 and up), so that
    /// none of those gets in between.
    private static let range = 15_000..<32_000
    /// Begins at a random place, so that test processes side by side keep apart.
    private static let last = Mutex(Int.random(in: range))

    /// A port that could be bound a moment ago and that this process has not been given lately.
    package static func next() -> Int {
        for _ in range {
            let candidate = last.withLock { last in
                last = last + 1 < range.upperBound ? last + 1 : range.lowerBound
                return last
            }
            if isFree(candidate) { return candidate }
        }
        fatalError("no free port in \(range)")
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withAddress(.tcp(port: port)) { bind(descriptor, $0, $1) } == 0
    }
}

/// Where a server of this machine listens.
package enum ServerAddress: Hashable, Sendable {
    /// A port of 127.0.0.1.
    case tcp(port: Int)
    case unix(path: String)
}

/// Sends `request` to a server on a connection of its own and reads until `isWhole` says that the
/// answer is, or the server closes. Nil if it cannot be reached or is silent for `limit`.
package func exchange(
    with server: ServerAddress, send request: [UInt8], within limit: Duration = .seconds(5),
    until isWhole: ([UInt8]) -> Bool
) -> [UInt8]? {
    guard let descriptor = connected(to: server, timeout: limit) else { return nil }
    defer { close(descriptor) }
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
    else { return nil }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while !isWhole(answer) {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { return nil }
        guard count > 0 else { break }
        answer += buffer[..<count]
    }
    return answer
}

private func connected(to server: ServerAddress, timeout: Duration) -> Int32? {
    let family: Int32
    switch server {
    case .tcp: family = AF_INET
    case .unix: family = AF_UNIX
    }
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
    guard descriptor >= 0 else { return nil }
    var time = timeval(
        tv_sec: Int(timeout.components.seconds),
        tv_usec: Int(timeout.components.attoseconds / 1_000_000_000_000))
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    guard withAddress(server, { connect(descriptor, $0, $1) }) == 0 else {
        close(descriptor)
        return nil
    }
    return descriptor
}

/// Children must not inherit the sockets of tests.
let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)

func withAddress<Result>(
    _ server: ServerAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    switch server {
    case .tcp(let port):
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    case .unix(let path):
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        precondition(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path), path)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
