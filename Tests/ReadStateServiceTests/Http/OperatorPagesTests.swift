import Foundation
import ReadStateService
import TestSupport
import Testing

@Suite struct OperatorPagesTests {
    private func pages(stuck: String? = nil, unready: String? = nil) -> OperatorPages {
        OperatorPages(
            metrics: MetricsRegistry(), stuck: { stuck }, unready: { unready }, status: Self.status)
    }

    @Sendable private static func status(_ json: inout JSONText) {
        json.member("ready", true)
        json.member("partitions", array: partitions)
        json.member("none", object: { _ in })
    }

    private static func partitions(_ array: inout JSONText) {
        for index in 0..<2 {
            array.object { partition in
                partition.member("partition", LogValue(index))
                partition.member("owner", "a \"b\"\n")
            }
        }
        array.value("last")
    }

    /// Through the server: the four pages with their types, and 503 with the reason where something
    /// is in the way.
    @Test func served() throws {
        let here = HostPort(host: "127.0.0.1", port: 0)
        let good = try HttpServer(listen: here, respond: pages().respond)
        let bad = try HttpServer(
            listen: here, respond: pages(stuck: "shard 1 hangs", unready: "no Redis").respond)
        func get(_ server: borrowing HttpServer, _ page: String) throws -> HTTPAnswer {
            try #require(http(port: Int(server.address.port), get: page))
        }
        #expect(try get(good, "/livez").body == "ok\n")
        #expect(try get(good, "/readyz").status == 200)
        let metrics = try get(good, "/metrics")
        #expect(metrics.head.contains("text/plain; version=0.0.4"))
        #expect(Metrics(metrics.body).sum("readstates_build_info") == 1)
        #expect(try get(bad, "/livez").status == 503)
        #expect(try get(bad, "/readyz").body == "no Redis\n")
        #expect(try get(good, "/").status == 404)
        let status = try get(good, "/status")
        #expect(status.head.contains("application/json"))
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(status.body.utf8)) as? NSDictionary)
        let partitions: [Any] = [0, 1].map {
            ["partition": $0, "owner": "a \"b\"\n"] as [String: Any]
        }
        let expected: [String: Any] = [
            "ready": true, "partitions": partitions + ["last"], "none": [String: Any](),
        ]
        #expect(object == expected as NSDictionary)
    }
}
