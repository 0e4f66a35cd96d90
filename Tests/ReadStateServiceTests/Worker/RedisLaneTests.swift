import Glibc
import TestSupport
import Testing

@testable import ReadStateService
@testable import RedisLink

@Suite struct RedisLaneTests {
    /// Of three addresses that a name has, two refuse after a while: the third is reached in the
    /// first attempt, since what is said of one socket is not taken for word of the next one.
    @Test func allAddressesOfAName() throws {
        let server = try RedisServer()
        var listeners = [try FullListener(), try FullListener()]
        let ports = listeners.map(\.port) + [server.port]
        let connection = RedisConnection(
            address: try RedisAddress(parsing: server.url), settings: .init()
        ) { _ throws(RedisLinkError) in
            var found: [SocketAddress] = []
            for port in ports {
                found += try SocketAddress.all(of: .tcp(host: "127.0.0.1", port: UInt16(port)))
            }
            return found
        }
        let lane = RedisLane<Void>(
            name: "test", token: 1, outstandingLimit: 1, connection: connection)
        var epoll = try Epoll()
        var ready: [Readiness] = []
        try waitUntil("the end of an attempt") {
            let now = SystemClock.now().milliseconds
            for readiness in ready { lane.handle(readiness, now: now) }
            try lane.settle(epoll, now: now)
            // The one that is being tried is there no more.
            let tried = Int(lane.connection.generation)
            listeners.removeFirst(max(0, listeners.count - max(0, 2 - tried)))
            epoll.wait(into: &ready, timeoutMilliseconds: 10)
            return lane.isReady || lane.connection.failure != nil
        }
        let failure = lane.connection.failure
        #expect(lane.isReady, "\(String(describing: failure))")
    }
}

/// Listens without ever accepting, and is full: attempts to connect to it are neither taken nor
/// refused, until it goes. The kernel, which repeats them, is refused then.
private final class FullListener {
    let port = FreePort.next()
    private var descriptors: [Int32] = []

    init() throws {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let address = "127.0.0.1"
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = UInt16(port).bigEndian
        place.sin_addr.s_addr = inet_addr(address)
        func call(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
            withUnsafePointer(to: &place) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        let listener = socket(AF_INET, kind, 0)
        descriptors.append(listener)
        try #require(call { bind(listener, $0, $1) } == 0 && listen(listener, 0) == 0)
        // What fits is connected at once; the first that does not stays on its way.
        while true {
            let client = socket(AF_INET, kind | Int32(SOCK_NONBLOCK.rawValue), 0)
            descriptors.append(client)
            if call({ connect(client, $0, $1) }) == 0 { continue }
            try #require(errno == EINPROGRESS)
            var entry = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
            if poll(&entry, 1, 100) == 0 { return }
        }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
