// Stored forms, as the service writes and reads them.

import ReadStateCore
import ReadStateWire

/// Bytes of a user's hash.
enum StoredForm {
    /// The field `@` of a user whose states do not include `applied` and what follows.
    static func header(_ applied: Offset) -> [UInt8] {
        var bytes: [UInt8] = []
        StoredUser(appliedOffset: applied.previous).encode(into: &bytes)
        return bytes
    }

    /// The first offset that a user's states do not include.
    static func applied(_ header: [UInt8]) -> Offset? {
        var user = StoredUser(appliedOffset: .zero)
        // Bytes have no padding, and `header` outlives the call.
        return unsafe user.decode(header.span.bytes) == nil ? user.appliedOffset.next : nil
    }

    static func encode(_ state: borrowing ReadState) -> [UInt8] {
        var bytes: [UInt8] = []
        StoredState.encode(state, into: &bytes)
        return bytes
    }

    static func decode(_ bytes: [UInt8]) -> ReadState? {
        var state = ReadState()
        // As above.
        return unsafe StoredState.decode(bytes.span.bytes, into: &state) == nil ? state : nil
    }
}
