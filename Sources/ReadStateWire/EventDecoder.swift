// From a Kafka record to an event of a batch, or to the reason why not. The encoding is told by the
// first byte: `{` is JSON; 0, which no protobuf message begins with, is a schema-registry header
// with protobuf behind it; anything else is protobuf. Nothing of an event that has a problem stays.
//
// The header's message indexes are read over, not compared: which message a registry calls the
// first depends on the file it was given, and the key and the kinds tell well enough what is an
// event.

package import ReadStateCore

/// A decoder of records. It owns the JSON parser's buffers: one for each shard.
package struct EventDecoder: ~Copyable {
    /// Most bytes of a value: 1 MiB (docs/contract.md, "Limits").
    package static let valueLimit = 1 << 20

    package enum Outcome: Hashable, Sendable {
        /// The event was appended to the batch.
        case event
        /// A null value: nothing to apply.
        case tombstone
        case deadLetter(DeadLetterReason)
    }

    var json = JSONParser()

    package init() {}

    /// Appends the record's event to `batch`, which must not be full. `place`, if given, is where
    /// the record was found, and a record that does not belong there is a dead letter.
    package mutating func decode(
        value: RawSpan?, key: RawSpan?, offset: Offset, place: Partitioning.Place? = nil,
        into batch: inout EventBatch
    ) -> Outcome {
        guard let value else { return .tombstone }
        guard let key else { return .deadLetter(.missingKey) }
        guard let user = Decimal.parse(key), user > 0 else { return .deadLetter(.badKey) }
        if let place, !place.holds(key) { return .deadLetter(.misrouted) }
        if Self.appendCommon(value, user: user, offset: offset, to: &batch) { return .event }
        let start = batch.entries.count
        var fields = EventFields(listStart: start)
        var problem = read(value, into: &fields, entries: &batch.entries)
        if problem == nil && fields.user != user { problem = .keyMismatch }
        if let problem {
            batch.entries.removeLast(batch.entries.count - start)
            return .deadLetter(problem)
        }
        batch.append(fields.event(at: offset))
        return .event
    }

    /// Appends the event if the record is one of those that nine of ten are; else false.
    @inline(__always)
    private static func appendCommon(
        _ value: RawSpan, user: UInt64, offset: Offset, to batch: inout EventBatch
    ) -> Bool {
        value.firstByte == UInt8(ascii: "{")
            ? appendCommonJSON(value, user: user, offset: offset, to: &batch)
            : appendCanonical(value, user: user, offset: offset, to: &batch)
    }

    /// Reads a value in any encoding and checks it.
    mutating func read(
        _ value: RawSpan, into fields: inout EventFields, entries: inout [Entry]
    ) -> DeadLetterReason? {
        guard value.byteCount <= Self.valueLimit else { return .tooLarge }
        let problem: DeadLetterReason?
        switch value.firstByte {
        case UInt8(ascii: "{"):
            problem = readJSON(value, into: &fields, entries: &entries)
        case 0:
            guard let body = Self.bodyBehindHeader(value) else { return .malformedHeader }
            problem = Self.readProtobuf(body, into: &fields, entries: &entries)
        default:
            problem = Self.readProtobuf(value, into: &fields, entries: &entries)
        }
        return problem ?? fields.problem(entries: entries)
    }

    /// What follows a schema-registry header: byte 0, a 4-byte schema id, the message indexes as a
    /// count and that many numbers, all zigzag varints; a count of 0 stands for the one index 0.
    @_lifetime(copy value)
    private static func bodyBehindHeader(_ value: RawSpan) -> RawSpan? {
        guard value.byteCount > 5 else { return nil }
        var reader = ProtobufReader(value.extracting(droppingFirst: 5))
        let count = reader.zigzag()
        // An index takes a byte at least.
        guard count >= 0, count <= reader.remaining else { return nil }
        for _ in 0..<count where reader.zigzag() < 0 { return nil }
        if reader.isMalformed { return nil }
        return value.extracting(last: reader.remaining)
    }
}

extension RawSpan {
    /// The first byte, or nil if there is none.
    var firstByte: UInt8? {
        // At least one byte is there where it is read, and any byte is a UInt8.
        isEmpty ? nil : unsafe unsafeLoad(fromUncheckedByteOffset: 0, as: UInt8.self)
    }
}
