// How one log line is spelled, in logfmt and in JSON.

/// A line that is being built.
struct LogLine {
    private let format: LogFormat
    private var bytes: [UInt8] = []

    init(format: LogFormat) {
        self.format = format
        bytes.reserveCapacity(256)
        if format == .json { bytes.append(UInt8(ascii: "{")) }
    }

    mutating func add(_ key: String, _ value: LogValue) {
        let isFirst = bytes.count <= 1
        switch format {
        case .logfmt:
            if !isFirst { bytes.append(UInt8(ascii: " ")) }
            bytes += key.utf8
            bytes.append(UInt8(ascii: "="))
        case .json:
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            appendJSONString(key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
        }
        switch value {
        case .number(let number): bytes += String(number).utf8
        case .isTrue(let isTrue): bytes += (isTrue ? "true" : "false").utf8
        case .text(let text): add(cut(text))
        }
    }

    private mutating func add(_ text: String) {
        let isBare = text.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
                && byte != UInt8(ascii: "\\")
        }
        if format == .logfmt, isBare, !text.isEmpty {
            bytes += text.utf8
        } else {
            appendJSONString(text, to: &bytes)
        }
    }

    private func cut(_ text: String) -> String {
        guard text.utf8.count > Logger.valueLimit else { return text }
        // Repaired where the cut goes through a character.
        return String(decoding: text.utf8.prefix(Logger.valueLimit), as: UTF8.self) + "…"
    }

    consuming func finished() -> [UInt8] {
        if format == .json { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }
}

/// Adds a text as a JSON string; all control characters, of either half of Latin-1, are escaped.
package func appendJSONString(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": bytes += "\\\"".utf8
        case "\\": bytes += "\\\\".utf8
        case "\n": bytes += "\\n".utf8
        case "\r": bytes += "\\r".utf8
        case "\t": bytes += "\\t".utf8
        case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
            let digits = String(scalar.value, radix: 16)
            bytes += "\\u".utf8
            bytes += String(repeating: "0", count: 4 - digits.count).utf8
            bytes += digits.utf8
        default: bytes += UTF8.encode(scalar)!
        }
    }
    bytes.append(UInt8(ascii: "\""))
}

/// A moment from 1970 on as RFC 3339 in UTC with milliseconds.
package func timestamp(unixMilliseconds: Int64) -> String {
    let seconds = unixMilliseconds / 1000
    let (year, month, day) = civilDate(daysSince1970: seconds / 86_400)
    let time = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(twoDigits)
    let milliseconds = String(unixMilliseconds % 1000 + 1000).dropFirst()
    return "\(year)-\(twoDigits(month))-\(twoDigits(day))"
        + "T\(time.joined(separator: ":")).\(milliseconds)Z"
}

/// The Gregorian date of a day, by years that begin on 1 March, so that the leap day is the last
/// one of a year (Howard Hinnant, "chrono-compatible low-level date algorithms").
private func civilDate(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let days = daysSince1970 + 719_468  // from 0000-03-01
    let (era, dayOfEra) = days.quotientAndRemainder(dividingBy: 146_097)  // 400 years
    let leapDays = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / 146_096
    let yearOfEra = (dayOfEra - leapDays) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153  // from March
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
    return (year, month < 10 ? month + 3 : month - 9, day)
}

private func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
