// From the bytes of a request to a query, or to the error it is answered with, or to nothing. `{`
// begins JSON; any other byte protobuf. A request that cannot be read as a whole is read as far as
// it goes, because whoever sent it waits: if it tells where to reply to, it is answered.

import ReadStateCore

/// A decoder of requests, with the JSON parser's buffers.
package struct QueryDecoder: ~Copyable {
    private let namespace: [UInt8]
    private var json = JSONParser()

    /// `namespace` is that of the service's own keys, where no reply may go.
    package init(namespace: [UInt8]) { self.namespace = namespace }

    package mutating func decode(_ bytes: RawSpan) -> DecodedQuery {
        let isJSON = bytes.firstByte == UInt8(ascii: "{")
        if bytes.byteCount > Query.sizeLimit {
            let prefix = bytes.extracting(first: Query.sizeLimit)
            let fields = isJSON ? Self.readJSONPrefix(prefix) : Self.readProtobuf(prefix)
            return fields.decidedTooLarge(namespace: namespace)
        }
        if !isJSON { return Self.readProtobuf(bytes).decided(namespace: namespace) }
        // The document borrows all of `self`, so the namespace is taken out before.
        let namespace = namespace
        if let document = json.parse(bytes) {
            return Self.readJSON(document).decided(namespace: namespace)
        }
        var fields = Self.readJSONPrefix(bytes)
        fields.complain("not one valid JSON document")
        return fields.decided(namespace: namespace)
    }

    /// Text of at least one byte; nil if it is not UTF-8.
    private static func text(_ bytes: RawSpan) -> [UInt8]? {
        // Every byte of a span may be read as a UInt8.
        let copy = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
        return String(validating: copy, as: UTF8.self) == nil ? nil : copy
    }
}

// MARK: Protobuf

extension QueryDecoder {
    fileprivate static func readProtobuf(_ bytes: RawSpan) -> QueryFields {
        var fields = QueryFields(encoding: .protobuf)
        var reader = ProtobufReader(bytes)
        while let tag = reader.nextTag() {
            switch tag {
            case .bytes(1):
                fields.id = text(reader.lengthDelimited())
                if fields.id == nil { fields.complain("id is not UTF-8") }
            case .bytes(2): fields.replyTo = text(reader.lengthDelimited())
            case .varint(3): fields.deadline = Int64(bitPattern: reader.varint())
            case .varint(4): fields.minOffset = Int64(bitPattern: reader.varint())
            case .bytes(5), .bytes(6), .bytes(7):
                guard let what = QueryFields.What(rawValue: UInt8(tag.number)) else { break }
                fields.begin(what)
                var body = reader.message()
                readBody(&body, of: what, into: &fields)
                reader.join(body)
            default: reader.skip(tag)
            }
        }
        if reader.isMalformed { fields.complain("not valid protobuf") }
        return fields
    }

    private static func readBody(
        _ body: inout ProtobufReader, of what: QueryFields.What, into fields: inout QueryFields
    ) {
        while let tag = body.nextTag() {
            switch (what, tag) {
            case (_, .fixed64(1)): fields.user = body.fixed64()
            case (.get, .fixed64(2)), (.list, .fixed64(3)): fields.channel = body.fixed64()
            case (.list, .varint(2)): fields.unreadOnly = body.bool()
            case (.list, .varint(4)): fields.limit = body.uint32()
            default: body.skip(tag)
            }
        }
    }
}

// MARK: JSON

extension QueryDecoder {
    fileprivate static func readJSON(_ document: borrowing JSONDocument) -> QueryFields {
        var fields = QueryFields(encoding: .json)
        guard var members = document.object(at: JSONDocument.root) else { return fields }
        var seen = FieldSet()
        while let member = document.nextMember(&members) {
            let number = queryField(document.name(at: member.name))
            if number == 0 { continue }
            if !seen.insert(number) { fields.complain("a field comes twice") }
            switch number {
            case 1: fields.id = document.text(at: member.value)
            case 2: fields.replyTo = document.text(at: member.value)
            case 3:
                guard let deadline = document.signed(at: member.value) else {
                    fields.complain("deadline_unix_ms is not a number")
                    continue
                }
                fields.deadline = deadline
            case 4:
                guard let minOffset = document.signed(at: member.value) else {
                    fields.complain("min_offset is not a number")
                    continue
                }
                fields.minOffset = minOffset
            default:
                if fields.what != nil { fields.complain("more than one question") }
                guard let what = QueryFields.What(rawValue: UInt8(number)) else { continue }
                fields.begin(what)
                readBody(document, at: member.value, of: what, into: &fields)
            }
        }
        return fields
    }

    private static func queryField(_ name: RawSpan) -> UInt32 {
        switch name {
        case "id": return 1
        case "reply_to", "replyTo": return 2
        case "deadline_unix_ms", "deadlineUnixMs": return 3
        case "min_offset", "minOffset": return 4
        case "get": return 5
        case "list": return 6
        case "totals": return 7
        default: return 0
        }
    }

    private static func readBody(
        _ document: borrowing JSONDocument, at place: Int, of what: QueryFields.What,
        into fields: inout QueryFields
    ) {
        guard var members = document.object(at: place) else {
            return fields.complain("a question is an object")
        }
        var seen = FieldSet()
        while let member = document.nextMember(&members) {
            let number = bodyField(document.name(at: member.name), of: what)
            if number == 0 { continue }
            if !seen.insert(number) { fields.complain("a field comes twice") }
            let value = member.value
            switch (what, number) {
            case (.list, 2):
                guard let flag = document.bool(at: value) else {
                    fields.complain("unread_only is not true or false")
                    continue
                }
                fields.unreadOnly = flag
            case (.list, 4):
                guard let limit = document.uint32(at: value) else {
                    fields.complain("limit is not 0 to 4294967295")
                    continue
                }
                fields.limit = limit
            default:
                guard let id = document.unsigned(at: value) else {
                    fields.complain("an id is not 1 to 9223372036854775807")
                    continue
                }
                if number == 1 { fields.user = id } else { fields.channel = id }
            }
        }
    }

    private static func bodyField(_ name: RawSpan, of what: QueryFields.What) -> UInt32 {
        switch name {
        case "user_id", "userId": return 1
        case "channel_id", "channelId": return what == .get ? 2 : 0
        case "unread_only", "unreadOnly": return what == .list ? 2 : 0
        case "after_channel_id", "afterChannelId": return what == .list ? 3 : 0
        case "limit": return what == .list ? 4 : 0
        default: return 0
        }
    }
}
