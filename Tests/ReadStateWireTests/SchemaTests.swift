// The published JSON Schemas and the decoders say the same about what is acceptable.

import Foundation
import ReadStateCore
import Testing

@testable import ReadStateWire

@Suite struct SchemaTests {
    private func schema(_ name: String) throws -> JSONSchema {
        try JSONSchema(file: repository("schemas/readstates/v1/\(name).schema.json"))
    }

    /// Every example fits its schema.
    @Test(arguments: ["event", "query", "reply"])
    func examplesFit(_ name: String) throws {
        let schema = try schema(name)
        for example in try Example.all("\(name)-") {
            let json = String(decoding: try #require(example.json), as: UTF8.self)
            #expect(try schema.allows(json), "\(example.name)")
        }
    }

    /// Values put into every field of every kind of event are allowed by the schema exactly if they
    /// are read here.
    @Test func eventsAgree() throws {
        let schema = try schema("event")
        let values = [
            "0", "1", "-1", "1.5", "1e3", "9007199254740992", "9007199254740993", "4294967295",
            "4294967296", "\"0\"", "\"1\"", "\"01\"", "\"9223372036854775807\"", "\"-1\"",
            "\"9223372036854775808\"", "\"10000000000000000000\"", "\"MENTION_ROLE\"", "\"x\"",
            "\"\"", "true", "false", "{}", "[]", "[1]", "[{}]", "[\"0\"]",
            "[{\"message_id\":\"5\"}]", "[{\"message_id\":\"5\",\"mention\":1}]",
            "[{\"channel_id\":\"5\",\"message_id\":6}]", "[{\"channel_id\":\"5\"}]",
        ]
        let bodies = [
            "message_sent": ["message_id", "mention", "own"], "message_read": ["message_id"],
            "marked_unread": ["message_id", "unread", "older", "older_mentions"],
            "message_deleted": ["message_ids"], "mention_changed": ["message_id", "mentioned"],
            "read_many": ["entries"], "channel_joined": ["head_id"], "channel_left": [],
            "user_erased": [],
        ]
        var decoder = EventDecoder()
        var accepted = 0
        func compare(_ json: String) throws {
            let isRead = decoder.readOne(utf8(json)).0 == nil
            #expect(try schema.allows(json) == isRead, "\(json)")
            accepted += isRead ? 1 : 0
        }
        let needsMessage = ["message_sent", "message_read", "marked_unread", "mention_changed"]
        for (kind, fields) in bodies {
            let message = needsMessage.contains(kind) ? "\"message_id\":\"5\"" : ""
            for value in values {
                for field in fields {
                    let rest = field == "message_id" || message.isEmpty ? "" : message + ","
                    try compare(
                        #"{"user_id":"7","channel_id":"9","#
                            + #""\#(kind)":{\#(rest)"\#(field)":\#(value)}}"#
                    )
                }
                try compare("{\"user_id\":\(value),\"channel_id\":\"9\",\"\(kind)\":{\(message)}}")
                try compare("{\"user_id\":\"7\",\"channel_id\":\(value),\"\(kind)\":{\(message)}}")
                try compare(
                    #"{"user_id":"7","channel_id":"9","op_id":\#(value),"\#(kind)":{\#(message)}}"#
                )
                try compare("{\"user_id\":\"7\",\"channel_id\":\"9\",\"\(kind)\":\(value)}")
            }
            try compare("{\"user_id\":\"7\",\"\(kind)\":{\(message)}}")
            try compare("{\"channel_id\":\"7\",\"\(kind)\":{\(message)}}")
            try compare(
                "{\"user_id\":\"7\",\"channel_id\":\"9\",\"\(kind)\":{\(message)},\"x_left\":{}}")
        }
        try compare("{\"user_id\":\"7\",\"channel_id\":\"9\"}")
        try compare(
            "{\"user_id\":\"7\",\"channel_id\":\"9\",\"channel_left\":{},\"user_erased\":{}}")
        #expect(accepted > 200)
    }

    /// So with queries.
    @Test func queriesAgree() throws {
        let schema = try schema("query")
        let values = [
            "0", "1", "-1", "1.5", "10001", "9007199254740992", "9007199254740993", "4294967296",
            "\"0\"", "\"1\"", "\"01\"", "\"-1\"", "\"9223372036854775807\"", "\"x\"", "\"\"",
            "\"9223372036854775808\"", "true", "{}", "[]",
        ]
        var decoder = QueryDecoder(namespace: utf8("readstates"))
        var accepted = 0
        func compare(_ json: String) throws {
            var isRead = false
            if case .query = decoder.decodeOne(utf8(json)) { isRead = true }
            #expect(try schema.allows(json) == isRead, "\(json)")
            accepted += isRead ? 1 : 0
        }
        let fields = [
            "get": ["user_id", "channel_id"], "totals": ["user_id"],
            "list": ["user_id", "unread_only", "after_channel_id", "limit"],
        ]
        for (question, names) in fields {
            let channel = question == "get" ? ",\"channel_id\":\"9\"" : ""
            let body = "{\"user_id\":\"7\"\(channel)}"
            for value in values {
                for name in names {
                    let others = [("user_id", "\"7\""), ("channel_id", "\"9\"")]
                        .filter { $0.0 != name && names.contains($0.0) }
                        .map { "\"\($0.0)\":\($0.1)," }.joined()
                    try compare(
                        #"{"id":"r","reply_to":"l","#
                            + #""\#(question)":{\#(others)"\#(name)":\#(value)}}"#
                    )
                }
                try compare("{\"id\":\(value),\"reply_to\":\"l\",\"\(question)\":\(body)}")
                try compare("{\"id\":\"r\",\"reply_to\":\(value),\"\(question)\":\(body)}")
                try compare("{\"id\":\"r\",\"reply_to\":\"l\",\"\(question)\":\(value)}")
                for name in ["deadline_unix_ms", "min_offset"] {
                    try compare(
                        #"{"id":"r","reply_to":"l","\#(name)":\#(value),"\#(question)":\#(body)}"#
                    )
                }
            }
        }
        try compare("{\"id\":\"r\",\"reply_to\":\"l\"}")
        try compare("{\"id\":\"r\",\"totals\":{\"user_id\":\"7\"}}")
        #expect(accepted > 50)
    }

    /// What is written as a reply fits the schema, at the limits of every number.
    @Test func repliesFit() throws {
        let schema = try schema("reply")
        let ids: [UInt64] = [1, 1 << 53 + 1, UInt64(Int64.max)]
        for id in ids {
            for offset: Int64 in [-1, 0, 1 << 53, 1 << 53 + 1, .max] {
                let state = ReadStateSummary(
                    channel: ChannelID(id), lastRead: MessageID(id == 1 ? 0 : id),
                    lastMessage: MessageID(id), unreadCount: Int(UInt32.max), mentionCount: 0,
                    exact: false)
                for result in [
                    Reply.Result.state(state), .states([state, state], more: true),
                    .totals(UserTotals()), .error(code: "behind", message: "too late"),
                ] {
                    let reply = Reply(
                        id: utf8("r"), partition: PartitionID(.max), appliedOffset: Offset(offset),
                        result: result)
                    let json = encoded(reply, user: UserID(id), in: .json)
                    #expect(try schema.allows(String(decoding: json, as: UTF8.self)))
                }
            }
        }
        #expect(try !schema.allows("{\"id\":\"r\",\"ok\":true}"))
        #expect(try !schema.allows("{\"id\":\"r\",\"ok\":false}"))
    }
}
