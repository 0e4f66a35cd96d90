// Every property of librdkafka that this service sets, and why. Operators can override each of them
// but those that `KafkaSettings.Property.refusal` names. The measurements are of librdkafka 2.0.2.

/// What a handle of librdkafka is for. Each kind of work has a handle of its own, see `Consumer`.
package enum KafkaRole: Hashable, Sendable, CaseIterable {
    /// Member of the consumer group; fetches nothing.
    case member
    /// Fetches records; belongs to no group.
    case reader
    /// Looks at single records.
    case probe
    /// Produces what must not be lost (dead letters).
    case carefulProducer
    /// Produces much (`publish`, `load`).
    case fastProducer
    /// Creates, deletes and describes topics.
    case admin
}

/// A property with the value this service gives it.
package struct KafkaDefault: Sendable {
    package let key: String
    package let value: String
    package let roles: Set<KafkaRole>
    /// Why it is set, for people.
    package let reason: String
    /// Left out where the linked librdkafka does not know it yet.
    package let optional: Bool

    private init(
        _ key: String, _ value: String, _ roles: Set<KafkaRole>, _ reason: String,
        optional: Bool = false
    ) {
        self.key = key
        self.value = value
        self.roles = roles
        self.reason = reason
        self.optional = optional
    }
}

extension KafkaDefault {
    private static let everyone = Set(KafkaRole.allCases)
    private static let readers: Set<KafkaRole> = [.reader, .probe]
    private static let consumers: Set<KafkaRole> = [.member, .reader, .probe]
    private static let producers: Set<KafkaRole> = [.carefulProducer, .fastProducer]

    /// The defaults, in the order they are set.
    package static let all: [KafkaDefault] =
        connection + position + membership + fetching + producing

    private static let connection: [KafkaDefault] = [
        KafkaDefault(
            "log.queue", "true", everyone,
            "log lines come to the thread that polls, not to stderr from librdkafka's threads"),
        KafkaDefault(
            "socket.nagle.disable", "true", everyone,
            "requests are small and somebody waits for each"),
        KafkaDefault(
            "socket.keepalive.enable", "true", everyone,
            "a path that went dead without a word is noticed"),
        KafkaDefault(
            "reconnect.backoff.max.ms", "5000", everyone,
            "a broker that comes back is found within 5 s, not 10"),
        KafkaDefault(
            "statistics.interval.ms", "0", everyone,
            "building them costs librdkafka's main thread; operators may switch them on"),
    ]

    private static let position: [KafkaDefault] = [
        KafkaDefault(
            "auto.offset.reset", "error", consumers,
            "a position outside the log is an error that somebody must see (promise 2)"),
        KafkaDefault(
            "enable.auto.commit", "false", consumers,
            "the position is stored in Redis with the states it belongs to"),
        KafkaDefault(
            "enable.auto.offset.store", "false", consumers,
            "as above; and a store per record less"),
        KafkaDefault(
            "enable.partition.eof", "false", consumers, "the log has no end that would be news"),
    ]

    private static let membership: [KafkaDefault] = [
        KafkaDefault(
            "partition.assignment.strategy", "range", [.member],
            """
            cooperative-sticky loops for ever in a group with more members than partitions before \
            librdkafka 2.6.1, and loses the assignment on a commit in mid-rebalance before 2.10 \
            (seen with 2.0.2); an eager rebalance costs little here, because a worker that gets a \
            partition back keeps its cache. All members of a group must use the same kind
            """),
        KafkaDefault(
            "session.timeout.ms", "15000", [.member],
            "a crashed worker's partitions stand still this long; five heartbeats may get lost"),
        KafkaDefault(
            "heartbeat.interval.ms", "3000", [.member], "how soon a member hears of a rebalance"),
        KafkaDefault(
            "max.poll.interval.ms", "60000", [.member],
            "the group waits at most this long for a member that commits before it gives way"),
    ]

    private static let fetching: [KafkaDefault] = [
        KafkaDefault(
            "fetch.wait.max.ms", "100", readers,
            """
            how long a broker may hold a fetch; bounds how late a partition is added to it. With \
            50 ms and 256 idle partitions the fetching took 1 % of a core
            """),
        KafkaDefault("fetch.min.bytes", "1", readers, "a single event is worth a reply"),
        KafkaDefault(
            "fetch.error.backoff.ms", "100", readers,
            "a new leader is asked again after 0.1 s, not 0.5 s"),
        KafkaDefault(
            "max.partition.fetch.bytes", "524288", [.reader],
            """
            fairness between partitions of one fetch (larger records still arrive), and what one \
            reply becomes as records. A connection has one fetch on its way, so small ones make a \
            worker that catches up wait: with 256 KiB it read 1.5 M events/s, with 512 KiB 1.6, \
            with 1 MiB 1.7, at 117, 122 and 135 MB with 1.6 million states (medians of four)
            """),
        KafkaDefault(
            "queued.min.messages", "20000", [.reader],
            """
            per partition: bounds the memory of a worker that catches up, at 370 B per small \
            record; fetching goes on when half of it is worked off (see PartitionQueue)
            """),
        KafkaDefault(
            "queued.max.messages.kbytes", "4096", [.reader],
            "per partition, as above for large records: eight fetches"),
        KafkaDefault(
            "fetch.queue.backoff.ms", "10", [.reader],
            "a full queue is looked at again after 10 ms where librdkafka can (2.2)",
            optional: true),
        KafkaDefault("queued.min.messages", "1", [.probe], "one record is wanted"),
        KafkaDefault("max.partition.fetch.bytes", "65536", [.probe], "one record is wanted"),
        KafkaDefault(
            "check.crcs", "true", readers,
            "a record damaged on the way or on a disk is an error and not an event"),
        KafkaDefault(
            "topic.metadata.refresh.interval.ms", "60000", consumers,
            "how soon a change of the partition count is seen"),
    ]

    private static let producing: [KafkaDefault] = [
        KafkaDefault(
            "partitioner", "murmur2_random", producers,
            "the partitioner of Kafka's Java clients, which the contract names"),
        KafkaDefault(
            "enable.idempotence", "true", producers, "no duplicates, no reordering by retries"),
        KafkaDefault(
            "message.timeout.ms", "0", [.carefulProducer],
            "a dead letter is retried until it is stored or the worker stops"),
        KafkaDefault(
            "message.max.bytes", "1000000000", [.carefulProducer],
            "what the topic took, its dead-letter topic may take too: the brokers' limit counts"),
        KafkaDefault(
            "batch.num.messages", "1", [.carefulProducer],
            """
            the brokers' limit is on a batch: letters that the topic takes one by one would be \
            refused as a batch, and so they would be at each retry
            """),
        KafkaDefault(
            "linger.ms", "5", producers, "a batch fills for 5 ms: rare records barely notice"),
        KafkaDefault(
            "compression.type", "lz4", [.fastProducer],
            "fewer bytes on the wire and on the brokers' disks for 0.15 µs of CPU per record"),
        KafkaDefault(
            "queue.buffering.max.messages", "500000", [.fastProducer],
            "bounds the memory of a client that is faster than the brokers: then it is told so"),
    ]
}
