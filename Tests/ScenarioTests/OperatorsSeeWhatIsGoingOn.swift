// Rule: the HTTP port serves what operators rely on, in the forms that their tools read, whatever
// else is sent to it.

import Foundation
import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct OperatorsSeeWhatIsGoingOn {
    private static let broker = KafkaServer.isAvailable ? Broker.kafka : .embedded

    /// Metrics in Prometheus' text format; a status in JSON that names every partition; probes.
    @Test func pages() throws {
        let scenario = try Scenario("pages-http", on: Self.broker)
        try scenario.publish(TraceSlice.lines().prefix(3_000))
        let worker = try scenario.start()
        try scenario.expectAnswers()
        try expectJunkIsSurvived(worker)

        let metrics = try #require(try worker.get("/metrics"))
        #expect(metrics.head.contains("text/plain; version=0.0.4"))
        expectPrometheus(metrics.body)
        try worker.waitForMetrics("lag 0 everywhere") { metrics in
            let lags = metrics.samples.filter {
                $0.key.hasPrefix("readstates_partition_lag_events{")
            }
            return lags.count == 4 && lags.values.allSatisfy { $0 == 0 }
        }
        #expect(try worker.get("/livez")?.status == 200)
        #expect(try worker.get("/readyz")?.status == 200)
        #expect(try worker.get("/nowhere")?.status == 404)

        let page = try #require(try worker.get("/status"))
        let status = try JSON(Array(page.body.utf8))
        #expect(status[flag: "ready"] == true)
        let partitions = try #require(status[list: "partitions"])
        #expect(partitions.compactMap { $0[number: "partition"] } == [0, 1, 2, 3])
        for partition in partitions {
            #expect(partition[flag: "owned"] == true)
            #expect(partition[number: "lag"] == 0)
        }
        #expect(try worker.stop() == .exit(0))
    }

    private func expectJunkIsSurvived(_ worker: ReadStatesProgram) throws {
        let port = try worker.httpPort()
        let junk: [[UInt8]] = [
            Array("\0\u{1}\u{2}\r\n\r\n".utf8), Array("GET\r\n\r\n".utf8),
            Array("GET /\(String(repeating: "x", count: 100_000)) HTTP/1.1\r\n\r\n".utf8),
            Array("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\nx".utf8),
            (0..<10_000).map { _ in UInt8.random(in: .min ... .max) },
        ]
        for bytes in junk {
            _ = exchange(with: .tcp(port: port), send: bytes, within: .seconds(1)) {
                !$0.isEmpty
            }
        }
        #expect(try worker.get("/livez")?.status == 200)
    }

    /// Each sample is a number under a name that was declared, with help and type, before it.
    private func expectPrometheus(_ text: String) {
        var helps: Set<Substring> = []
        var types: [Substring: Substring] = [:]
        var seen: Set<Substring> = []
        #expect(text.hasSuffix("\n"))
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# HELP ") {
                #expect(words.count == 4 && helps.insert(words[2]).inserted, "\(line)")
            } else if line.hasPrefix("# TYPE ") {
                #expect(words.count == 4 && types[words[2]] == nil, "\(line)")
                types[words[2]] = words[3]
            } else {
                let sample = line.wholeMatch(
                    of: #/([a-z_:][a-z0-9_:]*)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? (\S+)/#)
                guard let sample, Double(sample.4) != nil else {
                    Issue.record("not a sample: \(line)")
                    continue
                }
                let name = declared(sample.1, types)
                #expect(name.hasPrefix("readstates_") || name.hasPrefix("process_"), "\(line)")
                #expect(helps.contains(name) && types[name] != nil, "\(line)")
                #expect(seen.insert(line.prefix { $0 != " " }).inserted, "twice: \(line)")
            }
        }
        #expect(helps == Set(types.keys))
        #expect(types.values.allSatisfy { ["counter", "gauge", "histogram"].contains($0) })
    }

    private func declared(_ name: Substring, _ types: [Substring: Substring]) -> Substring {
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
            let stem = name.dropLast(suffix.count)
            if types[stem] == "histogram" { return stem }
        }
        return name
    }
}
