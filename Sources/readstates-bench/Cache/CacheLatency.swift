// Single events: how long each takes, and the longest against an empty loop of the same run. Growth
// is part of it: from nothing to four million users without a stop.

import CBench
import ReadStateCore

private func show(_ name: String, _ histogram: Histogram) {
    let quantiles = [0.5, 0.99, 0.999, 0.9999].map { rounded(histogram.quantile($0), 0).leading(9) }
    let spikes = Double(histogram.spikes) / histogram.seconds
    print(
        "  " + name.padding(34), quantiles.joined(), rounded(histogram.maximum / 1000).leading(10),
        rounded(spikes).leading(8), String(histogram.spikes).leading(8))
    flush()
}

/// Events that load, commit or evict a thousand states or more are told apart: their time is that
/// of the user's own states.
func measureLatency(_ shapes: [Shape], events: Int) {
    print("latency: ns p50, p99, p99.9, p99.99; longest in us; over 0.3 ms a second, and in all")
    show("an empty loop, 10 s", idleHistogram(seconds: 10))
    for shape in shapes {
        var runner = CacheRunner(window: 32)
        runner.prepare(shape)
        if let capacity = shape.capacity { runner.limit(states: capacity) }
        var workload = Workload(users: shape.users)
        for user in 0..<shape.users { runner.prefill(user, of: &workload) }
        var histogram = Histogram()
        var large = Histogram()
        let pieces = (0..<Piece.count).map { _ in Piece() }
        var done = 0
        while done < shape.events + events {
            for piece in pieces {
                workload.fill(&piece.batch)
                piece.now = workload.now
            }
            for piece in pieces {
                if done < shape.events {
                    runner.run(piece.batch, of: workload, now: piece.now)
                } else {
                    runner.run(
                        piece.batch, of: workload, now: piece.now, into: &histogram, &large)
                }
                done += piece.batch.count
            }
        }
        show("\(shape.name), \(histogram.total) events", histogram)
        histogram.show()
        show("  and \(large.total) with a large user", large)
    }
    show("an empty loop, 10 s", idleHistogram(seconds: 10))
}

/// Every event is the first of its user.
func measureGrowth(users: Int) {
    var cache = ReadStateCache(window: 32)
    var histogram = Histogram()
    var ahead = Histogram()
    let none: [Entry] = []
    for user in 0..<users {
        let event = Event(
            offset: Offset(Int64(user)), user: Workload.userID(user), channel: ChannelID(7),
            op: .none, kind: .messageRead(MessageID(UInt64(1 + user) << 22)))
        let start = cbench_ticks()
        let slot = cache.insert(event.user)
        _ = cache.apply(event, entries: none.span, to: slot)
        histogram.add(cbench_ticks() &- start)
        // As the engine does behind a batch.
        if user % 1024 == 1023 {
            let start = cbench_ticks()
            cache.touchAhead()
            ahead.add(cbench_ticks() &- start)
        }
    }
    show("an empty loop, 10 s", idleHistogram(seconds: 10))
    show("growth to \(users) users", histogram)
    show("  memory ahead, behind 1024 of them", ahead)
}
