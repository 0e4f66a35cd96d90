import ReadStateService
import TestSupport
import Testing

@Suite struct ExpositionTests {
    private let events = Metric(.counter, "events_total", "Events \\ applied,\nby kind.")
    private let lag = Metric(.gauge, "lag", "Records behind.")
    private let latency = Metric(.histogram, "latency_seconds", "Time to answer.")

    /// Samples of one metric stand together under one help and type, wherever they were added, and
    /// hostile label values are escaped.
    @Test func grouped() {
        var exposition = Exposition()
        exposition.add(events, 1, ["kind": "a"])
        exposition.add(lag, 2.5)
        exposition.add(events, UInt64.max, ["kind": "quote \" slash \\ line\n", "p": "3"])
        #expect(
            String(decoding: exposition.bytes, as: UTF8.self) == #"""
                # HELP readstates_events_total Events \\ applied,\nby kind.
                # TYPE readstates_events_total counter
                readstates_events_total{kind="a"} 1
                readstates_events_total{kind="quote \" slash \\ line\n",p="3"} 18446744073709551615
                # HELP readstates_lag Records behind.
                # TYPE readstates_lag gauge
                readstates_lag 2.5

                """#)
    }

    /// A histogram's buckets rise, end in the count, and put a value at or below the right bound.
    @Test func histogram() {
        var histogram = Histogram()
        histogram.record(1000)
        histogram.record(1_000_000)
        histogram.record(100_000_000_000)
        var exposition = Exposition()
        exposition.add(latency, histogram, ["shard": "0"])
        let metrics = Metrics(String(decoding: exposition.bytes, as: UTF8.self))
        func bucket(_ bound: String) -> Double? {
            metrics["readstates_latency_seconds_bucket{shard=\"0\",le=\"\(bound)\"}"]
        }
        #expect(bucket("1.6384e-05") == 1)
        #expect(bucket("0.000524288") == 1)
        #expect(bucket("0.001048576") == 2)
        #expect(bucket("17.179869184") == 2)
        #expect(bucket("+Inf") == 3)
        #expect(metrics["readstates_latency_seconds_count{shard=\"0\"}"] == 3)
        #expect(metrics["readstates_latency_seconds_sum{shard=\"0\"}"] == 100.001001)
    }

    /// A fresh registry knows the process and the version; sources add to it and see their latest
    /// published values.
    @Test func registry() throws {
        let registry = MetricsRegistry()
        let counts = Published(0)
        registry.register { [events] in $0.add(events, counts.latest) }
        counts.publish(42)
        let metrics = Metrics(String(decoding: registry.scrape(), as: UTF8.self))
        #expect(metrics["readstates_events_total"] == 42)
        #expect(metrics["readstates_build_info{version=\"\(programVersion)\"}"] == 1)
        let now = Double(SystemClock.unixMilliseconds()) / 1000
        let start = try #require(metrics["process_start_time_seconds"])
        #expect(start < now + 1 && start > now - 86_400)
        for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "threads"] {
            #expect(try #require(metrics["process_\(name)"]) > 0, "\(name)")
        }
        #expect(try #require(metrics["process_resident_memory_bytes"]) > 1_000_000)
    }
}
