// What `publish` does with a line of JSON: the same reading and the same checks as in a worker, so
// that nothing is published that a worker would put among the dead letters.

package import ReadStateCore

extension EventDecoder {
    /// A line of JSON made ready for the topic.
    package enum Publication: Hashable, Sendable {
        /// The event's user; key and value are written.
        case record(UserID)
        case invalid(DeadLetterReason)
    }

    /// Writes the record for one JSON event: key in decimal, value as protobuf, each in place of
    /// what the buffer held. The partition is `Partitioning.partition(of:count:)` of the user.
    package mutating func publish(
        json line: RawSpan, key: inout [UInt8], value: inout [UInt8]
    ) -> Publication {
        var entries: [Entry] = []
        var fields = EventFields(listStart: 0)
        guard line.firstByte == UInt8(ascii: "{") else { return .invalid(.malformedJSON) }
        if let problem = read(line, into: &fields, entries: &entries) { return .invalid(problem) }
        key.removeAll(keepingCapacity: true)
        value.removeAll(keepingCapacity: true)
        Decimal.append(fields.user, to: &key)
        EventEncoder.protobuf(fields, entries: entries, into: &value)
        return .record(UserID(fields.user))
    }
}
