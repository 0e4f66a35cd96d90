// The queries of `load`. Their latency is measured from the moment at which each was due, not from
// when it was sent: a queue that builds up shows, instead of slowing down the questions that would
// have shown it.

import Glibc
import ReadStateClient
import ReadStateCore
import ReadStateService
import RedisLink
import Synchronization

/// What came of the queries.
struct Answers: Sendable, CustomStringConvertible {
    /// Nanoseconds from when a question was due to its answer.
    var latency = Histogram()
    var failed = 0
    /// Questions that were due before the end and could not be asked in time.
    var unasked = 0
    var lastError = ""

    var description: String {
        let quantiles = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1)].map {
            "\($0.0) \(decimal(Double(latency.quantile($0.1)) / 1e6)) ms"
        }
        var text = "queries: \(latency.count) answered, \(quantiles.joined(separator: ", "))\n"
        if failed > 0 { text += "queries: \(failed) failed, the last: \(lastError)\n" }
        if unasked > 0 { text += "queries: \(unasked) were due and not asked: too slow\n" }
        return text
    }

    mutating func merge(_ other: Answers) {
        latency.merge(other.latency)
        failed += other.failed
        unasked += other.unasked
        if other.failed > 0 { lastError = other.lastError }
    }
}

/// Threads that ask, each on a connection of its own and with its share of the rate.
struct LoadQueries: ~Copyable {
    /// One connection asks one question at a time. With so many a second, its questions are asked
    /// when they are due as long as an answer takes less than 16 ms; if they take longer, what is
    /// measured is how far the asker is behind.
    private static let rateOfOne = 62
    private static let mostThreads = 16

    private let shared = SharedAnswers()
    private var threads: [QueryThread] = []

    /// Starts them, if queries are wanted.
    init(_ settings: Settings, _ shape: LoadShape) throws(SystemCallError) {
        guard let rate = settings.optionalCount("queries") else { return }
        let count = min(Self.mostThreads, max(1, rate / Self.rateOfOne))
        for index in 0..<count {
            let asker = Asker(
                address: settings.redisAddress, keys: settings.redisKeys, shape: shape,
                index: index, interval: 1e9 * Double(count) / Double(rate), shared: shared)
            let thread = try OSThread(name: "queries-\(index)") { asker.run() }
            threads.append(QueryThread(thread))
        }
    }

    /// Ends them; nil if there were none.
    consuming func stop() -> Answers? {
        shared.isStopped.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        return threads.isEmpty ? nil : shared.answers.withLock { $0 }
    }
}

private final class SharedAnswers: Sendable {
    let isStopped = Atomic(false)
    let answers = Mutex(Answers())
}

/// A thread in a form that an array can hold.
private final class QueryThread {
    private var thread: OSThread?

    init(_ thread: consuming OSThread) { self.thread = consume thread }

    func join() { thread.take()?.join() }
}

/// One thread's work.
private struct Asker: Sendable {
    let address: RedisAddress
    let keys: Keys
    let shape: LoadShape
    let index: Int
    /// Nanoseconds between two of its questions.
    let interval: Double
    let shared: SharedAnswers

    func run() {
        var answers = Answers()
        do throws(RedisLinkError) {
            var client = try QueryClient(address, keys, timeout: .seconds(5))
            ask(&client, &answers)
        } catch {
            answers.failed += 1
            answers.lastError = "\(error)"
        }
        shared.answers.withLock { [answers] in $0.merge(answers) }
    }

    private func ask(_ client: inout QueryClient, _ answers: inout Answers) {
        // Other places than the events', but with the same frequencies.
        var shape = shape
        shape.seed = (shape.seed + UInt64(index) + 1) % LoadShape.seedLimit
        var places = LoadTraffic(shape)
        let start = SystemClock.nanoseconds()
        var due = start
        var asked = 0
        while !shared.isStopped.load(ordering: .relaxed) {
            let now = SystemClock.nanoseconds()
            if now < due {
                usleep(UInt32(min(due - now, 20_000_000) / 1000 + 1))
                continue
            }
            let (user, channel) = places.nextPlace()
            do throws(QueryError) {
                _ = try client.ask(.get(user, channel))
                answers.latency.record(SystemClock.nanoseconds() - due)
            } catch {
                answers.failed += 1
                answers.lastError = "\(error)"
            }
            asked += 1
            due = start + UInt64(Double(asked) * interval)
        }
        let elapsed = SystemClock.nanoseconds() - start
        answers.unasked = max(0, Int(Double(elapsed) / interval) - asked)
    }
}

/// A number with two decimals.
func decimal(_ number: Double) -> String {
    let hundredths = Int((number * 100).rounded())
    return "\(hundredths / 100).\(String(100 + hundredths % 100).dropFirst())"
}
