import Foundation
import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateWire

@Suite struct ReplyTests {
    private func randomState(_ numbers: inout SeededNumbers) -> ReadStateSummary {
        ReadStateSummary(
            channel: ChannelID(numbers.id()), lastRead: MessageID(numbers.id()),
            lastMessage: MessageID(numbers.chance(4) ? 0 : numbers.id()),
            unreadCount: numbers.chance(2)
                ? 0 : Int(numbers.next() >> UInt64(32 + numbers.below(30))),
            mentionCount: numbers.below(300), exact: numbers.chance(2))
    }

    private func randomReply(_ numbers: inout SeededNumbers) -> Reply {
        let result: Reply.Result
        switch numbers.below(4) {
        case 0: result = .state(randomState(&numbers))
        case 1:
            let states = (0..<numbers.below(20)).map { _ in randomState(&numbers) }
            result = .states(states, more: numbers.chance(2))
        case 2:
            var totals = UserTotals()
            totals.unreadChannels = numbers.below(1000)
            totals.mentionCount = numbers.below(1000)
            totals.exact = numbers.chance(2)
            result = .totals(totals)
        default:
            let codes: [QueryErrorCode] = [
                .badRequest, .unknownPartition, .behind, .unavailable, .tooLarge,
            ]
            let code = codes[numbers.below(codes.count)].rawValue
            return Reply(
                id: utf8("r\""), partition: PartitionID(0), appliedOffset: .zero,
                result: .error(code: code, message: "because \"\\\u{1}\u{e9}"))
        }
        return Reply(
            id: utf8("r\(numbers.below(100))"), partition: PartitionID(Int32(numbers.below(1000))),
            appliedOffset: Offset(numbers.chance(9) ? -1 : Int64(numbers.id())), result: result)
    }

    /// Random replies are written as protoc writes them, are valid JSON, and are read back the
    /// same.
    @Test func randomRepliesAgree() throws {
        var numbers = SeededNumbers(seed: 51)
        var decoder = ReplyDecoder()
        let user = UserID(7)
        let replies = (0..<1000).map { _ in randomReply(&numbers) }
        let theirs = try Protoc.encode(replies.map(text), type: "Reply", file: "queries")
        try #require(theirs.count == replies.count)
        for (reply, bytes) in zip(replies, theirs) {
            #expect(encoded(reply, user: user, in: .protobuf) == bytes)
            #expect(decoder.decodeOne(bytes) == reply)
            let json = encoded(reply, user: user, in: .json)
            _ = try JSONSerialization.jsonObject(with: Data(json))
            #expect(decoder.decodeOne(json) == reply)
        }
    }

    /// A list of 10,000 states comes through whole, in both encodings.
    @Test func largestList() throws {
        var numbers = SeededNumbers(seed: 52)
        var decoder = ReplyDecoder()
        let states = (0..<10_000).map { _ in randomState(&numbers) }
        let reply = Reply(
            id: utf8("r"), partition: PartitionID(1), appliedOffset: Offset(9),
            result: .states(states, more: true))
        for encoding in [Encoding.json, .protobuf] {
            #expect(decoder.decodeOne(encoded(reply, user: UserID(7), in: encoding)) == reply)
        }
    }

    /// A count beyond what the wire can tell is told as the most there is, not cut off.
    @Test func hugeCounts() throws {
        var decoder = ReplyDecoder()
        let state = ReadStateSummary(
            channel: ChannelID(9), lastRead: .none, lastMessage: .none,
            unreadCount: Int(UInt32.max) + 1000, mentionCount: Int(UInt32.max), exact: false)
        let reply = Reply(
            id: [1], partition: PartitionID(0), appliedOffset: .zero, result: .state(state))
        for encoding in [Encoding.json, .protobuf] {
            let bytes = encoded(reply, user: UserID(7), in: encoding)
            guard case .state(let read)? = decoder.decodeOne(bytes)?.result else {
                Issue.record("no state")
                continue
            }
            #expect(read.unreadCount == Int(UInt32.max) && read.mentionCount == Int(UInt32.max))
        }
    }

    /// Bytes that are no reply are told so.
    @Test(arguments: [
        "", "{}", "{\"id\":\"r\",\"ok\":true}", "{\"id\":7,\"totals\":{}}", "{\"state\":[]}",
        "{\"states\":{}}", "{\"states\":[1]}", "{\"error\":7}", "{\"totals\":{\"exact\":1}}",
        "{\"state\":{\"unread_count\":-1}}", "{\"totals\":{}", "x",
    ])
    func noReply(_ text: String) {
        var decoder = ReplyDecoder()
        #expect(decoder.decodeOne(utf8(text)) == nil)
    }

    private func text(_ state: ReadStateSummary) -> String {
        """
        user_id: 7 channel_id: \(state.channel.rawValue) last_read_id: \(state.lastRead.rawValue)
        last_message_id: \(state.lastMessage.rawValue) unread: \(state.unreadCount > 0)
        unread_count: \(state.unreadCount) mention_count: \(state.mentionCount)
        exact: \(state.exact)
        """
    }

    private func text(_ reply: Reply) -> String {
        func quoted(_ text: [UInt8]) -> String {
            "\"" + text.map { "\\" + String(0o1000 + Int($0), radix: 8).dropFirst() }.joined()
                + "\""
        }
        var text = "id: \(quoted(reply.id))\npartition: \(reply.partition.rawValue)\n"
        text += "applied_offset: \(reply.appliedOffset.rawValue)\n"
        switch reply.result {
        case .state(let state): text += "state { \(self.text(state)) }\n"
        case .states(let states, let more):
            let list = states.map { "states { \(self.text($0)) }" }.joined(separator: "\n")
            text += "states {\n\(list)\nmore: \(more) }\n"
        case .totals(let totals):
            text += "totals { user_id: 7 unread_channels: \(totals.unreadChannels) "
            text += "mention_count: \(totals.mentionCount) exact: \(totals.exact) }\n"
        case .error(let code, let message):
            text += "error { code: \"\(code)\" message: \(quoted(utf8(message))) }\n"
        }
        return text
    }
}
