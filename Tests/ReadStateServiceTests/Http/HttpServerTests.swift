import Glibc
import ReadStateService
import Synchronization
import TestSupport
import Testing

/// A server with two pages on a free port.
private func pages(_ path: String) -> HttpResponse? {
    switch path {
    case "/livez": .text("ok\n")
    case "/large": .json([UInt8](repeating: UInt8(ascii: "x"), count: 3_000_000))
    case "/readyz": .text("not ready\n", status: 503)
    default: nil
    }
}

/// Sends bytes on a connection of their own and reads all of the answer.
private func talk(_ port: UInt16, _ request: String) -> String? {
    exchange(with: .tcp(port: Int(port)), send: Array(request.utf8)) { _ in false }
        .map { String(decoding: $0, as: UTF8.self) }
}

/// What may come to a port that others can reach.
private enum Junk: CaseIterable {
    case controls, oneWord, newVersion, emptyLines, redis, negativeLength, brokenChunk
    case longPath, longHeader, manyHeaders

    var bytes: String {
        let get = "GET / HTTP/1.1\r\n"
        switch self {
        case .controls: return "\u{0}\u{1}\u{2}\r\n\r\n"
        case .oneWord: return "GET\r\n\r\n"
        case .newVersion: return "GET / HTTP/9.9\r\n\r\n"
        case .emptyLines: return "\r\n\r\n\r\n\r\n"
        case .redis: return "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
        case .negativeLength: return get + "Host: x\r\nContent-Length: -5\r\n\r\n"
        case .brokenChunk: return get + "Transfer-Encoding: chunked\r\nHost: x\r\n\r\nZZZ\r\n"
        case .longPath: return "GET /\(Self.long) HTTP/1.1\r\nHost: x\r\n\r\n"
        case .longHeader: return get + "Host: x\r\nX: \(Self.long)\r\n\r\n"
        case .manyHeaders: return get + String(repeating: "A: b\r\n", count: 60_000) + "\r\n"
        }
    }

    private static let long = String(repeating: "a", count: 300_000)
}

@Suite struct HttpServerTests {
    private let anywhere = HostPort(host: "127.0.0.1", port: 0)

    /// Pages are answered with their status, type and body; other paths with 404; the query of a
    /// path is not part of it.
    @Test func answers() throws {
        let server = try HttpServer(listen: anywhere, respond: pages)
        let port = Int(server.address.port)
        #expect(port != 0)
        let live = http(port: port, get: "/livez?verbose=1")
        #expect(live?.status == 200 && live?.body == "ok\n")
        #expect(live?.head.contains("Content-Type: text/plain") == true)
        #expect(http(port: port, get: "/readyz")?.status == 503)
        #expect(http(port: port, get: "/nowhere")?.status == 404)
        #expect(http(port: port, get: "/large")?.body.count == 3_000_000)
    }

    /// HEAD is answered like GET without the body; other methods with 405, and their body is not
    /// waited for; several requests can share a connection.
    @Test func methods() throws {
        let server = try HttpServer(listen: anywhere, respond: pages)
        let port = server.address.port
        let head = talk(port, "HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(head?.hasPrefix("HTTP/1.1 200") == true && head?.hasSuffix("\r\n\r\n") == true)
        #expect(head?.contains("Content-Length: 3") == true)
        let post = talk(
            port, "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc")
        #expect(post?.hasPrefix("HTTP/1.1 405") == true)
        #expect(post?.contains("Allow: GET, HEAD") == true)
        let delete = talk(port, "DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(delete?.hasPrefix("HTTP/1.1 405") == true)
        let one = "GET /livez HTTP/1.1\r\nHost: x\r\n"
        let both = talk(port, one + "\r\n" + one + "Connection: close\r\n\r\n")
        #expect(both?.ranges(of: "HTTP/1.1 200").count == 2)
    }

    /// Junk, enormous headers and endless request lines are refused or cut off, and the server
    /// still answers afterwards.
    @Test(arguments: Junk.allCases) fileprivate func junk(_ junk: Junk) throws {
        let server = try HttpServer(listen: anywhere, respond: pages)
        let port = Int(server.address.port)
        let answer = exchange(
            with: .tcp(port: port), send: Array(junk.bytes.utf8), within: .milliseconds(500)
        ) { !$0.isEmpty }
        let text = String(decoding: answer ?? [], as: UTF8.self)
        #expect(!text.hasPrefix("HTTP/1.1 2"), "\(text.prefix(200))")
        #expect(http(port: port, get: "/livez")?.status == 200)
    }

    /// Clients that take all connections and send a byte now and then do not keep a probe out.
    @Test func slowClients() throws {
        let server = try HttpServer(listen: anywhere, respond: pages)
        let port = server.address.port
        var held: [Int32] = []
        defer { for descriptor in held { close(descriptor) } }
        for _ in 0..<200 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            #expect(connected == 0)
            held.append(descriptor)
            #expect(send(descriptor, "GET /livez HT", 13, Int32(MSG_NOSIGNAL)) == 13)
        }
        for _ in 0..<5 { #expect(http(port: Int(port), get: "/livez")?.status == 200) }
    }

    /// A port that is taken is an error that names the address; one that was let go of can be taken
    /// again at once.
    @Test func takenPort() throws {
        var taken = anywhere
        do {
            let first = try HttpServer(listen: anywhere, respond: pages)
            taken = first.address
            do throws(SystemCallError) {
                _ = try HttpServer(listen: taken, respond: pages)
                Issue.record("two servers on one port")
            } catch {
                #expect(error.code == EADDRINUSE)
                #expect(error.description == "listen on \(taken): Address already in use")
            }
            #expect(http(port: Int(first.address.port), get: "/livez")?.status == 200)
        }
        let again = try HttpServer(listen: taken, respond: pages)
        #expect(again.address == taken)
        #expect(http(port: Int(again.address.port), get: "/livez")?.status == 200)
    }

    /// The other family and names work too.
    @Test(arguments: ["[::1]:0", "localhost:0"]) func addresses(text: String) throws {
        let listen = try #require(HostPort(text))
        let server = try HttpServer(listen: listen, respond: pages)
        #expect(server.address.port != 0 && server.address.host == listen.host)
    }
}
