import Foundation
import Glibc
import ReadStateService
import Synchronization
import TestSupport
import Testing

/// What a logger wrote, line by line.
private func lines(
    _ format: LogFormat, _ level: LogLevel = .debug, _ body: (Logger) -> Void
) throws -> [String] {
    let folder = TemporaryDirectory()
    let path = folder.file("log")
    let descriptor = open(path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
    defer { close(descriptor) }
    body(Logger(format: format, level: level, descriptor: descriptor))
    return try String(contentsOfFile: path, encoding: .utf8)
        .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
}

/// Something that a thread says once.
private final class Flag: Sendable {
    let value = Atomic(false)
}

@Suite struct LoggingTests {
    /// Lines begin with time, level and event, then common and own fields in order.
    @Test func logfmt() throws {
        let found = try lines(.logfmt) { logger in
            logger.with(["shard": 3]).info(
                "partition_assigned",
                ["partition": 7, "word": "plain", "text": "two words", "empty": "", "done": true])
        }
        #expect(found.count == 1)
        let time = #/^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /#
        let rest = found[0].replacing(time, with: "")
        #expect(
            rest == "level=info event=partition_assigned shard=3 partition=7 word=plain"
                + " text=\"two words\" empty=\"\" done=true")
    }

    /// A JSON line is an object whose values come back as they went in, numbers as numbers.
    @Test func json() throws {
        let nasty = "a\"b\\c\n\r\t\u{0}\u{1b}[31m\u{7f}\u{85}\u{2028}é🙂"
        let found = try lines(.json) { $0.error("failed", ["n": -5, "t": LogValue(nasty)]) }
        #expect(found.count == 1)
        let object = try JSONSerialization.jsonObject(with: Data(found[0].utf8)) as? [String: Any]
        #expect(object?["t"] as? String == nasty)
        #expect(object?["n"] as? Int == -5)
        #expect(object?["level"] as? String == "error")
    }

    /// Nothing that comes from outside can begin a line of its own, forge a field, or reach a
    /// terminal as a control character; what is too long is cut.
    @Test func hostileValues() throws {
        for format in [LogFormat.logfmt, .json] {
            let found = try lines(format) { logger in
                logger.info("e", ["a": "x\nlevel=error event=forged", "b": "\u{1b}[2J\u{9b}2J"])
                logger.info("e", ["c": "x level=error"])
                logger.info("e", ["d": LogValue(String(repeating: "é", count: 100_000))])
            }
            #expect(found.count == 3)
            for line in found {
                #expect(
                    line.unicodeScalars.allSatisfy {
                        $0.value >= 0x20 && !(0x7f...0x9f ~= $0.value)
                    })
            }
            #expect(found[1].contains("\"x level=error\""))
            #expect(found[2].utf8.count < Logger.valueLimit + 200)
        }
    }

    /// Lines below the level are not written, and their fields not even computed.
    @Test func levels() throws {
        let found = try lines(.logfmt, .warning) { logger in
            logger.info("quiet", ["never": LogValue(unreachable())])
            logger.warning("heard")
            logger.error("heard")
        }
        #expect(found.count == 2)
    }

    private func unreachable() -> String {
        Issue.record("a field of a line that is not logged was computed")
        return ""
    }

    /// Lines of many threads never mix.
    @Test func threads() async throws {
        let folder = TemporaryDirectory()
        let path = folder.file("log")
        let descriptor = open(path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
        let logger = Logger(format: .logfmt, level: .info, descriptor: descriptor)
        await withTaskGroup { group in
            for writer in 0..<8 {
                group.addTask {
                    for index in 0..<500 {
                        logger.info("e", ["writer": LogValue(writer), "index": LogValue(index)])
                    }
                }
            }
        }
        close(descriptor)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let whole = #/time=\S+ level=info event=e writer=\d index=\d+/#
        #expect(text.split(separator: "\n").count == 4000)
        #expect(try text.split(separator: "\n").allSatisfy { try whole.wholeMatch(in: $0) != nil })
    }

    /// A pipe that nobody reads holds nobody up: lines that it does not take are dropped, and the
    /// next one that it takes says how many.
    @Test(arguments: [LogFormat.logfmt, .json]) func fullPipe(format: LogFormat) throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        let logger = Logger(format: format, level: .info, descriptor: writing)
        let isWritten = Flag()
        // Not joined: where it is held up, it stays.
        _ = try OSThread(name: "logging") {
            for index in 0..<5_000 { logger.info("e", ["index": LogValue(index)]) }
            isWritten.value.store(true, ordering: .releasing)
        }
        try waitUntil("all lines written or dropped", within: .seconds(20)) {
            isWritten.value.load(ordering: .acquiring)
        }
        let held = drained(reading)
        logger.info("after")
        logger.info("later")
        let rest = drained(reading)
        #expect(held.allSatisfy { $0.contains("index") } && held.count < 5_000)
        let dropped = 5_000 - held.count
        #expect(rest.count == 2)
        let word = format == .json ? "\"dropped_lines\":\(dropped)}" : " dropped_lines=\(dropped)"
        #expect(rest.first?.hasSuffix(word) == true, "\(rest)")
        #expect(rest.last?.contains("dropped_lines") == false)
        for end in ends { close(end) }
    }

    /// A line that a pipe takes only in part is ended before the next one.
    @Test func tornLine() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        // F_SETPIPE_SZ, which the module map leaves out.
        #expect(fcntl(writing, 1_031, 4_096) == 4_096)
        let logger = Logger(format: .logfmt, level: .info, descriptor: writing)
        let long = LogValue(String(repeating: "x", count: 1_000))
        let isWritten = Flag()
        _ = try OSThread(name: "logging") {
            logger.info("long", ["a": long, "b": long, "c": long, "d": long, "e": long])
            isWritten.value.store(true, ordering: .releasing)
        }
        try waitUntil("the line written or dropped", within: .seconds(20)) {
            isWritten.value.load(ordering: .acquiring)
        }
        let held = drained(reading)
        #expect(held.count == 1 && held[0].utf8.count == 4_096)
        logger.info("after")
        let rest = drained(reading)
        #expect(rest.count == 2 && rest.first == "" && rest.last?.contains("event=after") == true)
        #expect(rest.last?.hasSuffix(" dropped_lines=1") == true)
        for end in ends { close(end) }
    }

    /// The lines that a pipe holds.
    private func drained(_ pipe: Int32) -> [String] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var entry = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 0) == 1 {
            bytes += buffer[..<read(pipe, &buffer, buffer.count)]
        }
        let lines = String(decoding: bytes, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return lines.last == "" ? lines.dropLast() : lines
    }

    /// Times are those of the calendar, leap days and ends of years included.
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
            (1_795_328_582_123, "2026-11-22T06:23:02.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func timestamps(milliseconds: Int64, text: String) {
        #expect(timestamp(unixMilliseconds: milliseconds) == text)
    }
}
