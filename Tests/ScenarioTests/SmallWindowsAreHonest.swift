// Rule: with a window smaller than a backlog an answer is either the fold of the log or says that
// it is not exact, and then its counts are upper bounds.

import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct SmallWindowsAreHonest {
    private static let broker = KafkaServer.isAvailable ? Broker.kafka : .embedded

    /// Users with a backlog of 40, who then read up to its tenth message, or delete one of the
    /// oldest.
    private static let backlogs = (1...8).flatMap { user in
        let head = #""user_id":"\#(user)","channel_id":"9""#
        let sent = (1...40).map { id in
            let mention = id % 7 == 0 ? #","mention":"MENTION_ROLE""# : ""
            return #"{\#(head),"message_sent":{"message_id":"\#(id)"\#(mention)}}"#
        }
        let last =
            user % 2 == 0
            ? #"{\#(head),"message_read":{"message_id":"10"}}"#
            : #"{\#(head),"message_deleted":{"message_ids":["3"]}}"#
        return sent + [last]
    }

    /// No window, and one of 8 ids.
    @Test(arguments: [0, 8])
    func windows(_ window: Int) throws {
        let scenario = try Scenario("window-\(window)", on: Self.broker)
        try scenario.publish(TraceSlice.lines(), as: "protobuf")
        try scenario.publish(Self.backlogs)
        let worker = try scenario.start(["--window", "\(window)", "--cache-states", "300"])
        let inexact = try scenario.expectAnswers(judge: Comparison.isEqualOrBound)
        // Otherwise this would not show anything about small windows.
        #expect(inexact >= 4)
        #expect(inexact < scenario.fold.all.count / 2)
        #expect(try worker.stop() == .exit(0))
    }

    /// A worker that is started with smaller windows than the one before, and the other way round.
    @Test func otherWindowsThanBefore() throws {
        let scenario = try Scenario("other-windows", on: Self.broker)
        for (round, window) in ["1000", "8", "1000", "0", "32"].enumerated() {
            let first = 100 * (round + 1)
            try scenario.publish(Self.backlogs)
            try scenario.publish(
                (1...8).flatMap { user in
                    (first...first + 40).map { id in
                        #"{"user_id":"\#(user)","channel_id":"9","#
                            + #""message_sent":{"message_id":"\#(id)"}}"#
                    }
                })
            let worker = try scenario.start(["--window", window, "--cache-states", "3"])
            let inexact = try scenario.expectAnswers(judge: Comparison.isEqualOrBound)
            #expect(round > 0 || inexact == 0)
            #expect(try worker.stop() == .exit(0))
        }
    }
}
