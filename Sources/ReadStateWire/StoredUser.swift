// The field `@` of a user's hash, `readstates.v1.StoredUser`: what is one per user and must be
// atomic with the states.

package import ReadStateCore

/// What is stored of a user beside the states.
package struct StoredUser: Hashable, Sendable {
    /// The name of its field in the user's hash; channels' fields are decimal numbers.
    package static let field: StaticString = "@"

    /// The states include the log up to and including this offset.
    package var appliedOffset: Offset

    package init(appliedOffset: Offset) { self.appliedOffset = appliedOffset }

    /// Writes it at the end of `bytes`.
    package func encode(into bytes: inout [UInt8]) {
        ProtobufWriter.presentVarint(2, UInt64(bitPattern: appliedOffset.rawValue), into: &bytes)
    }

    /// As strict as `StoredState.decode`; there must be an offset, of 0 or more, and one behind it.
    package mutating func decode(_ bytes: RawSpan) -> StoredProblem? {
        var offset: Int64 = -1
        var previousNumber: UInt32 = 0
        var reader = ProtobufReader(bytes)
        while let tag = reader.nextTag() {
            guard tag.number > previousNumber else { return .corrupt }
            previousNumber = tag.number
            switch tag {
            case .varint(1):
                if reader.varint() != UInt64(StoredState.version) { return .unknownVersion }
            case .varint(2): offset = Int64(bitPattern: reader.varint())
            default: return tag.number > 2 ? .unknownVersion : .corrupt
            }
        }
        if reader.isMalformed || offset < 0 || offset == .max { return .corrupt }
        appliedOffset = Offset(offset)
        return nil
    }
}
