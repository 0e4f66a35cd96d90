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

    /// Puts a request at the end of a list: that of its partition.
    package mutating func pushRequest(_ request: RawSpan, to list: String) {
        command(arguments: 3)
        argument("RPUSH" as StaticString)
        argument(list)
        argument(request)
    }
}

/// Replies being put together: several go out in one call of `Script.reply`, which costs the server
/// little more than half of what a call for each would.
///
///     replies.add(bytes, to: list)        until `isFull` or there are no more
///     replies.finish(into: &connection.output)
package struct ReplyCommand: ~Copyable {
    private var lists = ByteBuffer()
    private var replies = ByteBuffer(capacity: 16 * 1024)
    package private(set) var count = 0

    /// A call blocks every client of the server: as many replies as take some 100 us.
    private static let countLimit = 16
    private static let byteLimit = 64 * 1024

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// Whether it is time to `finish`.
    package var isFull: Bool {
        count >= Self.countLimit || replies.count >= Self.byteLimit
    }

    /// Adds a reply to the list that its asker waits at, which then expires in 60 s.
    package mutating func add(_ reply: RawSpan, to list: RawSpan) {
        lists.appendBulk(list)
        replies.appendBulk(reply)
        count += 1
    }

    /// Writes the call, and begins anew. Its reply is an array with an element for each list: the
    /// list's length, or the error of that push (`RedisLinkError.isOfList`).
    package mutating func finish(into output: inout RespWriter) {
        precondition(count > 0, "nothing to reply")
        output.script(.reply, keys: 0, arguments: 2 * count)
        output.arguments(lists.bytes, count: count)
        output.arguments(replies.bytes, count: count)
        lists.removeAll(keepingAtMost: 1 << 20)
        replies.removeAll(keepingAtMost: 1 << 20)
        count = 0
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
