import ReadStateCore
import ReadStateService
import ReadStateWire
import RedisLink
import Synchronization
import TestSupport
import Testing

/// The other side of the query client: takes requests from lists as a worker does and answers what
/// a test says. Ends with its owner.
final class Responder: Sendable {
    struct Seen: Sendable {
        var list: String
        var query: Query
    }

    private let stopped = Atomic(false)
    private let ended = Atomic(false)
    private let requests = Mutex<[Seen]>([])

    /// What was asked so far.
    var seen: [Seen] { requests.withLock { $0 } }

    /// Answers each request with the bytes that `answer` gives; nil: not at all.
    init(
        _ redis: RedisServer, _ lists: [String],
        answer: @escaping @Sendable (Query) -> [[UInt8]]
    ) throws {
        let address = try RedisAddress(parsing: redis.url)
        // A thread of its own, that nobody joins: tests may occupy all of the shared ones.
        _ = try OSThread(name: "responder") { [self] in
            defer { ended.store(true, ordering: .releasing) }
            guard var connection = try? BlockingRedis(address) else { return }
            var decoder = QueryDecoder(namespace: Array("readstates".utf8))
            while !stopped.load(ordering: .relaxed) {
                let words = ["BLMPOP", "0.05", "\(lists.count)"] + lists + ["LEFT"]
                guard let popped = pop(&connection, words, &decoder) else { return }
                guard let (list, query) = popped.request else { continue }
                requests.withLock { $0.append(Seen(list: list, query: query)) }
                for reply in answer(query) {
                    let target = String(decoding: query.address.replyTo, as: UTF8.self)
                    _ = try? connection.call { output in
                        output.command(arguments: 3)
                        output.argument("RPUSH")
                        output.argument(target)
                        output.argument(reply.span.bytes)
                    }
                }
            }
        }
    }

    /// Returns once no further request will be taken.
    func stop() {
        stopped.store(true, ordering: .relaxed)
        do {
            try waitUntil("the end of a responder") { ended.load(ordering: .acquiring) }
        } catch {
            Issue.record(error)
        }
    }
}

/// Asks once; nil where Redis is gone, no request where none came.
private func pop(
    _ connection: inout BlockingRedis, _ words: [String], _ decoder: inout QueryDecoder
) -> (request: (String, Query)?, Void)? {
    guard let popped = try? connection.call({ $0.command(words) }) else { return nil }
    if popped.isNull { return (nil, ()) }
    guard case .query(let query) = decoder.decode(popped[1][0].bytes) else {
        Issue.record("the client sent what is no query")
        return nil
    }
    return ((popped[0].text, query), ())
}

/// The bytes of a reply to a query.
func reply(to query: Query, _ result: ReadStateWire.Reply.Result) -> [UInt8] {
    let header = ReplyWriter.Header(
        address: query.address, partition: PartitionID(3), appliedOffset: Offset(1500))
    var bytes: [UInt8] = []
    let user = query.question.user
    switch result {
    case .state(let state): ReplyWriter.state(state, user: user, header: header, into: &bytes)
    case .totals(let totals): ReplyWriter.totals(totals, user: user, header: header, into: &bytes)
    case .states(let states, let more):
        var writer = ListReplyWriter(user: user, header: header, into: &bytes)
        for state in states { writer.append(state, into: &bytes) }
        writer.end(more: more, into: &bytes)
    case .error(let code, let message):
        let code = QueryErrorCode(rawValue: code)!
        ReplyWriter.error(code, message: message, address: query.address, into: &bytes)
    }
    return bytes
}

/// A state with recognisable numbers.
func summary(_ channel: UInt64, unread: Int = 4, exact: Bool = true) -> ReadStateSummary {
    ReadStateSummary(
        channel: ChannelID(channel), lastRead: MessageID(1234), lastMessage: MessageID(1300),
        unreadCount: unread, mentionCount: 1, exact: exact)
}
