// hiredis' parser, fed with what came from the socket, with creators of our own: instead of one
// allocation per element they append to two flat buffers (see `Reply`). hiredis calls them with
// texts that lie in its buffer and hands those bytes back before the reply is complete, so texts
// are copied.
//
// hiredis moves its unread bytes to the front whenever a reply ends 1 KB or more into them. Feeding
// it little at a time keeps that cheap.

import CHiredis

/// The parser of one connection. Safe: the pointers are owned here and never leave.
@safe struct ReplyReader: ~Copyable {
    private let reader: UnsafeMutablePointer<redisReader>
    /// hiredis' creators write to it while they run inside of `next`; nobody else does.
    private let parsed: UnsafeMutablePointer<ParsedReply>
    private let creators: UnsafeMutablePointer<redisReplyObjectFunctions>
    /// What was read from the socket, on its way to hiredis' own buffer.
    private let chunk: UnsafeMutableRawBufferPointer

    /// As much as hiredis itself reads at a time.
    static let chunkSize = 16 * 1024
    /// More than this is given back between replies.
    private static let idleCapacity = 1 << 20

    init() {
        unsafe creators = .allocate(capacity: 1)
        unsafe creators.initialize(to: Self.makeCreators())
        unsafe parsed = .allocate(capacity: 1)
        unsafe parsed.initialize(to: ParsedReply())
        guard let reader = unsafe redisReaderCreateWithFunctions(creators) else {
            fatalError("no memory for a parser of replies")
        }
        unsafe reader.pointee.privdata = UnsafeMutableRawPointer(parsed)
        unsafe reader.pointee.maxbuf = Self.idleCapacity
        unsafe self.reader = reader
        unsafe chunk = .allocate(byteCount: Self.chunkSize, alignment: 16)
    }

    deinit {
        unsafe redisReaderFree(reader)
        unsafe parsed.deinitialize(count: 1)
        unsafe parsed.deallocate()
        unsafe creators.deallocate()
        unsafe chunk.deallocate()
    }

    /// Takes bytes from the server, at most `chunkSize`.
    mutating func feed(from socket: borrowing Socket) -> Socket.Transfer {
        let transfer = unsafe socket.receive(into: chunk)
        if case .bytes(let count) = transfer {
            // hiredis copies the bytes. It fails only without memory; `next` then says so.
            _ = unsafe redisReaderFeed(
                reader, chunk.baseAddress?.assumingMemoryBound(to: CChar.self), count)
        }
        return transfer
    }

    /// Parses on: whether a whole reply is there, which `reply` then shows.
    mutating func next() throws(RedisLinkError) -> Bool {
        // The reply before this one was complete: its nodes are used no more.
        if unsafe parsed.pointee.isComplete {
            unsafe parsed.pointee.removeAll(keepingAtMost: Self.idleCapacity)
        }
        var root: UnsafeMutableRawPointer? = nil
        guard unsafe redisReaderGetReply(reader, &root) == REDIS_OK else {
            throw RedisLinkError(.receive, .protocolViolation, errorText)
        }
        guard unsafe root != nil else { return false }
        unsafe parsed.pointee.isComplete = true
        return true
    }

    /// The reply that `next` has found.
    var reply: Reply {
        @_lifetime(borrow self)
        borrowing get {
            // `parsed` is owned by `self` and changes only in `feed` and `next`, which need `self`
            // exclusively.
            let reply = unsafe Reply(
                nodes: parsed.pointee.nodes.span, texts: parsed.pointee.texts.bytes, index: 0)
            return unsafe _overrideLifetime(reply, borrowing: self)
        }
    }

    private var errorText: String {
        unsafe withUnsafeBytes(of: reader.pointee.errstr) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private static func makeCreators() -> redisReplyObjectFunctions {
        // hiredis passes the task it works on; `privdata` is the ParsedReply set in `init`. None of
        // the returned objects is one: they are node indexes, from 1 because null means failure.
        unsafe redisReplyObjectFunctions(
            createString: { task, text, length in
                guard let task = unsafe task, let text = unsafe text else { return nil }
                let bytes = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(text), byteCount: length)
                return unsafe ParsedReply.of(task).pointee.append(text: bytes, task)
            },
            createArray: { task, count in
                guard let task = unsafe task else { return nil }
                return unsafe ParsedReply.of(task).pointee.append(
                    .array, count: Int(count), task, isClosed: count == 0)
            },
            createInteger: { task, value in
                guard let task = unsafe task else { return nil }
                return unsafe ParsedReply.of(task).pointee.append(
                    .integer, value: Int(value), task)
            },
            createNil: { task in
                guard let task = unsafe task else { return nil }
                return unsafe ParsedReply.of(task).pointee.append(.null, task)
            },
            freeObject: { _ in })
    }
}

/// The reply being parsed, or the last one.
private struct ParsedReply: ~Copyable {
    var nodes: [ReplyNode] = []
    var texts = ByteBuffer()
    var isComplete = false

    /// The reply that the reader of this task writes to.
    static func of(_ task: UnsafePointer<redisReadTask>) -> UnsafeMutablePointer<ParsedReply> {
        guard let parsed = unsafe task.pointee.privdata else {
            fatalError("a parser without a reply to write to")
        }
        return unsafe parsed.assumingMemoryBound(to: ParsedReply.self)
    }

    mutating func removeAll(keepingAtMost limit: Int) {
        if nodes.capacity > limit / MemoryLayout<ReplyNode>.stride {
            nodes = []
        } else {
            nodes.removeAll(keepingCapacity: true)
        }
        texts.removeAll(keepingAtMost: limit)
        isComplete = false
    }

    mutating func append(
        text: RawSpan, _ task: UnsafePointer<redisReadTask>
    ) -> UnsafeMutableRawPointer? {
        let start = texts.count
        texts.append(text)
        let kind: Reply.Kind
        switch unsafe task.pointee.type {
        case REDIS_REPLY_ERROR: kind = .error
        case REDIS_REPLY_STATUS: kind = .status
        default: kind = .string
        }
        return unsafe append(kind, value: start, count: text.byteCount, task)
    }

    mutating func append(
        _ kind: Reply.Kind, value: Int = 0, count: Int = 0,
        _ task: UnsafePointer<redisReadTask>, isClosed: Bool = true
    ) -> UnsafeMutableRawPointer? {
        nodes.append(ReplyNode(kind: kind, value: value, count: count, end: nodes.count + 1))
        if isClosed { unsafe closeArrays(endingWith: task) }
        // Never followed: see `makeCreators`.
        return unsafe UnsafeMutableRawPointer(bitPattern: nodes.count)
    }

    /// The last element of an array ends it, and with it any array that it is the last element of.
    private mutating func closeArrays(endingWith task: UnsafePointer<redisReadTask>) {
        var task = unsafe task
        while let parent = unsafe task.pointee.parent,
            unsafe task.pointee.idx == parent.pointee.elements - 1
        {
            // The object of a task is what `append` returned: the node's index plus 1.
            let index = unsafe Int(bitPattern: parent.pointee.obj) - 1
            nodes[index].end = nodes.count
            unsafe task = UnsafePointer(parent)
        }
    }
}
