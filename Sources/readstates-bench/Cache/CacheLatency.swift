// Single events: how long each takes, and the longest beside an empty loop of the same run. Growth
// is part of it: from nothing to four million users without a stop.
//
// A machine that is shared stops a program for longer than any event takes. So the same events are
// run several times, each time by a new cache in new memory, and what counts is the least time of
// each event: a stop that the cache makes is there in every round.

import CBench
import ReadStateCore

private func show(_ name: String, _ histogram: Histogram) {
    let quantiles = [0.5, 0.99, 0.999, 0.9999].map { rounded(histogram.quantile($0), 0).leading(9) }
    let counts = [50_000.0, 100_000, 300_000].map { "\(histogram.count(over: $0))".leading(8) }
    print(
        "  " + name.padding(34), quantiles.joined(), rounded(histogram.maximum / 1000).leading(10),
        counts.joined())
    flush()
}

private func show(_ name: String, _ times: borrowing RepeatedTimes, apart: Bool) {
    let least = times.leastTimes(apart: apart)
    show("\(name), \(least.total)", least)
    let slowest = times.slowest(8, apart: apart).map { event, nanoseconds in
        "\(rounded(nanoseconds / 1000)) (\(event))"
    }
    print("    the longest, us (number):", slowest.joined(separator: ", "))
}

private func showHead(_ what: String) {
    print("\(what): ns p50, p99, p99.9, p99.99; longest in us; how many over 50, 100, 300 us")
    show("an empty loop, 10 s", idleHistogram(seconds: 10))
}

private func showRound(
    _ round: Int, _ times: borrowing RepeatedTimes, _ ahead: borrowing RepeatedTimes, _ faults: Int
) {
    show("round \(round)", times.round)
    show("  memory ahead, behind 1024 of them", ahead.round)
    print("    first touches of pages by events: \(faults)")
}

private func showLeast(_ times: borrowing RepeatedTimes, _ ahead: borrowing RepeatedTimes) {
    show("the least of each event", times, apart: false)
    times.leastTimes(apart: false).show()
    show("  memory ahead, behind 1024 of them", ahead, apart: false)
}

/// As the engine does behind a batch.
private func makeMemoryAhead(of cache: inout ReadStateCache, _ times: inout RepeatedTimes) {
    let start = cbench_ticks()
    cache.touchAhead()
    times.add(cbench_ticks() &- start)
}

/// No memory is prepared, as in a worker. Events that load, commit or evict a thousand states or
/// more are told apart: their time is that of the user's own states.
func measureLatency(_ shape: Shape, events: Int) {
    var times = RepeatedTimes(events: events)
    var ahead = RepeatedTimes(events: events / Workload.batchSize)
    showHead("latency, \(shape.name), \(events) events")
    for round in unsafe 1...Rounds.count {
        var runner = CacheRunner()
        if let capacity = shape.capacity { runner.limit(states: capacity) }
        var workload = Workload(users: shape.users)
        for user in 0..<shape.users { runner.prefill(user, of: &workload) }
        times.beginRound()
        ahead.beginRound()
        var faults = 0
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
                    let before = pageFaults()
                    runner.run(piece.batch, of: workload, now: piece.now, into: &times)
                    faults += pageFaults() - before
                    makeMemoryAhead(of: &runner.cache, &ahead)
                }
                done += piece.batch.count
            }
        }
        showRound(round, times, ahead, faults)
    }
    showLeast(times, ahead)
    show("  and with a large user", times, apart: true)
    show("an empty loop, 10 s", idleHistogram(seconds: 10))
}

/// Every event is the first of its user.
func measureGrowth(users: Int) {
    var times = RepeatedTimes(events: users)
    var ahead = RepeatedTimes(events: users / 1024)
    showHead("growth to \(users) users")
    for round in unsafe 1...Rounds.count {
        var cache = ReadStateCache(window: CacheRunner.window)
        times.beginRound()
        ahead.beginRound()
        var faults = 0
        for first in stride(from: 0, to: users, by: 1024) {
            let before = pageFaults()
            grow(&cache, by: first..<min(first + 1024, users), into: &times)
            faults += pageFaults() - before
            makeMemoryAhead(of: &cache, &ahead)
        }
        showRound(round, times, ahead, faults)
    }
    showLeast(times, ahead)
}

private func grow(
    _ cache: inout ReadStateCache, by users: Range<Int>, into times: inout RepeatedTimes
) {
    let none: [Entry] = []
    for user in users {
        let event = Event(
            offset: Offset(Int64(user)), user: Workload.userID(user), channel: ChannelID(7),
            op: .none, kind: .messageRead(MessageID(UInt64(1 + user) << 22)))
        let start = cbench_ticks()
        let slot = cache.insert(event.user)
        _ = cache.apply(event, entries: none.span, to: slot)
        times.add(cbench_ticks() &- start)
    }
}
