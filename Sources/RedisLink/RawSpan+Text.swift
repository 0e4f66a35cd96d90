// Reading single bytes, numbers and texts out of borrowed bytes.

extension RawSpan {
    /// The byte at `offset`, which must be in bounds.
    subscript(byte offset: Int) -> UInt8 {
        // Checked against the bounds by the span; any byte is a UInt8.
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    func hasPrefix(_ prefix: [UInt8]) -> Bool {
        guard byteCount >= prefix.count else { return false }
        for index in prefix.indices where self[byte: index] != prefix[index] { return false }
        return true
    }

    /// A decimal number from 0 to 2^64-1 with no sign, space or leading zero: just what we write.
    var decimal: UInt64? {
        guard (1...20).contains(byteCount) else { return nil }
        if byteCount > 1, self[byte: 0] == UInt8(ascii: "0") { return nil }
        var value: UInt64 = 0
        for index in 0..<byteCount {
            let digit = self[byte: index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tenfold.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// A number of just these digits, lowercase, at most 16.
    var hexadecimal: UInt64? {
        guard (1...16).contains(byteCount) else { return nil }
        var value: UInt64 = 0
        for index in 0..<byteCount {
            let byte = self[byte: index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    /// The bytes as text; what is no UTF-8 is replaced.
    package var text: String {
        // The buffer is used only inside the closure.
        unsafe withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    var array: [UInt8] {
        // The buffer is used only inside the closure.
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
