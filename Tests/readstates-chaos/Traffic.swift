// The publisher: one thread that publishes events at a steady rate, whatever happens to everybody
// else, and keeps the fold of all it has published. It pauses when asked to, and then everything it
// has published is in the log.

import Foundation
import KafkaLog
import ReadStateClient
import ReadStateWire
import Synchronization
import TestSupport

/// Endless events, and what their read states must be.
final class Traffic: Sendable {
    /// What is in the log while the publisher pauses.
    struct Published: Sendable {
        var fold = ReferenceFold()
        /// The last offset of each partition.
        var ends: [Int32: Int64] = [:]
    }

    private struct State {
        var published = Published()
        var failure: String?
        var wantsPause = false
        var isPaused = false
    }

    private let state = Mutex(State())
    private let seed: UInt64
    private let perSecond: Int

    init(seed: UInt64, perSecond: Int) {
        self.seed = seed
        self.perSecond = perSecond
    }

    var eventCount: Int { state.withLock { $0.published.fold.eventCount } }
    var failure: String? { state.withLock { $0.failure } }

    /// Begins to publish; it never ends but with the process.
    func start(_ settings: KafkaSettings) {
        let thread = Thread { [self] in
            do {
                try publish(settings)
            } catch {
                state.withLock { $0.failure = "the publisher ended: \(error)" }
            }
        }
        thread.name = "traffic"
        thread.start()
    }

    /// Stops publishing, and waits until all is in the log.
    func pause() throws -> Published {
        state.withLock { $0.wantsPause = true }
        try waitUntil("an end of the publishing", within: .seconds(120)) {
            if let failure { throw DeadlinePassed(description: failure) }
            return state.withLock { $0.isPaused }
        }
        return state.withLock { $0.published }
    }

    func resume() {
        state.withLock {
            $0.wantsPause = false
            $0.isPaused = false
        }
    }

    private func publish(_ settings: KafkaSettings) throws {
        var publisher = try Publisher(settings)
        var maker = EventMaker(seed: seed)
        var random = SeededNumbers(seed: seed &+ 1)
        var sent = 0
        while true {
            let begin = ContinuousClock.now
            let before = sent
            while !state.withLock({ $0.wantsPause }) {
                let passed = (ContinuousClock.now - begin) / Duration.milliseconds(1)
                let due = before + Int(passed * Double(perSecond) / 1_000)
                // In portions, so that a pause is not waited for after a stall.
                for _ in sent..<max(sent, min(due, sent + 100)) {
                    let line = maker.next()
                    let encoding: Encoding = random.chance(500) ? .json : .protobuf
                    try publisher.publish(
                        json: Array(line.utf8), as: encoding, ticket: UInt64(sent))
                    try state.withLock { try $0.published.fold.apply(line: line) }
                    sent += 1
                }
                publisher.poll(milliseconds: 5)
                try checkDelivered(&publisher)
            }
            while publisher.outstanding > 0 { publisher.poll(milliseconds: 100) }
            try checkDelivered(&publisher)
            let ends = publisher.tally.partitions.mapValues(\.lastOffset)
            state.withLock {
                $0.published.ends = ends
                $0.isPaused = true
            }
            while state.withLock({ $0.isPaused }) { publisher.poll(milliseconds: 20) }
        }
    }

    /// What was not delivered is in the fold and not in the log: there is nothing to compare any
    /// more.
    private func checkDelivered(_ publisher: inout Publisher) throws {
        _ = publisher.takeNotices()
        if let failure = publisher.tally.firstFailure {
            throw DeadlinePassed(description: "an event was not delivered: \(failure.error)")
        }
    }
}
