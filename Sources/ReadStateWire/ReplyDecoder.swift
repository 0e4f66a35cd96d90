// From the bytes of a reply to an answer, for the client. `{` begins JSON; any other byte protobuf.

import ReadStateCore

/// A decoder of replies, with the JSON parser's buffers.
package struct ReplyDecoder: ~Copyable {
    private var json = JSONParser()

    package init() {}

    /// The reply, or nil if the bytes are not one.
    package mutating func decode(_ bytes: RawSpan) -> Reply? {
        guard bytes.firstByte == UInt8(ascii: "{") else { return Self.readProtobuf(bytes) }
        guard let document = json.parse(bytes) else { return nil }
        return Self.readJSON(document)
    }

    /// An error says nothing about a partition.
    private static func reply(
        id: [UInt8], partition: PartitionID, appliedOffset: Offset, result: Reply.Result
    ) -> Reply {
        if case .error = result {
            return Reply(id: id, partition: PartitionID(0), appliedOffset: .zero, result: result)
        }
        return Reply(id: id, partition: partition, appliedOffset: appliedOffset, result: result)
    }

    /// UTF-8 text; nil if it is none.
    private static func text(_ bytes: RawSpan) -> String? {
        // Every byte of a span may be read as a UInt8.
        unsafe bytes.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
    }
}

// MARK: Protobuf

extension ReplyDecoder {
    fileprivate static func readProtobuf(_ bytes: RawSpan) -> Reply? {
        var id = "" as String?
        var partition: Int32 = 0
        var offset: Int64 = 0
        var result: Reply.Result?
        var reader = ProtobufReader(bytes)
        while let tag = reader.nextTag() {
            switch tag {
            case .bytes(1): id = text(reader.lengthDelimited())
            case .varint(2): partition = Int32(bitPattern: reader.uint32())
            case .varint(3): offset = Int64(bitPattern: reader.varint())
            case .bytes(4), .bytes(5), .bytes(6), .bytes(7):
                // A service here writes one result, once; of several, this takes the last.
                var body = reader.message()
                result = readResult(tag.number, &body)
                reader.join(body)
            default: reader.skip(tag)
            }
        }
        guard !reader.isMalformed, let id, let result else { return nil }
        return reply(
            id: Array(id.utf8), partition: PartitionID(partition), appliedOffset: Offset(offset),
            result: result)
    }

    private static func readResult(
        _ number: UInt32, _ body: inout ProtobufReader
    ) -> Reply.Result? {
        switch number {
        case 4: return .state(readState(&body))
        case 5: return readStates(&body)
        case 6: return .totals(readTotals(&body))
        default: return readError(&body)
        }
    }

    private static func readState(_ body: inout ProtobufReader) -> ReadStateSummary {
        var state = ReadStateSummary.blank
        while let tag = body.nextTag() {
            switch tag {
            case .fixed64(2): state.channel = ChannelID(body.fixed64())
            case .fixed64(3): state.lastRead = MessageID(body.fixed64())
            case .fixed64(4): state.lastMessage = MessageID(body.fixed64())
            case .varint(6): state.unreadCount = Int(body.uint32())
            case .varint(7): state.mentionCount = Int(body.uint32())
            case .varint(8): state.exact = body.bool()
            default: body.skip(tag)
            }
        }
        return state
    }

    private static func readStates(_ body: inout ProtobufReader) -> Reply.Result {
        var states: [ReadStateSummary] = []
        var more = false
        while let tag = body.nextTag() {
            switch tag {
            case .bytes(1):
                var state = body.message()
                states.append(readState(&state))
                body.join(state)
            case .varint(2): more = body.bool()
            default: body.skip(tag)
            }
        }
        return .states(states, more: more)
    }

    private static func readTotals(_ body: inout ProtobufReader) -> UserTotals {
        var totals = UserTotals()
        totals.exact = false
        while let tag = body.nextTag() {
            switch tag {
            case .varint(2): totals.unreadChannels = Int(body.uint32())
            case .varint(3): totals.mentionCount = Int(body.uint32())
            case .varint(4): totals.exact = body.bool()
            default: body.skip(tag)
            }
        }
        return totals
    }

    private static func readError(_ body: inout ProtobufReader) -> Reply.Result? {
        var code = "" as String?
        var message = "" as String?
        while let tag = body.nextTag() {
            switch tag {
            case .bytes(1): code = text(body.lengthDelimited())
            case .bytes(2): message = text(body.lengthDelimited())
            default: body.skip(tag)
            }
        }
        guard let code, let message else { return nil }
        return .error(code: code, message: message)
    }
}

