// JSON out, at the end of a byte buffer that its owner uses again. A comma is needed before a name
// or an element exactly if the byte before it does not open something, so nothing has to be
// remembered.

/// Writes JSON at the end of a buffer. 64-bit ids go out as decimal strings.
enum JSONWriter {
    /// Begins a document, whatever the buffer holds before it.
    static func begin(into bytes: inout [UInt8]) { bytes.append(UInt8(ascii: "{")) }

    static func open(_ bracket: Unicode.Scalar, into bytes: inout [UInt8]) {
        separate(&bytes)
        bytes.append(UInt8(ascii: bracket))
    }

    static func close(_ bracket: Unicode.Scalar, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: bracket))
    }

    static func name(_ name: StaticString, into bytes: inout [UInt8]) {
        separate(&bytes)
        quote(name, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }

    static func open(_ name: StaticString, _ bracket: Unicode.Scalar, into bytes: inout [UInt8]) {
        self.name(name, into: &bytes)
        bytes.append(UInt8(ascii: bracket))
    }

    static func id(_ name: StaticString, _ value: UInt64, into bytes: inout [UInt8]) {
        self.name(name, into: &bytes)
        id(value, into: &bytes)
    }

    /// An element of a list of ids.
    static func idElement(_ value: UInt64, into bytes: inout [UInt8]) {
        separate(&bytes)
        id(value, into: &bytes)
    }

    static func number(_ name: StaticString, _ value: Int64, into bytes: inout [UInt8]) {
        self.name(name, into: &bytes)
        Decimal.append(value, to: &bytes)
    }

    /// A number that may be large: beyond 2^53 as a string, since a double would round it.
    static func int64(_ name: StaticString, _ value: Int64, into bytes: inout [UInt8]) {
        if value.magnitude <= JSONDocument.largestNumber {
            return number(name, value, into: &bytes)
        }
        self.name(name, into: &bytes)
        bytes.append(UInt8(ascii: "\""))
        Decimal.append(value, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    static func bool(_ name: StaticString, _ value: Bool, into bytes: inout [UInt8]) {
        self.name(name, into: &bytes)
        append(value ? "true" : "false", to: &bytes)
    }

    static func string(_ name: StaticString, _ value: StaticString, into bytes: inout [UInt8]) {
        self.name(name, into: &bytes)
        quote(value, into: &bytes)
    }

    /// Text from outside; it must be UTF-8, as every decoder here has made sure.
    static func string(
        _ name: StaticString, _ value: borrowing [UInt8], into bytes: inout [UInt8]
    ) {
        self.name(name, into: &bytes)
        bytes.append(UInt8(ascii: "\""))
        for index in value.indices { escape(value[index], into: &bytes) }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func escape(_ byte: UInt8, into bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0..<0x20:
            let digits: StaticString = "0123456789abcdef"
            append("\\u00", to: &bytes)
            // Both indices are below 16.
            unsafe bytes.append(digits.utf8Start[Int(byte >> 4)])
            unsafe bytes.append(digits.utf8Start[Int(byte & 15)])
        default:
            bytes.append(byte)
        }
    }

    private static func id(_ value: UInt64, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        Decimal.append(value, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    private static func separate(_ bytes: inout [UInt8]) {
        switch bytes.last {
        case nil, UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): return
        default: bytes.append(UInt8(ascii: ","))
        }
    }

    private static func quote(_ text: StaticString, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        append(text, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    private static func append(_ text: StaticString, to bytes: inout [UInt8]) {
        // A static string's code units live for ever and are as many as it says.
        unsafe bytes.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
