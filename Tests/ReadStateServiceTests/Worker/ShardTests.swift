import ReadStateCore
import ReadStateWire
import RedisLink
import Testing

@testable import ReadStateService

@Suite struct ShardTests {
    /// Questions of a partition that is let go while Redis is out of reach cannot go back to their
    /// list; they are counted.
    @Test func requestsThatCannotBeGivenBack() throws {
        let shard = try Shard(
            settings: ShardSettings(
                index: 0, redis: RedisAddress(.unix(path: "/nowhere")),
                keys: try Keys(namespace: "rs"), partitionCount: 1, ownerName: "test",
                requestLimit: 10, jitterSeed: 1),
            logger: Logger(format: .logfmt, level: .error), inbox: try Mailbox(),
            control: try Mailbox(), published: Published(ShardStatus()))
        let partition = ShardPartition(
            id: PartitionID(0), keys: shard.settings.keys.partition(0),
            engine: PartitionEngine(
                partition: PartitionID(0), settings: EngineSettings(), capacity: CacheCapacity()))
        let address = ReplyAddress(id: [1], replyTo: [2], encoding: .json)
        let tickets = (0..<3).map { _ in
            shard.pending.add(
                PendingRequests.Pending(address: address, bytes: [3], since: 0))
        }
        shard.giveBack(tickets, of: partition)
        #expect(shard.counters.lostRequests == 3)
        #expect(shard.pending.count == 0)
    }
}
