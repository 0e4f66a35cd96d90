// The real `readstates` executable, as operators run it: started with arguments, watched through
// its log, its exit code and its HTTP page.

import Foundation

/// A running `readstates` command.
package final class ReadStatesProgram: Sendable {
    /// The executable: READSTATES_BINARY, or what the last build of this package left.
    package static let path: String = {
        if let path = ProcessInfo.processInfo.environment["READSTATES_BINARY"] { return path }
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let candidates = ["release", "debug"].map { "\(root.path)/.build/\($0)/readstates" }
        guard let found = candidates.first(where: FileManager.default.isExecutableFile) else {
            fatalError("no readstates executable; build it first, or set READSTATES_BINARY")
        }
        return found
    }()

    package let process: ChildProcess

    /// Starts it; the environment's own READSTATES_ settings are taken away first.
    package init(
        _ arguments: [String], environment: [String: String?] = [:], input: String = ""
    ) throws {
        process = try ChildProcess(
            [Self.path] + arguments, environment: Self.clean(environment), input: input)
    }

    /// Runs it to its end.
    package static func run(
        _ arguments: [String], environment: [String: String?] = [:], input: String = "",
        within limit: Duration = ordinaryDeadline
    ) throws -> ChildProcess.Result {
        try ChildProcess.run(
            [path] + arguments, environment: clean(environment), input: input, within: limit)
    }

    private static func clean(_ environment: [String: String?]) -> [String: String?] {
        var variables: [String: String?] = [:]
        for name in ProcessInfo.processInfo.environment.keys where name.hasPrefix("READSTATES_") {
            variables.updateValue(nil, forKey: name)
        }
        return variables.merging(environment) { _, given in given }
    }

    /// Starts a worker that listens on a free port.
    package static func worker(
        kafka: String, redis: String, topic: String, _ arguments: [String] = []
    ) throws -> ReadStatesProgram {
        try ReadStatesProgram(
            ["worker", "--kafka", kafka, "--redis", redis, "--topic", topic]
                + ["--listen", "127.0.0.1:0"] + arguments)
    }

    // MARK: Its HTTP page

    /// The port that the log says it listens on; waits for that line.
    package func httpPort() throws -> Int {
        let line = try process.waitForLine("the log's line with the port of HTTP") {
            $0.contains("listen") && Self.port(in: $0) != nil
        }
        return Self.port(in: line) ?? 0
    }

    private static func port(in line: String) -> Int? {
        guard let match = line.firstMatch(of: #/127\.0\.0\.1:(\d+)/#) else { return nil }
        return Int(match.output.1).flatMap { $0 == 0 ? nil : $0 }
    }

    /// Status and body of a GET, or nil if nobody answers.
    package func get(_ page: String) throws -> HTTPAnswer? {
        http(port: try httpPort(), get: page)
    }

    /// Waits until the worker says that it is ready.
    package func waitUntilReady(within limit: Duration = ordinaryDeadline) throws {
        try waitUntil("a ready worker", within: limit, seen: process.tail) {
            if let ending = process.ending {
                throw DeadlinePassed(description: "ended: \(ending)\n\(process.tail)")
            }
            return try get("/readyz")?.status == 200
        }
    }

    /// All samples of `/metrics`.
    package func metrics() throws -> Metrics {
        guard let answer = try get("/metrics"), answer.status == 200 else {
            throw DeadlinePassed(description: "no /metrics\n\(process.tail)")
        }
        return Metrics(answer.body)
    }
}

/// An answer to an HTTP request.
package struct HTTPAnswer: Sendable {
    package var status: Int
    package var head: String
    package var body: String
}

/// One GET on a connection of its own to a server of this machine, or nil if nobody answers.
package func http(port: Int, get page: String) -> HTTPAnswer? {
    let request = "GET \(page) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    let answer = exchange(with: .tcp(port: port), send: Array(request.utf8)) { _ in false }
    guard let answer else { return nil }
    let text = String(decoding: answer, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { return nil }
    let head = String(text[..<end.lowerBound])
    let words = head.split(separator: " ", maxSplits: 2)
    guard words.count >= 2, let status = Int(words[1]) else { return nil }
    return HTTPAnswer(status: status, head: head, body: String(text[end.upperBound...]))
}

/// Samples of a Prometheus text page.
package struct Metrics: Sendable {
    /// By name with labels, as written: `readstates_lag{partition="3"}`.
    package let samples: [String: Double]

    package init(_ text: String) {
        var samples: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { continue }
            samples[String(line[..<space])] = value
        }
        self.samples = samples
    }

    /// A sample by its full name, or nil.
    package subscript(sample: String) -> Double? { samples[sample] }

    /// The sum over all label values of a metric; 0 if there is none.
    package func sum(_ metric: String) -> Double {
        samples.reduce(0) { sum, sample in
            let isIt = sample.key == metric || sample.key.hasPrefix("\(metric){")
            return isIt ? sum + sample.value : sum
        }
    }
}
