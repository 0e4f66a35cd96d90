// The floor of queries: a process that pops such requests from such lists as a worker does, and
// pushes answers of the same size, in the same calls, without looking anything up.

import Glibc
import ReadStateCore
import ReadStateWire
import RedisLink
import TestSupport

/// A running one, with lists of its own beside those of a worker: asked in the same seconds, it
/// waits for the same Redis and the same cores.
final class Floor {
    let namespace = "floor"
    private let process: ChildProcess

    init(_ bench: Bench, partitions: Int32) throws {
        // As in a worker's namespace: or each question would look for it, and find nothing.
        try bench.redis.cli("HSET", Keys(namespace: namespace).meta, "partitions", "\(partitions)")
        process = try ChildProcess(
            ["/proc/\(getpid())/exe", "answer", bench.redis.socketURL, namespace, "\(partitions)"])
    }
}

/// `answer REDIS NAMESPACE PARTITIONS`: until it is killed.
func runAnswerer(_ words: [String]) throws {
    guard words.count == 3, let partitions = Int32(words[2]) else {
        fatalError("answer REDIS NAMESPACE PARTITIONS")
    }
    let keys = try Keys(namespace: words[1])
    let address = try RedisAddress(parsing: words[0])
    let lists = (0..<partitions).map { keys.partition($0).requests } + [keys.requests]
    var requests = try BlockingRedis(address)
    var replies = try BlockingRedis(address)
    var decoder = QueryDecoder(namespace: Array(keys.namespace.utf8))
    var command = ReplyCommand()
    var turn = 0
    while true {
        turn = (turn + 1) % lists.count
        let reply = try requests.call { $0.popRequests(lists, first: turn) }
        guard let popped = try PoppedRequests(reply) else { continue }
        for index in 0..<popped.count {
            guard case .query(let query) = decoder.decode(popped[index]) else { continue }
            let answer = emptyAnswer(to: query)
            // Both arrays outlive the call.
            unsafe command.add(answer.span.bytes, to: query.address.replyTo.span.bytes)
            if command.isFull { _ = try replies.call { command.finish(into: &$0) } }
        }
        if !command.isEmpty { _ = try replies.call { command.finish(into: &$0) } }
    }
}

/// An answer that could be one to the query.
private func emptyAnswer(to query: Query) -> [UInt8] {
    guard case .get(let user, let channel) = query.question else { return [] }
    let id = MessageID(1 << 40)
    let state = ReadStateSummary(
        channel: channel, lastRead: id, lastMessage: id, unreadCount: 0, mentionCount: 0,
        exact: true)
    let header = ReplyWriter.Header(
        address: query.address, partition: PartitionID(0), appliedOffset: Offset(1 << 20))
    var bytes: [UInt8] = []
    ReplyWriter.state(state, user: user, header: header, into: &bytes)
    return bytes
}
