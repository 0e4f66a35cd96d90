// Every setting of the program, once. A new setting is one entry here and one line where it is
// used; its flag, environment variable, key, help, reference and checks follow from the entry.

private let kafkaCommands: Set<Command> = [.worker, .publish, .load]
private let redisCommands: Set<Command> = [
    .worker, .get, .list, .totals, .load,
]
private let queryCommands: Set<Command> = [.get, .list, .totals]
private let services: Set<Command> = [.worker]
private let milliseconds = Duration.milliseconds(1)

extension Setting {
    /// The table.
    package static let all: [Setting] =
        connections + cacheAndCommits + process + queries + publishing + load

    private static let connections = [
        Setting(
            "config", .paths, .absent("none"), .connections, of: Set(Command.allCases),
            "A file of settings, `key = value` a line; repeatable, a later file wins over an "
                + "earlier one. In the environment one name per line; not in a file itself."),
        Setting(
            "kafka", .brokers, .absent("required"), .connections, of: kafkaCommands,
            requiredBy: kafkaCommands,
            "Kafka brokers to begin with, host:port, more of them after commas."),
        Setting(
            "topic", .topic, .value("chat-events"), .connections, of: kafkaCommands,
            "The topic of events."),
        Setting(
            "group", .text, .value("readstates"), .connections,
            of: [.worker],
            "The consumer group in which workers share the partitions."),
        Setting(
            "kafka-property", .properties, .absent("none"), .connections, of: kafkaCommands,
            secret: true,
            "Any librdkafka property; repeatable. In a file `kafka.KEY = value`, in the "
                + "environment one KEY=VALUE per line."),
        Setting(
            "redis", .redis, .absent("required"), .connections, of: redisCommands,
            requiredBy: redisCommands.subtracting([.load]), secret: true,
            "Redis, as redis://[user:password@]host[:port][/db] or "
                + "unix:///path/of/socket[?db=N]."),
        Setting(
            "redis-username", .text, .absent("none"), .connections, of: redisCommands,
            "User name for Redis; wins over the one in the URL. Needs `redis-password`."),
        Setting(
            "redis-password", .anything, .absent("none"), .connections, of: redisCommands,
            secret: true,
            "Password for Redis; wins over the one in the URL."),
        Setting(
            "namespace", .namespace, .value("readstates"), .connections, of: redisCommands,
            "What every key in Redis begins with; one namespace belongs to one topic."),
        Setting(
            "partitioner", .choice(["murmur2", "none"]), .value("murmur2"), .connections,
            of: services,
            "How producers choose a user's partition; an event elsewhere is a dead letter. "
                + "`none` switches that check off. Then only the asker knows a user's partition: "
                + "its list is the one to ask, and the commands cannot, who ask murmur2's."),
        Setting(
            "dead-letter-topic", .topic, .absent("TOPIC.dlq"), .connections, of: services,
            "Where events go that cannot be applied."),
        Setting(
            "allow-unsafe-redis", .toggle, .value("false"), .connections, of: services,
            "Start whatever is wrong with Redis: that it evicts keys, keeps nothing on disk and "
                + "has no replica, is older than 7.0, a replica itself or a node of a cluster."),
    ]

    private static let cacheAndCommits = [
        Setting(
            "window", .count(0...1000), .value("32"), .cache, of: services,
            "Ids of unread messages kept per read state; with more unread messages than that a "
                + "count can become an upper bound, and then says so (`exact` is false)."),
        Setting(
            "cache-memory", .size,
            .derived("a quarter of the memory there is") { .bytes(machineMemory() / 4) },
            .cache, of: services,
            "Capacity of all caches of the process together; the memory there is means the "
                + "cgroup's limit or the machine's, whichever is smaller."),
        Setting(
            "cache-states", .count(1...Int.max), .absent("no limit"), .cache, of: services,
            "Read states in all caches together; whichever of this and `cache-memory` is "
                + "reached first evicts."),
        Setting(
            "flush-interval", .duration(milliseconds...(.seconds(3600))), .value("30s"), .cache,
            of: services,
            "An update is committed this long after it, at the latest plus one second; where many "
                + "would be due together, earlier."),
    ]

