// `id` and `reply_to` out of JSON that cannot be parsed: cut off at 64 KiB, or malformed somewhere.
// A validating parser says nothing about such bytes, but whoever sent them waits for an answer. So
// they are scanned member by member at the top level until something makes no sense; what was found
// by then counts. Nothing else of such a request is ever used.

extension QueryDecoder {
    /// The id and reply list that the first bytes tell, which must begin with `{`.
    static func readJSONPrefix(_ bytes: RawSpan) -> QueryFields {
        // Every byte of a span may be read as a UInt8.
        var scanner = JSONPrefixScanner(unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) })
        var fields = QueryFields(encoding: .json)
        while let name = scanner.nextName() {
            switch String(decoding: name, as: UTF8.self) {
            case "id":
                guard let id = scanner.string() else { return fields }
                fields.id = id
            case "reply_to", "replyTo":
                guard let replyTo = scanner.string() else { return fields }
                fields.replyTo = replyTo
            default:
                guard scanner.skipValue() else { return fields }
            }
        }
        return fields
    }
}

/// A scanner of one object's members. It is for bytes that failed already, so it is not fast.
struct JSONPrefixScanner {
    private let bytes: [UInt8]
    /// Behind the opening brace.
    private var position = 1

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            position += 1
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// The next member's name; nil at the end or where there is none.
    mutating func nextName() -> [UInt8]? {
        _ = take(",")
        guard let name = string(), take(":") else { return nil }
        return name
    }

    /// A string, its escapes resolved; nil if there is none, or none that is whole and UTF-8.
    mutating func string() -> [UInt8]? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return String(validating: text, as: UTF8.self) == nil ? nil : text
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                text.append(contentsOf: Array(String(Character(scalar)).utf8))
            case 0..<0x20:
                return nil
            default:
                text.append(byte)
            }
        }
        return nil
    }

    /// What stands behind a backslash.
    private mutating func escape() -> Unicode.Scalar? {
        guard let letter = current else { return nil }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return unicodeEscape()
        default: return nil
        }
    }

    /// Four hex digits, or two such escapes that make a pair of surrogates.
    private mutating func unicodeEscape() -> Unicode.Scalar? {
        guard let high = hexadecimal() else { return nil }
        guard (0xd800..<0xdc00).contains(high) else { return Unicode.Scalar(high) }
        guard current == UInt8(ascii: "\\") else { return nil }
        position += 1
        guard current == UInt8(ascii: "u") else { return nil }
        position += 1
        guard let low = hexadecimal(), (0xdc00..<0xe000).contains(low) else { return nil }
        return Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
    }

    private mutating func hexadecimal() -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = current.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue })
            else {
                return nil
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    /// Passes over a value of any kind; false if it does not end.
    mutating func skipValue() -> Bool {
        skipBlanks()
        var depth = 0
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                if string() == nil { return false }
                if depth == 0 { return true }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return true }
                depth -= 1
                if depth == 0 {
                    position += 1
                    return true
                }
            case UInt8(ascii: ",") where depth == 0:
                return true
            default:
                break
            }
            position += 1
        }
        return false
    }
}
