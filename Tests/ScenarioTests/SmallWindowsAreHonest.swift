// Rule: with a window smaller than a backlog an answer is either the fold of the log or says that it is
// not exact, and then its counts are upper bounds.

import TestSupport
import Testing

@Suite struct SmallWindowsAreHonest {
    private static let broker = KafkaServer.isAvailable ? Broker.kafka : .embedded

    /// No window, and one of 8 ids.
    @Test(arguments: [0, 8])
    func windows(_ window: Int) throws {
        let scenario = try Scenario("window-\(window)", on: Self.broker)
        try scenario.publish(TraceSlice.lines(), as: "protobuf")
        let worker = try scenario.start(["--window", "\(window)", "--cache-states", "300"])
        let inexact = try scenario.expectAnswers(judge: Scenario.isEqualOrBound)
        // Otherwise this would not show anything about small windows.
        #expect(inexact > 0)
        #expect(inexact < scenario.fold.all.count / 2)
        #expect(try worker.stop() == .exit(0))
    }
}
