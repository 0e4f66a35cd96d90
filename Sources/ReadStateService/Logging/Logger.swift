// One line per event on standard error, for machines that collect them and people who read them:
//
//   time=2026-11-22T06:23:02.123Z level=info event=partition_assigned partition=3 offset=1500
//   {"time":"2026-11-22T06:23:02.123Z","level":"info","event":"partition_assigned","partition":3}
//
// Where they go, and that nobody ever waits there: LogOutput.swift. Values come from
// outside too (an error text of a broker): control characters are escaped, so that nobody can forge
// a line or drive a terminal, and a value longer than `valueLimit` bytes is cut. Fields hold ids
// and offsets, never secrets or content of events.

import Glibc

/// How serious a line is.
package enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case debug, info, warning, error

    private var rank: Int { Self.allCases.firstIndex(of: self)! }
    package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }
}

package enum LogFormat: String, Sendable {
    case logfmt, json
}

/// A field's value: a number stays one in JSON.
package enum LogValue: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    case text(String)
    case number(Int64)
    case isTrue(Bool)

    package init(stringLiteral text: String) { self = .text(text) }
    package init(integerLiteral number: Int64) { self = .number(number) }
    package init(booleanLiteral isTrue: Bool) { self = .isTrue(isTrue) }
    package init(_ text: String) { self = .text(text) }
    package init(_ number: some BinaryInteger) { self = .number(Int64(clamping: number)) }
    package init(_ isTrue: Bool) { self = .isTrue(isTrue) }
}

/// Writes log lines; a value that every thread may have a copy of.
package struct Logger: Sendable {
    /// Most bytes of one value.
    package static let valueLimit = 1024

    private let format: LogFormat
    private let level: LogLevel
    private let output: LogOutput
    private let common: [(String, LogValue)]

    /// Logs lines of at least `level` to `descriptor` (standard error).
    package init(format: LogFormat, level: LogLevel, descriptor: Int32 = STDERR_FILENO) {
        self.init(format: format, level: level, output: LogOutput(descriptor), common: [])
    }

    private init(
        format: LogFormat, level: LogLevel, output: LogOutput, common: [(String, LogValue)]
    ) {
        self.format = format
        self.level = level
        self.output = output
        self.common = common
    }

    /// The same logger, with fields that every line of it begins with.
    package func with(_ fields: KeyValuePairs<String, LogValue>) -> Logger {
        let all = common + fields.map { ($0.key, $0.value) }
        return Logger(format: format, level: level, output: output, common: all)
    }

    package func logs(_ level: LogLevel) -> Bool { level >= self.level }

    /// Logs one event; `event` is a fixed word like `partition_assigned`. Fields are not even
    /// evaluated where the level is not logged.
    package func log(
        _ level: LogLevel, _ event: StaticString,
        _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]
    ) {
        guard logs(level) else { return }
        var line = LogLine(format: format)
        line.add("time", .text(timestamp(unixMilliseconds: SystemClock.unixMilliseconds())))
        line.add("level", .text(level.rawValue))
        line.add("event", .text("\(event)"))
        for (key, value) in common { line.add(key, value) }
        for (key, value) in fields() { line.add(key, value) }
        output.write(line)
    }

    package func debug(
        _ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]
    ) { log(.debug, event, fields()) }

    package func info(
        _ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]
    ) { log(.info, event, fields()) }

    package func warning(
        _ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]
    ) { log(.warning, event, fields()) }

    package func error(
        _ event: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]
    ) { log(.error, event, fields()) }
}