    private static let process = [
        Setting(
            "shards", .count(1...256),
            .derived("one per core") { .count(min(256, usableCores())) }, .process, of: services,
            "Threads among which the partitions are shared out."),
        Setting(
            "request-limit", .count(1...1_000_000), .value("16384"), .process, of: [.worker],
            "Requests that may wait in the process for loads or for `min_offset`, an equal part "
                + "of them in each shard; more are answered `unavailable`. Of their bytes a "
                + "shard holds 16 MiB at most; then the next ones stay in Redis until some are "
                + "answered."),
        Setting(
            "revoke-budget", .duration(milliseconds...(.seconds(50))), .value("10s"), .process,
            of: [.worker],
            "How long a partition that the group takes away may go on committing; the group waits "
                + "60 s for a member (`kafka.max.poll.interval.ms`)."),
        Setting(
            "shutdown-budget", .duration(milliseconds...(.seconds(3600))), .value("25s"),
            .process, of: services,
            "How long the process may take to end after SIGTERM or SIGINT."),
        Setting(
            "listen", .listen, .value("127.0.0.1:9464"), .process, of: [.worker],
            "Address of /metrics, /livez, /readyz and /status; `none` switches it off, port 0 "
                + "takes a free one and the log says which."),
        Setting(
            "log-format", .choice(["logfmt", "json"]), .value("logfmt"), .process, of: services,
            "How log lines are written to standard error."),
        Setting(
            "log-level", .choice(LogLevel.allCases.map(\.rawValue)), .value("info"), .process,
            of: services,
            "The least serious lines that are still logged."),
    ]

    private static let queries = [
        Setting(
            "json", .toggle, .value("false"), .queries, of: queryCommands,
            "Print the replies in their JSON form, one a line, instead of a table."),
        Setting(
            "unread-only", .toggle, .value("false"), .queries, of: [.list],
            "Leave out what has nothing unread."),
        Setting(
            "min-offset", .count(0...Int.max), .absent("none"), .queries, of: queryCommands,
            "Answer only once the user's partition has applied this offset: read your own write."),
        Setting(
            "timeout", .duration(milliseconds...(.seconds(3600))), .value("5s"), .queries,
            of: queryCommands,
            "How long to wait for an answer."),
    ]

    private static let publishing = [
        Setting(
            "encoding", .choice(["protobuf", "json"]), .value("protobuf"), .publishing,
            of: [.publish, .load],
            "What the records hold: protobuf, or JSON (for `publish`, the line as it stands).")
    ]

    private static let load = [
        Setting(
            "users", .count(1...100_000_000), .value("1000"), .load, of: [.load],
            "How many users there are."),
        Setting(
            "channels", .count(1...10_000), .value("20"), .load, of: [.load],
            "How many channels each user is in."),
        Setting(
            "rate", .count(1...10_000_000), .absent("as fast as possible"), .load, of: [.load],
            "Events per second."),
        Setting(
            "count", .count(1...Int.max), .absent("no limit"), .load, of: [.load],
            "Stop after this many events; 100000 where neither this nor `duration` is given."),
        Setting(
            "duration", .duration(milliseconds...(.seconds(3600 * 24 * 30))),
            .absent("no limit"), .load, of: [.load],
            "Stop after this long."),
        Setting(
            "read-ratio", .decimal(0...1), .value("0.3"), .load, of: [.load],
            "Which part of the events are reads; the others are messages."),
        Setting(
            "mention-ratio", .decimal(0...1), .value("0.05"), .load, of: [.load],
            "Which part of the messages mention the user."),
        Setting(
            "skew", .decimal(0...5), .value("1"), .load, of: [.load],
            "Zipf exponent by which some users get more events than others; 0 is evenly."),
        Setting(
            "seed", .count(0...(1 << 22)), .value("1"), .load, of: [.load],
            "The same seed makes the same events; a larger one makes later messages."),
        Setting(
            "queries", .count(1...1_000_000), .absent("none"), .load, of: [.load],
            "Queries per second beside the events, with their latency; needs `redis`."),
    ]
}
