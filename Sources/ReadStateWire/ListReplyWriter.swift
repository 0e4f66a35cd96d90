// An answer to `list`, written state by state.

package import ReadStateCore

/// Writes one answer at the end of a buffer that nobody else writes to meanwhile.
package struct ListReplyWriter: ~Copyable {
    private let user: UserID
    private let encoding: Encoding
    /// Where the protobuf message `ReadStates` begins.
    private let body: Int
    package private(set) var count = 0

    /// Writes what stands before the first state.
    package init(user: UserID, header: borrowing ReplyWriter.Header, into bytes: inout [UInt8]) {
        self.user = user
        encoding = header.address.encoding
        ReplyWriter.begin(header, into: &bytes)
        switch encoding {
        case .json:
            JSONWriter.open("states", "[", into: &bytes)
            body = 0
        case .protobuf:
            body = ProtobufWriter.begin(5, into: &bytes)
        }
    }

    package mutating func append(_ state: ReadStateSummary, into bytes: inout [UInt8]) {
        count += 1
        switch encoding {
        case .json: ReplyWriter.json(state, user: user, into: &bytes)
        case .protobuf: ReplyWriter.protobuf(1, state, user: user, into: &bytes)
        }
    }

    /// Writes what stands behind the last state; `more`: there are states above the last channel.
    package consuming func end(more: Bool, into bytes: inout [UInt8]) {
        switch encoding {
        case .json:
            JSONWriter.close("]", into: &bytes)
            JSONWriter.bool("more", more, into: &bytes)
            JSONWriter.close("}", into: &bytes)
        case .protobuf:
            ProtobufWriter.bool(2, more, into: &bytes)
            ProtobufWriter.end(body, into: &bytes)
        }
    }
}
