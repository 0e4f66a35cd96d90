// What lies between workers and Redis: connections with requests on one way and replies on the
// other, each in order, each taking any time. A broken connection loses its replies; its requests
// may be lost from the end, and what is left may be carried out at any later time.

import ReadStateCore

/// A request on its way, with what the sender needs to know the reply by.
struct Request {
    let partition: Int
    /// The token of the claim under which it was sent, as the engine knows it.
    let token: OwnerToken
    let body: StoreRequest
}

struct Reply {
    let request: Request
    let body: StoreReply
}

/// A connection.
final class Connection {
    private var requests: [Request] = []
    private var requestHead = 0
    private var replies: [Reply] = []
    private var replyHead = 0
    /// Nobody reads its replies any more.
    var isBroken = false

    var hasRequests: Bool { requestHead < requests.count }
    var hasReplies: Bool { replyHead < replies.count }
    var requestCount: Int { requests.count - requestHead }

    func send(_ request: Request) {
        if !isBroken { requests.append(request) }
    }

    func takeRequest() -> Request {
        requestHead += 1
        let request = requests[requestHead - 1]
        if requestHead == requests.count {
            requests.removeAll(keepingCapacity: true)
            requestHead = 0
        }
        return request
    }

    func reply(_ reply: Reply) {
        if !isBroken { replies.append(reply) }
    }

    func takeReply() -> Reply {
        replyHead += 1
        let reply = replies[replyHead - 1]
        if replyHead == replies.count {
            replies.removeAll(keepingCapacity: true)
            replyHead = 0
        }
        return reply
    }

    /// Breaks it; `kept` requests may still be carried out.
    func cut(keeping kept: Int) {
        isBroken = true
        requests.removeLast(requestCount - kept)
        replies.removeAll(keepingCapacity: true)
        replyHead = 0
    }
}
