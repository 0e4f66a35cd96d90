// What the read states of a log must be, worked out in the plainest way: a set of unread ids per
// user and channel, with no limit on its size, and no line of code shared with the service. The
// rules are the table "Events" of the semantics with an unbounded window, under which every answer
// is exact; so there is no `older`, and a mark-unread whose snapshot is not whole is refused.

import Foundation

/// Read states by a fold over sets of ids.
package struct ReferenceFold: Sendable {
    /// A user's channel.
    package struct Key: Hashable, Sendable {
        package var user: UInt64
        package var channel: UInt64
        package init(user: UInt64, channel: UInt64) {
            self.user = user
            self.channel = channel
        }
    }

    /// What an answer must say about one read state.
    package struct Expected: Hashable, Sendable {
        package var lastRead: UInt64 = 0
        package var lastMessage: UInt64 = 0
        package var unreadCount = 0
        package var mentionCount = 0
        package init() {}
    }

    /// An event that this fold does not understand.
    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    private var states: [Key: State] = [:]
    package private(set) var eventCount = 0

    package init() {}

    /// Applies events, one JSON form a line.
    package mutating func apply(lines: some Sequence<some StringProtocol>) throws {
        for line in lines { try apply(line: line) }
    }

    /// Applies one event in its JSON form (snake_case names, ids as decimal strings).
    package mutating func apply(line: some StringProtocol) throws {
        let parsed = try JSONSerialization.jsonObject(with: Data(line.utf8))
        guard let fields = parsed as? [String: Any] else {
            throw Unreadable(description: String(line))
        }
        try apply(Fields(fields))
        eventCount += 1
    }

    /// The default state where nothing was written.
    package subscript(user: UInt64, channel: UInt64) -> Expected {
        states[Key(user: user, channel: channel)]?.expected ?? Expected()
    }

    /// Every read state that an event has touched, but those of erased users.
    package var all: [Key: Expected] { states.mapValues(\.expected) }

    /// Users with at least one state, ascending.
    package var users: [UInt64] { Set(states.keys.map(\.user)).sorted() }

    private mutating func apply(_ event: Fields) throws {
        let user = event.number("user_id")
        if event.object("user_erased") != nil {
            states = states.filter { $0.key.user != user }
            return
        }
        let op = event.number("op_id")
        if let many = event.object("read_many") {
            for entry in many.list("entries") {
                let key = Key(user: user, channel: entry.number("channel_id"))
                states[key, default: State()].read(entry.number("message_id"), op: op)
            }
            return
        }
        let key = Key(user: user, channel: event.number("channel_id"))
        try states[key, default: State()].apply(event, op: op)
    }
}

/// What one user has read in one channel.
private struct State {
    var lastRead: UInt64 = 0
    var lastMessage: UInt64 = 0
    /// Unread ids; true: a mention.
    var unread: [UInt64: Bool] = [:]
    var own: UInt64 = 0
    var rewindOp: UInt64 = 0
    /// The last 8 ids deleted here.
    var removed: [UInt64] = []
    var isLeft = false

    var expected: ReferenceFold.Expected {
        var expected = ReferenceFold.Expected()
        expected.lastRead = lastRead
        expected.lastMessage = lastMessage
        expected.unreadCount = unread.count
        expected.mentionCount = unread.values.count { $0 }
        return expected
    }

    mutating func apply(_ event: Fields, op: UInt64) throws {
        if let joined = event.object("channel_joined") {
            isLeft = false
            lastMessage = max(lastMessage, joined.number("head_id"))
            advance(to: joined.number("head_id"))
        } else if isLeft {
            return
        } else if event.object("channel_left") != nil {
            self = State()
            isLeft = true
        } else if let sent = event.object("message_sent") {
            send(sent)
        } else if let read = event.object("message_read") {
            self.read(read.number("message_id"), op: op)
        } else if let marked = event.object("marked_unread") {
            try markUnread(marked, op: op)
        } else if let deleted = event.object("message_deleted") {
            for id in deleted.numbers("message_ids") { delete(id) }
        } else if let changed = event.object("mention_changed") {
            let id = changed.number("message_id")
            if unread[id] != nil { unread[id] = changed.flag("mentioned") }
        } else {
            throw ReferenceFold.Unreadable(description: "unknown kind: \(event.names)")
        }
    }

    /// All up to `id` is read.
    private mutating func advance(to id: UInt64) {
        guard id > lastRead else { return }
        lastRead = id
        unread = unread.filter { $0.key > id }
    }

    private mutating func send(_ sent: Fields) {
        let id = sent.number("message_id")
        lastMessage = max(lastMessage, id)
        if sent.flag("own") {
            own = max(own, id)
            if id > rewindOp { advance(to: id) }
        } else if id > lastRead, unread[id] == nil, !removed.contains(id) {
            let mention = sent.text("mention") ?? "MENTION_NONE"
            unread[id] = mention != "MENTION_NONE"
        }
    }

    mutating func read(_ id: UInt64, op: UInt64) {
        guard !isLeft, op == 0 || op > rewindOp else { return }
        advance(to: id)
    }

    private mutating func markUnread(_ marked: Fields, op: UInt64) throws {
        guard op == 0 || op > rewindOp else { return }
        guard marked.number("older") == 0 else {
            throw ReferenceFold.Unreadable(description: "a snapshot that is not whole: \(marked)")
        }
        rewindOp = op
        lastRead = marked.number("message_id") - 1
        unread = unread.filter { $0.key > lastRead }
        for entry in marked.list("unread") {
            let id = entry.number("message_id")
            // Who was there is counted or not, but the channel has come this far.
            lastMessage = max(lastMessage, id)
            if id > lastRead, !removed.contains(id) { unread[id] = entry.flag("mention") }
        }
        if op != 0, own > op { advance(to: own) }
    }

    private mutating func delete(_ id: UInt64) {
        unread[id] = nil
        guard !removed.contains(id) else { return }
        removed.append(id)
        if removed.count > 8 { removed.removeFirst() }
    }
}

/// A JSON object, read without ceremony: what is missing is 0, false or empty.
private struct Fields {
    private let values: [String: Any]
    init(_ values: [String: Any]) { self.values = values }

    var names: [String] { values.keys.sorted() }
    func text(_ name: String) -> String? { values[name] as? String }
    func flag(_ name: String) -> Bool { values[name] as? Bool ?? false }
    func object(_ name: String) -> Fields? { (values[name] as? [String: Any]).map(Fields.init) }
    func list(_ name: String) -> [Fields] {
        (values[name] as? [[String: Any]] ?? []).map(Fields.init)
    }
    func number(_ name: String) -> UInt64 { Self.number(values[name]) }
    func numbers(_ name: String) -> [UInt64] {
        (values[name] as? [Any] ?? []).map(Self.number)
    }

    private static func number(_ value: Any?) -> UInt64 {
        if let text = value as? String { return UInt64(text) ?? 0 }
        return (value as? NSNumber)?.uint64Value ?? 0
    }
}
