// Rule: with `partitioner = none` a user lives where its producer put it: no event is misrouted,
// and requests go to the list of that partition, since nobody can tell it from the user id.

import ReadStateCore
import ScenarioSupport
import TestSupport
import Testing

@Suite(.ownThreads) struct UsersMayLiveInAnyPartition {
    /// A user whose events are all in a partition that its key does not hash to.
    @Test func elsewhere() throws {
        let scenario = try Scenario("elsewhere", on: .embedded)
        let wrong = (scenario.partition(of: 7) + 1) % scenario.partitions
        let event =
            #"{"user_id":"7","channel_id":"9","message_sent":{"message_id":"101"}}"#
        _ = try scenario.produce([RawRecord(key: "7", value: event, partition: wrong)])
        let worker = try scenario.start(["--partitioner", "none"])
        var asker = try Asker(scenario)
        let request = #"{"id":"1","reply_to":"r","min_offset":0,"totals":{"user_id":"7"}}"#
        let reply = try asker.ask(request, of: scenario.requests(wrong), at: "r")
        #expect(reply[number: "partition"] == Int(wrong))
        #expect(reply[object: "totals"]?[number: "unread_channels"] == 1)
        let unrouted = try asker.ask(request, of: scenario.keys.requests, at: "r")
        #expect(unrouted.errorCode == "unknown_partition")
        #expect(try worker.metrics().sum("readstates_dead_letters_total") == 0)
        #expect(try worker.stop() == .exit(0))
        let stored = try scenario.redis.hash(scenario.keys.partition(wrong).user(7))
        #expect(stored.keys.sorted() == ["9", "@"])
    }
}
