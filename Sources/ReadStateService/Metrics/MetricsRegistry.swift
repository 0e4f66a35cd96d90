// Where metrics come from. A shard counts in plain variables of its own and publishes a copy now
// and then (once a second is enough), so that the hot path takes no lock and shares no cache line;
// a scrape reads the copies.

import Synchronization

/// A value that one thread publishes and others read a moment later.
package final class Published<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    package init(_ value: Value) { self.value = Mutex(value) }

    package func publish(_ value: Value) { self.value.withLock { $0 = value } }

    package var latest: Value { value.withLock { $0 } }
}

/// Everything that adds samples to a scrape.
package final class MetricsRegistry: Sendable {
    package typealias Source = @Sendable (inout Exposition) -> Void
    private let sources = Mutex<[Source]>([])

    /// A registry that knows the process' own metrics and the program's version.
    package init() {
        register(addProcessMetrics)
        register { $0.add(buildInformation, 1, ["version": programVersion]) }
    }

    /// Asks `source` at every scrape, on the thread that scrapes.
    package func register(_ source: @escaping Source) {
        sources.withLock { $0.append(source) }
    }

    /// One scrape.
    package func scrape() -> [UInt8] {
        var exposition = Exposition()
        for source in sources.withLock({ $0 }) { source(&exposition) }
        return exposition.bytes
    }
}

/// The version of the program.
package let programVersion = "0.1.0"

private let buildInformation = Metric(.gauge, "build_info", "Always 1; the label is the version.")
