// `readstates-chaos`: hurts real servers and workers for as long as asked, and says whether every
// read state was what the log says.

import Foundation
import ScenarioSupport
import TestSupport

let start = ContinuousClock.now

/// Writes a line to standard error at once, with the seconds since the start.
func say(_ text: String) {
    let seconds = Int((ContinuousClock.now - start) / .seconds(1))
    FileHandle.standardError.write(Data("\(seconds) s: \(text)\n".utf8))
}

let arguments: Arguments
do {
    arguments = try Arguments(CommandLine.arguments.dropFirst())
} catch {
    say(error.text + "\n\n" + Arguments.usage)
    exit(2)
}

let logs =
    arguments.logs
    ?? FileManager.default.temporaryDirectory.path + "/readstates-chaos-\(arguments.seed)"
var failure: String?
var summary = Summary()
do {
    try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
    let chaos = try Chaos(arguments, logs: logs)
    say("chaos: seed \(arguments.seed), \(chaos.kafka == nil ? "embedded broker" : "Apache Kafka")")
    do {
        try chaos.run(for: .milliseconds(Int(arguments.minutes * 60_000)))
    } catch {
        failure = "\(error)"
    }
    summary = chaos.finish()
} catch {
    failure = "\(error)"
}
if let failure {
    say("\nfailed: \(failure)")
    for wrong in summary.wrong.prefix(20) { say(wrong) }
    say("logs: \(logs)\nagain: make chaos MINUTES=\(arguments.minutes) SEED=\(arguments.seed)")
} else {
    try? FileManager.default.removeItem(atPath: logs)
}
print("seed=\(arguments.seed) " + summary.line(failures: failure == nil ? 0 : 1))
exit(failure == nil ? 0 : 1)