// MARK: JSON

extension ReplyDecoder {
    fileprivate static func readJSON(_ document: borrowing JSONDocument) -> Reply? {
        var id: [UInt8] = []
        var partition = PartitionID(0)
        var offset = Offset.zero
        var result: Reply.Result?
        var more = false
        guard var members = document.object(at: JSONDocument.root) else { return nil }
        while let member = document.nextMember(&members) {
            let value = member.value
            switch document.name(at: member.name) {
            case "id":
                guard let text = document.text(at: value) else { return nil }
                id = text
            case "partition":
                guard let number = document.signed(at: value).flatMap({ Int32(exactly: $0) }) else {
                    return nil
                }
                partition = PartitionID(number)
            case "applied_offset", "appliedOffset":
                guard let number = document.signed(at: value) else { return nil }
                offset = Offset(number)
            case "more":
                guard let flag = document.bool(at: value) else { return nil }
                more = flag
            case "state": result = readState(document, at: value).map { .state($0) }
            case "states": result = readStates(document, at: value)
            case "totals": result = readTotals(document, at: value)
            case "error": result = readError(document, at: value)
            default: break
            }
        }
        if case .states(let states, _) = result { result = .states(states, more: more) }
        guard let result else { return nil }
        return reply(id: id, partition: partition, appliedOffset: offset, result: result)
    }

    private static func readState(
        _ document: borrowing JSONDocument, at place: Int
    ) -> ReadStateSummary? {
        var state = ReadStateSummary.blank
        guard var members = document.object(at: place) else { return nil }
        while let member = document.nextMember(&members) {
            let value = member.value
            switch document.name(at: member.name) {
            case "channel_id", "channelId":
                guard let id = document.unsigned(at: value) else { return nil }
                state.channel = ChannelID(id)
            case "last_read_id", "lastReadId":
                guard let id = document.unsigned(at: value) else { return nil }
                state.lastRead = MessageID(id)
            case "last_message_id", "lastMessageId":
                guard let id = document.unsigned(at: value) else { return nil }
                state.lastMessage = MessageID(id)
            case "unread_count", "unreadCount":
                guard let count = document.uint32(at: value) else { return nil }
                state.unreadCount = Int(count)
            case "mention_count", "mentionCount":
                guard let count = document.uint32(at: value) else { return nil }
                state.mentionCount = Int(count)
            case "exact":
                guard let flag = document.bool(at: value) else { return nil }
                state.exact = flag
            default: break
            }
        }
        return state
    }

    private static func readStates(
        _ document: borrowing JSONDocument, at place: Int
    ) -> Reply.Result? {
        guard var list = document.array(at: place) else { return nil }
        var states: [ReadStateSummary] = []
        while let element = document.nextElement(&list) {
            guard let state = readState(document, at: element) else { return nil }
            states.append(state)
        }
        return .states(states, more: false)
    }

    private static func readTotals(
        _ document: borrowing JSONDocument, at place: Int
    ) -> Reply.Result? {
        var totals = UserTotals()
        totals.exact = false
        guard var members = document.object(at: place) else { return nil }
        while let member = document.nextMember(&members) {
            let value = member.value
            switch document.name(at: member.name) {
            case "unread_channels", "unreadChannels":
                guard let count = document.uint32(at: value) else { return nil }
                totals.unreadChannels = Int(count)
            case "mention_count", "mentionCount":
                guard let count = document.uint32(at: value) else { return nil }
                totals.mentionCount = Int(count)
            case "exact":
                guard let flag = document.bool(at: value) else { return nil }
                totals.exact = flag
            default: break
            }
        }
        return .totals(totals)
    }

    private static func readError(
        _ document: borrowing JSONDocument, at place: Int
    ) -> Reply.Result? {
        var code = ""
        var message = ""
        guard var members = document.object(at: place) else { return nil }
        while let member = document.nextMember(&members) {
            switch document.name(at: member.name) {
            case "code": code = string(document, at: member.value)
            case "message": message = string(document, at: member.value)
            default: break
            }
        }
        return .error(code: code, message: message)
    }

    /// Empty if it is not a string.
    private static func string(_ document: borrowing JSONDocument, at place: Int) -> String {
        String(decoding: document.text(at: place) ?? [], as: UTF8.self)
    }
}

extension ReadStateSummary {
    /// All fields at protobuf's defaults.
    fileprivate static var blank: ReadStateSummary {
        ReadStateSummary(
            channel: ChannelID(0), lastRead: .none, lastMessage: .none, unreadCount: 0,
            mentionCount: 0, exact: false)
    }
}
