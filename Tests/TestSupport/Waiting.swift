// How tests wait: on a condition, with a deadline, never for a length of time. A condition is asked
// every few milliseconds; the deadlines are generous because they only ever cost time in a test
// that fails. This is the only file of the tests that may sleep, and a tidy test sees to that.

import Glibc

/// A condition did not come true before its deadline; the text says which, and what was seen last.
package struct DeadlinePassed: Error, CustomStringConvertible {
    package let description: String
    package init(description: String) { self.description = description }
}

/// Deadline of waits whose author named none: far beyond what a loaded machine needs.
package let ordinaryDeadline: Duration = .seconds(60)

/// Time between two looks at a condition.
private let pollInterval: Duration = .milliseconds(5)

/// Asks `probe` until it gives a value, which is returned. Blocks the calling thread.
/// - Throws: `DeadlinePassed` with `what` and `seen()`, or what `probe` throws.
package func waitFor<Value>(
    _ what: String, within limit: Duration = ordinaryDeadline,
    seen: @autoclosure () -> String = "", _ probe: () throws -> Value?
) throws -> Value {
    let end = ContinuousClock.now + limit
    while true {
        if let value = try probe() { return value }
        if ContinuousClock.now >= end { throw passed(what, limit, seen()) }
        usleep(UInt32(pollInterval.components.attoseconds / 1_000_000_000_000))
    }
}

/// Asks `condition` until it holds. Blocks the calling thread.
/// - Throws: `DeadlinePassed` with `what` and `seen()`, or what `condition` throws.
package func waitUntil(
    _ what: String, within limit: Duration = ordinaryDeadline,
    seen: @autoclosure () -> String = "", _ condition: () throws -> Bool
) throws {
    try waitFor(what, within: limit, seen: seen()) { try condition() ? () : nil }
}

/// `waitFor` for asynchronous tests: between two looks the thread is free for other tests.
package func eventually<Value>(
    _ what: String, within limit: Duration = ordinaryDeadline,
    isolation: isolated (any Actor)? = #isolation,
    seen: @autoclosure () -> String = "", _ probe: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    while true {
        if let value = try await probe() { return value }
        if ContinuousClock.now >= end { throw passed(what, limit, seen()) }
        try await Task.sleep(for: pollInterval)
    }
}

private func passed(_ what: String, _ limit: Duration, _ seen: String) -> DeadlinePassed {
    DeadlinePassed(
        description: "waited \(limit) in vain for: \(what)"
            + (seen.isEmpty ? "" : "\nlast seen: \(seen)"))
}
