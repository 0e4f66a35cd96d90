// The HTTP of operators: a few small pages for scrapers, probes and people, by GNU libmicrohttpd on
// one thread of its own, so that a slow scraper costs the shards nothing. It is as sturdy as a port
// must be that others can reach: only GET and HEAD, no bodies read, limits on connections, memory
// and silence.
//
// An idle limit alone is not enough: clients that send a byte now and then could hold all
// connections and keep probes out until the process is restarted for its silence. So when the last
// free connection is taken, the oldest one is shut down; a probe always gets in. Both of
// libmicrohttpd's callbacks run on its one thread, and it tells of a connection's end before it
// closes the descriptor, hence the descriptor that is shut down is always the one that was meant.

import CMicrohttpd
import Glibc
import Synchronization

/// What a page answers.
package struct HttpResponse: Sendable {
    package var status: Int
    package var contentType: String
    package var body: [UInt8]

    package init(status: Int = 200, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    package static func text(_ text: String, status: Int = 200) -> HttpResponse {
        HttpResponse(
            status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    package static func json(_ body: [UInt8], status: Int = 200) -> HttpResponse {
        HttpResponse(status: status, contentType: "application/json", body: body)
    }

    package static func metrics(_ body: [UInt8]) -> HttpResponse {
        HttpResponse(contentType: "text/plain; version=0.0.4; charset=utf-8", body: body)
    }
}

/// A running HTTP server; it stops when its owner lets it go. Safe: the daemon stays inside.
@safe package struct HttpServer: ~Copyable {
    /// Answers the path of a request (without its query); nil: not found. Runs on the server's
    /// thread, one request at a time.
    package typealias Respond = @Sendable (String) -> HttpResponse?

    static let connectionLimit = 64
    static let idleSeconds: UInt32 = 10
    /// Request line and headers of one connection must fit; beyond it the answer is 431 or 414.
    static let memoryPerConnection = 16_384

    /// Where it really listens: a port of 0 has become the one that was free.
    package let address: HostPort
    /// Owned: started in `init`, stopped in `deinit`.
    private let daemon: OpaquePointer
    /// Outlives the daemon, whose callbacks have an unretained reference to it.
    private let site: Site

    package init(
        listen: HostPort, respond: @escaping Respond
    ) throws(SystemCallError) {
        let socket = try listeningSocket(listen)
        let site = Site(respond: respond)
        // Unretained: `site` is held by this struct until `deinit` has stopped the daemon.
        let context = unsafe Unmanaged.passUnretained(site).toOpaque()
        guard
            let daemon = unsafe cmicrohttpd_start(
                socket, answer, noteConnection, context, UInt32(Self.connectionLimit),
                Self.idleSeconds, Self.memoryPerConnection)
        else {
            let error = SystemCallError.last("starting the HTTP server")
            close(socket)
            throw error
        }
        unsafe self.daemon = daemon
        self.site = site
        address = HostPort(host: listen.host, port: boundPort(socket) ?? listen.port)
    }

    /// Stops the thread; requests that are being answered are cut off.
    deinit { unsafe MHD_stop_daemon(daemon) }
}

/// What the callbacks know.
private final class Site: Sendable {
    let respond: HttpServer.Respond
    /// Descriptors of open connections, oldest first.
    let connections = Mutex<[Int32]>([])

    init(respond: @escaping HttpServer.Respond) { self.respond = respond }
}

/// libmicrohttpd's callback at the beginning and the end of a connection.
private let noteConnection: MHD_NotifyConnectionCallback = { context, connection, _, code in
    // `context` is the site, alive as long as the daemon; the connection through this call.
    let site = unsafe Unmanaged<Site>.fromOpaque(context!).takeUnretainedValue()
    let descriptor = unsafe cmicrohttpd_socket(connection!)
    site.connections.withLock { open in
        open.removeAll { $0 == descriptor }
        guard code == .CONNECTION_NOTIFY_STARTED else { return }
        open.append(descriptor)
        if open.count >= HttpServer.connectionLimit { shutdown(open[0], Int32(SHUT_RDWR)) }
    }
}

/// libmicrohttpd's callback for a request: called once when its headers are read, and again when
/// its body is.
private let answer: MHD_AccessHandlerCallback = {
    context, connection, url, method, _, _, _, progress in
    // All pointers are libmicrohttpd's and valid through this call; `context` is the site.
    let site = unsafe Unmanaged<Site>.fromOpaque(context!).takeUnretainedValue()
    let verb = unsafe String(cString: method!)
    guard verb == "GET" || verb == "HEAD" else {
        let refusal = HttpResponse.text("only GET and HEAD\n", status: 405)
        return unsafe send(refusal, connection!, ["Allow": "GET, HEAD", "Connection": "close"])
    }
    if unsafe progress!.pointee == nil {
        // Any value but nil: the headers have been seen.
        unsafe progress!.pointee = UnsafeMutableRawPointer(bitPattern: 1)
        return .YES
    }
    let page = unsafe site.respond(String(cString: url!))
    return unsafe send(page ?? .text("not found\n", status: 404), connection!, [:])
}

private func send(
    _ response: HttpResponse, _ connection: OpaquePointer, _ headers: KeyValuePairs<String, String>
) -> MHD_Result {
    var body = response.body
    // The bytes are copied by the call.
    guard
        let answer = unsafe MHD_create_response_from_buffer(
            body.count, &body, .RESPMEM_MUST_COPY)
    else { return .NO }
    // One reference is ours until here; the queue takes its own.
    defer { unsafe MHD_destroy_response(answer) }
    unsafe MHD_add_response_header(answer, "Content-Type", response.contentType)
    unsafe MHD_add_response_header(answer, "Cache-Control", "no-store")
    for (name, value) in headers { unsafe MHD_add_response_header(answer, name, value) }
    return unsafe MHD_queue_response(connection, UInt32(response.status), answer)
}
