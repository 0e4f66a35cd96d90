// `readstates.v1.Event` from protobuf, as `protoc` reads it: fields in any order, of a scalar the
// last one counts, of a oneof the last kind counts, a message that comes twice is merged, a known
// number with another wire type is an unknown field.

import ReadStateCore

extension EventDecoder {
    static func readProtobuf(
        _ value: RawSpan, into fields: inout EventFields, entries: inout [Entry]
    ) -> DeadLetterReason? {
        var reader = ProtobufReader(value)
        while let tag = reader.nextTag() {
            switch tag {
            case .fixed64(1): fields.user = reader.fixed64()
            case .fixed64(2): fields.channel = reader.fixed64()
            case .fixed64(3): fields.op = reader.fixed64()
            default:
                guard tag.wireType == 2, tag.number <= 12,
                    let kind = EventKind(rawValue: UInt8(tag.number)), kind != .none
                else {
                    reader.skip(tag)
                    continue
                }
                fields.begin(kind, entries: &entries)
                var body = reader.message()
                readBody(&body, into: &fields, entries: &entries)
                reader.join(body)
            }
        }
        return reader.isMalformed ? .malformedProtobuf : nil
    }

    /// The message of a kind, merged into what is there of it.
    private static func readBody(
        _ body: inout ProtobufReader, into fields: inout EventFields, entries: inout [Entry]
    ) {
        while let tag = body.nextTag() {
            switch (fields.kind, tag) {
            case (.messageSent, .fixed64(1)), (.messageRead, .fixed64(1)),
                (.markedUnread, .fixed64(1)), (.mentionChanged, .fixed64(1)),
                (.channelJoined, .fixed64(1)):
                fields.message = body.fixed64()
            case (.messageSent, .varint(2)): fields.mention = body.uint32()
            case (.messageSent, .varint(3)), (.mentionChanged, .varint(2)):
                fields.flag = body.bool()
            case (.markedUnread, .varint(3)): fields.older = body.uint32()
            case (.markedUnread, .varint(4)): fields.olderMentions = body.uint32()
            case (.markedUnread, .bytes(2)):
                fields.add(readEntry(&body, secondIsFlag: true), to: &entries)
            case (.readMany, .bytes(1)):
                fields.add(readEntry(&body, secondIsFlag: false), to: &entries)
            case (.messageDeleted, .fixed64(1)):
                fields.add(Entry(body.fixed64(), 0), to: &entries)
            case (.messageDeleted, .bytes(1)):
                var packed = body.message()
                while !packed.isAtEnd { fields.add(Entry(packed.fixed64(), 0), to: &entries) }
                body.join(packed)
            default: body.skip(tag)
            }
        }
    }

    /// An `UnreadMessage` or a `ReadMany.Entry`: an id and a flag, or two ids.
    private static func readEntry(_ body: inout ProtobufReader, secondIsFlag: Bool) -> Entry {
        var entry = Entry(0, 0)
        var reader = body.message()
        while let tag = reader.nextTag() {
            switch tag {
            case .fixed64(1): entry.first = reader.fixed64()
            case .varint(2) where secondIsFlag: entry.second = reader.bool() ? 1 : 0
            case .fixed64(2) where !secondIsFlag: entry.second = reader.fixed64()
            default: reader.skip(tag)
            }
        }
        body.join(reader)
        return entry
    }
}
