// A writer of protobuf's wire format at the end of a byte buffer that its owner uses again. Scalars
// of value 0 are left out, as proto3 does; a message inside a message gets one byte for its length,
// and is moved when it turns out to need more.

/// Writes fields at the end of a buffer.
enum ProtobufWriter {
    static func varint(_ number: UInt32, _ value: UInt64, into bytes: inout [UInt8]) {
        if value != 0 { presentVarint(number, value, into: &bytes) }
    }

    /// As `varint`, but written even if 0: for fields whose presence tells something.
    static func presentVarint(_ number: UInt32, _ value: UInt64, into bytes: inout [UInt8]) {
        append(UInt64(ProtobufTag.varint(number).rawValue), to: &bytes)
        append(value, to: &bytes)
    }

    static func int64(_ number: UInt32, _ value: Int64, into bytes: inout [UInt8]) {
        varint(number, UInt64(bitPattern: value), into: &bytes)
    }

    static func bool(_ number: UInt32, _ value: Bool, into bytes: inout [UInt8]) {
        if value { presentVarint(number, 1, into: &bytes) }
    }

    static func fixed64(_ number: UInt32, _ value: UInt64, into bytes: inout [UInt8]) {
        if value == 0 { return }
        append(UInt64(ProtobufTag.fixed64(number).rawValue), to: &bytes)
        appendFixed64(value, to: &bytes)
    }

    static func string(_ number: UInt32, _ value: [UInt8], into bytes: inout [UInt8]) {
        if value.isEmpty { return }
        append(UInt64(ProtobufTag.bytes(number).rawValue), to: &bytes)
        append(UInt64(value.count), to: &bytes)
        bytes.append(contentsOf: value)
    }

    /// Opens a message or packed list; what is written until `end` is inside it.
    static func begin(_ number: UInt32, into bytes: inout [UInt8]) -> Int {
        append(UInt64(ProtobufTag.bytes(number).rawValue), to: &bytes)
        bytes.append(0)
        return bytes.count
    }

    /// Closes what `begin` opened at `start`.
    static func end(_ start: Int, into bytes: inout [UInt8]) {
        var length = UInt64(bytes.count - start)
        var more: [UInt8] = []
        bytes[start - 1] = UInt8(length & 0x7f) | (length > 0x7f ? 0x80 : 0)
        length >>= 7
        if length == 0 { return }
        append(length, to: &more)
        bytes.insert(contentsOf: more, at: start)
    }

    /// A number of a packed list of varints.
    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// A number of a packed list of fixed64.
    static func appendFixed64(_ value: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// Numbers of either sign, small ones short (sint64).
    static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: value &<< 1) ^ UInt64(bitPattern: value >> 63)
    }
}
