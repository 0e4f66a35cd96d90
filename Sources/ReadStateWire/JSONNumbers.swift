// simdjson refuses a whole document for a number that fits neither 64 bits nor a double. Such
// numbers are valid JSON all the same, and a field that nobody here knows may hold one. So a
// document that was refused for a number is read once more with each number of that sort replaced
// by 0.5, which is as wrong as the number itself wherever a number is known here: nothing here has
// a fraction.

/// Numbers that are right by JSON's grammar but too large for simdjson.
enum JSONNumbers {
    /// The document with its too large numbers replaced; nil if there are none.
    static func replacingLarge(in document: RawSpan) -> [UInt8]? {
        // Every byte of a span may be read as a UInt8.
        var bytes = unsafe document.withUnsafeBytes { unsafe [UInt8]($0) }
        var isChanged = false
        var isInString = false
        var position = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\\") where isInString:
                position += 2
            case UInt8(ascii: "\""):
                isInString.toggle()
                position += 1
            case UInt8(ascii: "-") where !isInString, 0x30...0x39 where !isInString:
                let end = bytes[position...].firstIndex { !isOfNumber($0) } ?? bytes.count
                if isLarge(bytes[position..<end]) {
                    // A number that is too large has three bytes and more.
                    let blanks = [UInt8](repeating: 0x20, count: end - position - 3)
                    bytes.replaceSubrange(position..<end, with: Array("0.5".utf8) + blanks)
                    isChanged = true
                }
                position = end
            default:
                position += 1
            }
        }
        return isChanged ? bytes : nil
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x2b, 0x2d, 0x2e, 0x45, 0x65: return true
        default: return false
        }
    }

    /// True for a number of JSON's grammar that fits neither 64 bits nor a double.
    private static func isLarge(_ token: ArraySlice<UInt8>) -> Bool {
        var rest = token
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        let whole = takeDigits(&rest)
        guard let first = whole.first, first != UInt8(ascii: "0") || whole.count == 1 else {
            return false
        }
        if rest.isEmpty {
            let text = String(decoding: token, as: UTF8.self)
            return Int64(text) == nil && UInt64(text) == nil
        }
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            if takeDigits(&rest).isEmpty { return false }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
                rest.removeFirst()
            }
            if takeDigits(&rest).isEmpty { return false }
        }
        let number = Double(String(decoding: token, as: UTF8.self))
        return rest.isEmpty && number.map { !$0.isFinite } ?? true
    }

    private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest = rest.dropFirst(digits.count)
        return digits
    }
}
