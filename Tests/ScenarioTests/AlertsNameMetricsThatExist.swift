// Rule: every metric that an alert names is one that a worker shows. An alert on a name that does
// not exist never fires.

import Foundation
import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct AlertsNameMetricsThatExist {
    @Test func alertsNameMetricsThatExist() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "deploy/readstates-alerts.yml")
        let text = try String(contentsOf: file, encoding: .utf8)
        let named = Set(text.matches(of: #/readstates_[a-z_]+/#).map { String($0.output) })
        try #require(named.count > 5)

        let scenario = try Scenario("alerts", on: .embedded)
        try scenario.publish([
            #"{"user_id":"7","channel_id":"9","message_sent":{"message_id":"10"}}"#
        ])
        let worker = try scenario.start()
        var missing = named
        // The lag is known once the client has asked for the end of the log.
        try waitUntil("every metric of an alert", seen: "no \(missing.sorted())") {
            let shown = Set(try worker.metrics().samples.keys.map { $0.prefix { $0 != "{" } })
            missing = named.filter { !shown.contains($0[...]) }
            return missing.isEmpty
        }
        #expect(try worker.stop() == .exit(0))
    }
}
