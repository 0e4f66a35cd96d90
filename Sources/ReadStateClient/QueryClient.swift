// Asks workers about users, over Redis lists (docs/contract.md, "Queries"). A request goes to its
// partition's list where the number of partitions is known from the namespace's meta hash, else to
// the list from which any worker routes it. Replies come back to one list of this client's own,
// whose name nobody else can guess; a late reply to a question that was given up is told by its id
// and dropped.
//
// A request carries its deadline, so one that nobody took is not answered to a list that nobody
// reads.

package import ReadStateCore
package import ReadStateWire
package import RedisLink

/// Why there is no answer.
package enum QueryError: Error, Hashable, Sendable, CustomStringConvertible {
    case redis(RedisLinkError)
    /// Nobody answered in time: no worker owns the partition, or it is too busy.
    case noAnswer(milliseconds: Int64)
    /// A worker said no. The code is one of `QueryErrorCode`, or one of a newer service.
    case refused(code: String, message: String)
    /// The reply is not one, or one to another question.
    case malformedReply

    package var description: String {
        switch self {
        case .redis(let error): "\(error)"
        case .noAnswer(let milliseconds):
            "no answer within \(milliseconds) ms: is a worker running on this namespace?"
        case .refused(let code, let message): "\(code): \(message)"
        case .malformedReply: "the reply is not one to this question"
        }
    }
}

/// A client that asks one question after the other, on a connection of its own.
package struct QueryClient: ~Copyable {
    private var redis: BlockingRedis
    private let keys: Keys
    private let replyList: String
    private let timeout: Int64
    private var partitionCount: Int32?
    private var decoder = ReplyDecoder()
    private var asked: UInt64 = 0
    private var request: [UInt8] = []

    /// Connects; each question may take `timeout`, 1 ms or more.
    package init(
        _ address: RedisAddress, _ keys: Keys, timeout: Duration
    ) throws(RedisLinkError) {
        let (seconds, attoseconds) = timeout.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        precondition(milliseconds > 0)
        var settings = RedisConnection.Settings()
        settings.name = "readstates-client"
        settings.loadsScripts = false
        redis = try BlockingRedis(address, settings: settings, timeoutMilliseconds: milliseconds)
        self.timeout = milliseconds
        self.keys = keys
        var random = SystemRandomNumberGenerator()
        let name = String(random.next(), radix: 36) + String(random.next(), radix: 36)
        replyList = keys.replyPrefix + name
    }

    /// Asks, and waits for the answer.
    package mutating func ask(
        _ question: Question, minOffset: Offset? = nil
    ) throws(QueryError) -> ReadStateWire.Reply {
        let deadline = ClientClock.now() + timeout
        asked += 1
        let address = ReplyAddress(
            id: Array("q\(asked)".utf8), replyTo: Array(replyList.utf8), encoding: .protobuf)
        let query = Query(
            address: address, deadlineUnixMilliseconds: ClientClock.unixNow() + timeout,
            minOffset: minOffset, question: question)
        request.removeAll(keepingCapacity: true)
        QueryEncoder.encode(query, into: &request)
        let answered: Result<ReadStateWire.Reply, QueryError>
        do throws(RedisLinkError) {
            try push(question.user)
            answered = try answer(to: query, until: deadline)
        } catch {
            throw .redis(error)
        }
        return try answered.get()
    }

    /// Asks for all states of a user, page by page, in the order of channel ids.
    package mutating func list(
        _ user: UserID, unreadOnly: Bool, minOffset: Offset? = nil,
        page: (ReadStateWire.Reply, [ReadStateSummary]) -> Void
    ) throws(QueryError) {
        var after = ChannelID(0)
        while true {
            let reply = try ask(
                .list(user, unreadOnly: unreadOnly, after: after, limit: Question.listLimit),
                minOffset: minOffset)
            guard case .states(let states, let more) = reply.result else { throw .malformedReply }
            page(reply, states)
            guard more else { return }
            // A page that promises more must lead on, or this would never end.
            guard let last = states.last?.channel, last > after else { throw .malformedReply }
            after = last
        }
    }

    private mutating func push(_ user: UserID) throws(RedisLinkError) {
        if partitionCount == nil { partitionCount = try storedPartitionCount() }
        let list =
            partitionCount.map { count in
                keys.partition(Partitioning.partition(of: user, count: count).rawValue).requests
            } ?? keys.requests
        let request = request
        do throws(RedisLinkError) {
            // The bytes of bytes hold no padding.
            _ = try redis.call { unsafe $0.pushRequest(request.span.bytes, to: list) }
        } catch {
            throw error.naming(list)
        }
    }

    private mutating func storedPartitionCount() throws(RedisLinkError) -> Int32? {
        do throws(RedisLinkError) {
            let stored = try redis.call("HGET", keys.meta, "partitions").decimal
            return stored.flatMap { Int32(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
        } catch {
            throw error.naming(keys.meta)
        }
    }

    private mutating func answer(
        to query: Query, until deadline: Int64
    ) throws(RedisLinkError) -> Result<ReadStateWire.Reply, QueryError> {
        while true {
            let left = deadline - ClientClock.now()
            if left <= 0 { return .failure(.noAnswer(milliseconds: timeout)) }
            // Redis keeps the time; ours, a second longer, is for a Redis that stands still.
            let seconds = "\(left / 1000).\(String(1000 + left % 1000).dropFirst())"
            let popped = try redis.call(timeoutMilliseconds: left + 1000) { [replyList] in
                $0.command("BLPOP", replyList, seconds)
            }
            if popped.isNull { continue }
            guard popped.count == 2, let reply = decoder.decode(popped[1].bytes) else {
                return .failure(.malformedReply)
            }
            // An error may come without an id: nobody else writes to this list.
            if reply.id != query.address.id, !reply.id.isEmpty { continue }
            return Self.judge(reply, query.question)
        }
    }

    private static func judge(
        _ reply: ReadStateWire.Reply, _ question: Question
    ) -> Result<ReadStateWire.Reply, QueryError> {
        switch (reply.result, question) {
        case (.error(let code, let message), _):
            return .failure(.refused(code: code, message: message))
        case (.state(let state), .get(_, let channel)) where state.channel == channel:
            return .success(reply)
        case (.states, .list), (.totals, .totals): return .success(reply)
        case (.state, _), (.states, _), (.totals, _): return .failure(.malformedReply)
        }
    }
}
