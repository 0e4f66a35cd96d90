// What kinds of values settings have: how each is written, read and shown. A kind knows its
// placeholder for help pages and says in one sentence what it takes, so that a refused value is
// answered with what would have been accepted. Units are exact and must be written: `KB` is 1000
// bytes and `KiB` 1024, a bare `K` is refused rather than guessed, and so is a duration without
// unit.

/// A value, read and checked.
package enum SettingValue: Hashable, Sendable {
    case text(String)
    case count(Int)
    case decimal(Double)
    case bytes(Int)
    case duration(Duration)
    case isOn(Bool)
    /// nil: `none`, switched off.
    case address(HostPort?)
}

/// Where to listen or connect.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[ipv6]:port`; nil if it is neither.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard digits.allSatisfy(\.isASCII), digits.first?.isNumber == true,
            let port = UInt16(digits)
        else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        let isSpaced = host.contains { $0.isWhitespace || $0 == "/" || $0 == "[" || $0 == "]" }
        guard !host.isEmpty, !isSpaced else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// The kinds of values.
package enum SettingKind: Sendable {
    /// Anything with at least one character.
    case text
    /// Anything, even nothing.
    case anything
    /// A Kafka topic's name.
    case topic
    /// What the keys in Redis begin with.
    case namespace
    /// `host:port`, more of them after commas.
    case brokers
    /// `redis://…` or `unix://…`.
    case redis
    case count(ClosedRange<Int>)
    case decimal(ClosedRange<Double>)
    case size
    case duration(ClosedRange<Duration>)
    case listen
    /// A flag without a value; `true` or `false` in a file or the environment.
    case toggle
    case choice([String])
    /// A file; may be given several times.
    case paths
    /// `key=value`; may be given several times.
    case properties

    /// What stands for the value on a help page; nil where a flag takes none.
    package var placeholder: String? {
        switch self {
        case .text, .topic, .namespace: "NAME"
        case .anything: "TEXT"
        case .brokers: "HOST:PORT"
        case .redis: "URL"
        case .count: "N"
        case .decimal: "NUMBER"
        case .size: "SIZE"
        case .duration: "DURATION"
        case .listen: "HOST:PORT"
        case .toggle: nil
        case .choice(let words): words.joined(separator: "|")
        case .paths: "FILE"
        case .properties: "KEY=VALUE"
        }
    }

    /// What is accepted, as it follows "is not" or "must be".
    package var expectation: String {
        switch self {
        case .text: "a text of at least one character"
        case .anything: "a text"
        case .topic: "a topic name (1 to 249 of letters, digits, '.', '_', '-')"
        case .namespace: "a namespace (1 to 64 of letters, digits, '.', '_', '-')"
        case .brokers: "host:port, or several separated by commas"
        case .redis: "redis://[user:password@]host[:port][/db] or unix:///path/of/socket"
        case .count(let range) where range.upperBound == .max:
            "a whole number from \(range.lowerBound)"
        case .count(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .decimal(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .size: "a size (a whole number from 1 with B, KB, KiB, MB, MiB, GB, GiB, TB or TiB)"
        case .duration(let range):
            "a duration from \(written(range.lowerBound)) to \(written(range.upperBound))"
                + " (a whole number with ms, s, m or h)"
        case .listen: "host:port, or none"
        case .toggle: "true or false"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .paths: "the name of a file"
        case .properties: "key=value"
        }
    }

    /// Whether every mention adds to those before instead of replacing them.
    package var isRepeatable: Bool {
        switch self {
        case .paths, .properties: true
        default: false
        }
    }

    /// Reads a value; nil if it is not what this kind expects.
    package func parse(_ text: String) -> SettingValue? {
        switch self {
        case .text, .paths: text.isEmpty ? nil : .text(text)
        case .anything: .text(text)
        case .topic: isName(text, limit: 249) && text != "." && text != ".." ? .text(text) : nil
        case .namespace: isName(text, limit: 64) ? .text(text) : nil
        case .brokers:
            text.split(separator: ",", omittingEmptySubsequences: false)
                .allSatisfy { HostPort(String($0)) != nil } ? .text(text) : nil
        case .redis: isRedisURL(text) ? .text(text) : nil
        case .count(let range): wholeNumber(text).flatMap { range.contains($0) ? .count($0) : nil }
        case .decimal(let range):
            Double(text).flatMap { range.contains($0) ? .decimal($0) : nil }
        case .size: parseSize(text).map { .bytes($0) }
        case .duration(let range):
            parseDuration(text).flatMap { range.contains($0) ? .duration($0) : nil }
        case .listen: text == "none" ? .address(nil) : HostPort(text).map { .address($0) }
        case .toggle: ["true": .isOn(true), "false": .isOn(false)][text]
        case .choice(let words): words.contains(text) ? .text(text) : nil
        case .properties:
            text.firstIndex(of: "=").flatMap { $0 > text.startIndex ? .text(text) : nil }
        }
    }
}

/// Digits only: no sign, no spaces, nothing that overflows.
private func wholeNumber(_ text: some StringProtocol) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text)
}

private func isName(_ text: String, limit: Int) -> Bool {
    let isLegal = text.utf8.allSatisfy { byte in
        switch UInt8(byte) {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            return true
        default: return false
        }
    }
    return isLegal && (1...limit).contains(text.utf8.count)
}

/// Only the scheme: the link reads the rest and says what is wrong with it.
private func isRedisURL(_ text: String) -> Bool {
    for scheme in ["redis://", "rediss://", "unix://"] where text.hasPrefix(scheme) {
        return text.utf8.count > scheme.utf8.count
    }
    return false
}

/// Splits `30s` into its number and its unit.
private func split(_ text: String) -> (Int, String)? {
    let digits = text.prefix { ("0"..."9").contains($0) }
    let unit = text[digits.endIndex...].drop { $0 == " " }
    guard let number = wholeNumber(digits) else { return nil }
    return (number, unit.lowercased())
}

private func parseSize(_ text: String) -> Int? {
    let units = [
        "": 1, "b": 1, "kb": 1000, "kib": 1 << 10, "mb": 1_000_000, "mib": 1 << 20,
        "gb": 1_000_000_000, "gib": 1 << 30, "tb": 1_000_000_000_000, "tib": 1 << 40,
    ]
    guard let (number, unit) = split(text), number > 0, let factor = units[unit] else {
        return nil
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : bytes
}

private func parseDuration(_ text: String) -> Duration? {
    let units = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000]
    guard let (number, unit) = split(text), let factor = units[unit] else { return nil }
    let (milliseconds, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : .milliseconds(milliseconds)
}

extension Duration {
    /// Whole milliseconds, rounded down.
    package var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

/// A duration as a setting is written.
package func written(_ duration: Duration) -> String {
    let milliseconds = duration.wholeMilliseconds
    for (unit, factor) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] as [(String, Int64)]
    where milliseconds >= factor && milliseconds % factor == 0 {
        return "\(milliseconds / factor)\(unit)"
    }
    return "\(milliseconds)ms"
}

/// A number of bytes as a setting is written, in the largest unit that divides it.
package func written(bytes: Int) -> String {
    for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
    where bytes >= factor && bytes % factor == 0 {
        return "\(bytes / factor)\(unit)"
    }
    return "\(bytes)B"
}
