// Queries come and go over lists. Requests are popped by a blocking call over many lists, on a
// connection of its own; it is ended early, losing nothing, by `unblock` from another connection.
// A reply goes to a list that the asker has named, which is not to be trusted (see `Script.reply`).

extension RespWriter {
    /// Waits up to `seconds` (1 or more, and less than the connection's reply timeout) for requests
    /// in `lists`, and takes at most `limit` from the first list that has any: begin with another
    /// list each time, by `first`, or the lists behind a busy one starve.
    package mutating func popRequests(
        _ lists: [String], first: Int, seconds: Int = 1, limit: Int = 64
    ) {
        precondition(!lists.isEmpty && lists.indices.contains(first) && seconds > 0)
        command(arguments: 6 + lists.count)
        argument("BLMPOP" as StaticString)
        argument(UInt64(seconds))
        argument(UInt64(lists.count))
        for list in lists[first...] { argument(list) }
        for list in lists[..<first] { argument(list) }
        argument("LEFT" as StaticString)
        argument("COUNT" as StaticString)
        argument(UInt64(limit))
    }

    /// Ends the blocking call of another connection as if its time were over. A call that was
    /// answered already, or none, is left alone: requests are never popped and dropped.
    package mutating func unblock(clientID: Int64) {
        command(arguments: 3)
        argument("CLIENT" as StaticString)
        argument("UNBLOCK" as StaticString)
        argument(clientID)
    }

    /// Puts requests back at the head of the list they came from; `count` arguments follow, the one
    /// that was first in the list last.
    package mutating func beginPushBack(to list: String, count: Int) {
        command(arguments: 2 + count)
        argument("LPUSH" as StaticString)
        argument(list)
    }

    /// Puts all popped requests back as they were.
    package mutating func pushBack(_ popped: PoppedRequests) {
        beginPushBack(to: popped.list.text, count: popped.count)
        for index in (0..<popped.count).reversed() { argument(popped[index]) }
    }

    /// Puts a request at the end of a list: that of its partition.
    package mutating func pushRequest(_ request: RawSpan, to list: String) {
        command(arguments: 3)
        argument("RPUSH" as StaticString)
        argument(list)
        argument(request)
    }

    /// Pushes a reply to the list that its asker waits at, which then expires in 60 s.
    package mutating func reply(_ reply: RawSpan, to list: RawSpan) {
        script(.reply, keys: 1, arguments: 1)
        argument(list)
        argument(reply)
    }
}

/// Requests taken from one list, oldest first.
package struct PoppedRequests: ~Escapable {
    /// The list's key.
    package let list: RawSpan
    private let requests: Reply

    /// Reads the reply to `popRequests`; nil: there were none, or the call was ended.
    @_lifetime(copy reply)
    package init?(_ reply: Reply) throws(RedisLinkError) {
        if let error = reply.error() { throw error }
        if reply.isNull { return nil }
        guard reply.count == 2, reply[0].kind == .string, reply[1].count > 0 else {
            throw .unexpected("BLMPOP", reply)
        }
        list = reply[0].bytes
        requests = reply[1]
    }

    package var count: Int { requests.count }

    package subscript(index: Int) -> RawSpan {
        @_lifetime(copy self)
        get { requests[index].bytes }
    }
}
