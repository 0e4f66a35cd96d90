// `load`: synthetic traffic at a rate or as fast as possible, and queries beside it.

import KafkaLog
import ReadStateClient
import ReadStateService
import ReadStateWire

/// Runs until the count or the duration is reached, or a signal comes.
func runLoad(_ settings: Settings) -> ExitCode {
    do {
        let signals = try SignalWaiter()
        var publisher = try Publisher(settings.kafkaSettings)
        let shape = shape(settings)
        let queries = try LoadQueries(settings, shape)
        let seconds = produce(&publisher, settings, shape, signals)
        let answers = queries.stop()
        let tally = publisher.tally
        let rate = Int(Double(tally.delivered) / seconds)
        let text = summary(tally) + "in \(decimal(seconds)) s: \(rate) events/s\n"
        var code = printOut(text + (answers?.description ?? ""))
        if answers?.failed ?? 0 > 0 { code = .failed }
        if let failure = tally.firstFailure {
            printError("\(tally.failed) events were not delivered")
            code = fail(failure.error, settings)
        }
        return code
    } catch let error as KafkaLogError {
        return fail(error, settings)
    } catch {
        printError("\(error)")
        return .failed
    }
}

private func shape(_ settings: Settings) -> LoadShape {
    LoadShape(
        users: settings.count("users"), channels: settings.count("channels"),
        readRatio: settings.decimal("read-ratio"),
        mentionRatio: settings.decimal("mention-ratio"), skew: settings.decimal("skew"),
        seed: UInt64(settings.count("seed")))
}

// MARK: Events

/// Publishes; returns how many seconds it took until all was delivered.
private func produce(
    _ publisher: inout Publisher, _ settings: Settings, _ shape: LoadShape,
    _ signals: borrowing SignalWaiter
) -> Double {
    let duration = settings.optionalDuration("duration").map { $0.wholeMilliseconds * 1_000_000 }
    let rate = settings.optionalCount("rate").map(Double.init)
    let limit = settings.optionalCount("count") ?? (duration == nil ? 100_000 : .max)
    let encoding = encoding(settings)
    var traffic = LoadTraffic(shape)
    var sent = 0
    var reported: UInt64 = 0
    let start = SystemClock.nanoseconds()
    while sent < limit, publisher.tally.failed == 0, signals.take() == nil {
        let elapsed = SystemClock.nanoseconds() - start
        if let duration, elapsed >= UInt64(duration) { break }
        // As many as are due by now; in portions, so that signals and deliveries are seen.
        let due = rate.map { Int(Double(elapsed) / 1e9 * $0) + 1 } ?? .max
        let portion = min(due, limit, sent + 1000)
        while sent < portion {
            do throws(PublishError) {
                try publisher.publish(traffic.next(), as: encoding, ticket: UInt64(sent))
                sent += 1
            } catch {
                printError("\(error)")
                return Double(SystemClock.nanoseconds() - start) / 1e9
            }
        }
        publisher.poll(milliseconds: due <= sent ? 1 : 0)
        report(&publisher)
        if elapsed / 1_000_000_000 > reported {
            reported = elapsed / 1_000_000_000
            printError("\(sent) events sent, \(publisher.tally.delivered) delivered")
        }
    }
    while publisher.outstanding > 0 { publisher.poll(milliseconds: 100) }
    report(&publisher)
    return Double(SystemClock.nanoseconds() - start) / 1e9
}
