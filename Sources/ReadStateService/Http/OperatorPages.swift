/// What a worker answers to operators (docs/contract.md, "The program").
package struct OperatorPages: Sendable {
    /// `/metrics`.
    package var metrics: MetricsRegistry
    /// `/livez`: nil while the process works; else what hangs, for which it should be restarted.
    package var stuck: @Sendable () -> String?
    /// `/readyz`: nil if it is ready; else what it waits for.
    package var unready: @Sendable () -> String?
    /// `/status`: a JSON object.
    package var status: @Sendable (inout JSONText) -> Void

    package init(
        metrics: MetricsRegistry, stuck: @escaping @Sendable () -> String?,
        unready: @escaping @Sendable () -> String?,
        status: @escaping @Sendable (inout JSONText) -> Void
    ) {
        self.metrics = metrics
        self.stuck = stuck
        self.unready = unready
        self.status = status
    }

    /// The page at a path, for `HttpServer`.
    package func respond(_ path: String) -> HttpResponse? {
        switch path {
        case "/metrics": return .metrics(metrics.scrape())
        case "/livez": return Self.answer(stuck())
        case "/readyz": return Self.answer(unready())
        case "/status":
            var json = JSONText()
            json.object(status)
            return .json(json.bytes + [UInt8(ascii: "\n")])
        default: return nil
        }
    }

    private static func answer(_ obstacle: String?) -> HttpResponse {
        obstacle.map { .text($0 + "\n", status: 503) } ?? .text("ok\n")
    }
}
