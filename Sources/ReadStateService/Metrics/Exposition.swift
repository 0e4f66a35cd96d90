// What `/metrics` answers: Prometheus' text format, version 0.0.4. A metric is declared once, with
// its type and help; samples may come from many places (each shard adds its own) and are put
// together by metric, as the format asks.

/// A metric's name, type and meaning.
package struct Metric: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    package let name: String
    package let kind: Kind
    /// One sentence, with the unit where the name does not tell it.
    package let help: String

    /// A metric of this program: `readstates_` and the name.
    package init(_ kind: Kind, _ name: String, _ help: String) {
        self.init(kind, fullName: "readstates_" + name, help)
    }

    /// One whose name is everybody's, such as `process_open_fds`.
    package init(_ kind: Kind, fullName: String, _ help: String) {
        precondition(
            kind != .counter || fullName.hasSuffix("_total"), "a counter's name ends in _total")
        self.name = fullName
        self.kind = kind
        self.help = help
    }
}

/// The samples of one scrape.
package struct Exposition: Sendable {
    package typealias Labels = KeyValuePairs<String, String>

    private var order: [Metric] = []
    private var samples: [String: [UInt8]] = [:]

    package init() {}

    /// Adds a sample of a counter or a gauge.
    package mutating func add(_ metric: Metric, _ value: some BinaryInteger, _ labels: Labels = [:])
    {
        add(metric, String(value), labels)
    }

    /// Adds a sample of a counter or a gauge.
    package mutating func add(_ metric: Metric, _ value: Double, _ labels: Labels = [:]) {
        add(metric, String(value), labels)
    }

    /// Adds a distribution of nanoseconds, shown in seconds, with bounds at powers of two from
    /// 16 µs to 17 s.
    package mutating func add(_ metric: Metric, _ histogram: Histogram, _ labels: Labels = [:]) {
        precondition(metric.kind == .histogram)
        let all = labels.map { ($0.key, $0.value) }
        declare(metric)
        for exponent in 14...34 {
            let bound = Double(1 << exponent) / 1e9
            append(
                metric, "_bucket", all + [("le", String(bound))],
                String(histogram.count(belowPowerOfTwo: exponent)))
        }
        append(metric, "_bucket", all + [("le", "+Inf")], String(histogram.count))
        append(metric, "_sum", all, String(Double(histogram.sum) / 1e9))
        append(metric, "_count", all, String(histogram.count))
    }

    /// The answer's body.
    package var bytes: [UInt8] {
        var text: [UInt8] = []
        for metric in order {
            text += "# HELP \(metric.name) \(escaped(metric.help, quotes: false))\n".utf8
            text += "# TYPE \(metric.name) \(metric.kind.rawValue)\n".utf8
            text += samples[metric.name]!
        }
        return text
    }

    private mutating func add(_ metric: Metric, _ value: String, _ labels: Labels) {
        precondition(metric.kind != .histogram)
        declare(metric)
        append(metric, "", labels.map { ($0.key, $0.value) }, value)
    }

    private mutating func declare(_ metric: Metric) {
        if samples[metric.name] != nil { return }
        order.append(metric)
        samples[metric.name] = []
    }

    private mutating func append(
        _ metric: Metric, _ suffix: String, _ labels: [(String, String)], _ value: String
    ) {
        var line = metric.name + suffix
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.0)=\"\(escaped($0.1, quotes: true))\"" }
            line += "{" + pairs.joined(separator: ",") + "}"
        }
        samples[metric.name]! += "\(line) \(value)\n".utf8
    }
}

/// A label's value or a help text as the format wants it.
private func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for character in text.unicodeScalars {
        switch character {
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\"" where quotes: result += "\\\""
        default: result.unicodeScalars.append(character)
        }
    }
    return result
}
