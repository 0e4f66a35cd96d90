// The rules' test vectors (schemas/vectors.jsonl): each line a window size, events in the order of
// the log, and what must be answered afterwards.

import Foundation
import ReadStateCore

/// One line of the vectors.
struct Vector {
    struct Expectation {
        var user: UserID
        var channel: ChannelID
        var lastRead: MessageID
        var lastMessage: MessageID
        var unreadCount: Int
        var mentionCount: Int
        /// Whether the answer must claim to be exact. Where it need not, counts that do not claim
        /// it may be upper bounds.
        var exact: Bool?
    }

    var name: String
    var window: Int
    var events: [Event] = []
    var entries: [Entry] = []
    var expected: [Expectation] = []

    static func all() throws -> [Vector] {
        let file = URL(filePath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "schemas/vectors.jsonl")
        let data = try Data(contentsOf: file)
        return try data.split(separator: UInt8(ascii: "\n")).map { line in
            let object = try JSONSerialization.jsonObject(with: line)
            return Vector(object as! [String: Any])
        }
    }

    init(_ line: [String: Any]) {
        name = line["name"] as! String
        window = line["window"] as! Int
        for (offset, event) in (line["events"] as! [[String: Any]]).enumerated() {
            events.append(parse(event, Offset(Int64(offset))))
        }
        expected = (line["expect"] as! [[String: Any]]).map { state in
            Expectation(
                user: UserID(number(state["user_id"])),
                channel: ChannelID(number(state["channel_id"])),
                lastRead: MessageID(number(state["last_read_id"])),
                lastMessage: MessageID(number(state["last_message_id"])),
                unreadCount: state["unread_count"] as! Int,
                mentionCount: state["mention_count"] as! Int, exact: state["exact"] as? Bool)
        }
    }

    private mutating func parse(_ event: [String: Any], _ offset: Offset) -> Event {
        Event(
            offset: offset, user: UserID(number(event["user_id"])),
            channel: ChannelID(number(event["channel_id"])),
            op: MessageID(number(event["op_id"])), kind: kind(of: event))
    }

    private mutating func kind(of event: [String: Any]) -> Event.Kind {
        func body(_ name: String) -> [String: Any]? { event[name] as? [String: Any] }
        func message(_ body: [String: Any]) -> MessageID { MessageID(number(body["message_id"])) }
        if let sent = body("message_sent") {
            let mention = sent["mention"] as? String ?? "MENTION_NONE"
            return .messageSent(
                message(sent), mention: mention != "MENTION_NONE",
                own: sent["own"] as? Bool ?? false)
        }
        if let read = body("message_read") { return .messageRead(message(read)) }
        if let marked = body("marked_unread") {
            let unread = (marked["unread"] as? [[String: Any]] ?? []).map {
                Entry(number($0["message_id"]), $0["mention"] as? Bool ?? false ? 1 : 0)
            }
            return .markedUnread(
                message(marked), unread: add(unread),
                older: UInt32(marked["older"] as? Int ?? 0),
                olderMentions: UInt32(marked["older_mentions"] as? Int ?? 0))
        }
        if let deleted = body("message_deleted") {
            let ids = deleted["message_ids"] as! [Any]
            return .messageDeleted(add(ids.map { Entry(number($0), 0) }))
        }
        if let changed = body("mention_changed") {
            return .mentionChanged(
                message(changed), mentioned: changed["mentioned"] as? Bool ?? false)
        }
        if let many = body("read_many") {
            let reads = (many["entries"] as! [[String: Any]]).map {
                Entry(number($0["channel_id"]), number($0["message_id"]))
            }
            return .readMany(add(reads))
        }
        if let joined = body("channel_joined") {
            return .channelJoined(head: MessageID(number(joined["head_id"])))
        }
        return body("channel_left") != nil ? .channelLeft : .userErased
    }

    private mutating func add(_ list: [Entry]) -> EntryRange {
        defer { entries += list }
        return EntryRange(start: UInt32(entries.count), count: UInt32(list.count))
    }
}

private func number(_ value: Any?) -> UInt64 {
    guard let value else { return 0 }
    return UInt64(value as! String)!
}
