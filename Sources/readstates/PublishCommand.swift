// `publish`: JSON lines to the topic. It stops at the first line that is not a valid event, since
// the order of a user's events matters: mend the line and go on from there. Nothing is dropped
// silently: every line is delivered, or named.

import KafkaLog
import ReadStateClient
import ReadStateService
import ReadStateWire

/// Publishes a file or standard input.
func runPublish(_ settings: Settings) -> ExitCode {
    do {
        var reader = try LineReader(settings.operands.first)
        var publisher = try Publisher(settings.kafkaSettings)
        return publish(&reader, &publisher, settings)
    } catch let error as KafkaLogError {
        return fail(error, settings)
    } catch {
        printError("\(error)")
        return .failed
    }
}

private func publish(
    _ reader: inout LineReader, _ publisher: inout Publisher, _ settings: Settings
) -> ExitCode {
    let encoding = encoding(settings)
    var number: UInt64 = 0
    var complaint: (sentence: String, code: ExitCode)?
    reading: while complaint == nil, publisher.tally.failed == 0 {
        number += 1
        switch reader.next() {
        case .end: break reading
        case .tooLong: complaint = ("line \(number): longer than 16 MiB", .failed)
        case .unreadable(let code): complaint = ("line \(number): \(errorText(code))", .failed)
        case .bytes(let line):
            if line.allSatisfy({ $0 == UInt8(ascii: " ") }) { continue }
            do throws(PublishError) {
                try publisher.publish(json: line, as: encoding, ticket: number)
                publisher.poll()
            } catch {
                complaint = ("line \(number): \(error)", .failed)
            }
        }
        report(&publisher)
    }
    while publisher.outstanding > 0 {
        publisher.poll(milliseconds: 100)
        report(&publisher)
    }
    var code = ExitCode.done
    if let failure = publisher.tally.firstFailure {
        printError("line \(failure.ticket): not delivered, nor \(publisher.tally.failed - 1) more")
        code = fail(failure.error, settings)
    }
    if let complaint {
        printError(complaint.sentence)
        code = complaint.code
    }
    return printOut(summary(publisher.tally)) == .failed ? .failed : code
}

func encoding(_ settings: Settings) -> Encoding {
    settings.text("encoding") == "json" ? .json : .protobuf
}

/// Prints what Kafka has to say meanwhile: brokers away, and the like.
func report(_ publisher: inout Publisher) {
    for notice in publisher.takeNotices() {
        switch notice {
        case .error(let error): printError("\(error)")
        // librdkafka tells this one as an error too.
        case .log(_, "FAIL", _), .statistics: break
        case .log(_, _, let text): printError("kafka: \(text)")
        }
    }
}

/// How many, and where to.
func summary(_ tally: PublishTally) -> String {
    var text = "published \(tally.delivered) \(tally.delivered == 1 ? "event" : "events")\n"
    for (partition, part) in tally.partitions.sorted(by: { $0.key < $1.key }) {
        text += "partition \(partition): \(part.count), last offset \(part.lastOffset)\n"
    }
    return text
}
