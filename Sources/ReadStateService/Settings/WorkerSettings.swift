// What a worker is told, in the parts that use it: each part of the service takes its own small
// struct and knows nothing of flags, files or the other parts. All checks have been made by then
// (`Settings`), so these are plain values.

package import KafkaLog
package import RedisLink

/// What a worker is told, in the parts that use it.
package struct WorkerSettings: Sendable {
    package struct Kafka: Sendable {
        /// Brokers, topic, group and librdkafka's properties.
        package var connection: KafkaSettings
        package var deadLetterTopic: String
        /// False: events are applied in whatever partition they stand.
        package var checksPartitioner: Bool
    }

    package struct Redis: Sendable {
        package var address: RedisAddress
        package var keys: Keys
        package var allowsUnsafe: Bool
    }

    package struct Cache: Sendable {
        /// Ids kept per read state, 0 to 1000.
        package var window: Int
        /// Bytes, all shards together.
        package var memory: Int
        /// Read states, all shards together; nil: no limit.
        package var states: Int?
        package var flushInterval: Duration
    }

    package struct Process: Sendable {
        package var shards: Int
        package var requestLimit: Int
        package var revokeBudget: Duration
        package var shutdownBudget: Duration
        /// nil: no HTTP.
        package var listen: HostPort?
        package var logFormat: LogFormat
        package var logLevel: LogLevel
    }

    package var kafka: Kafka
    package var redis: Redis
    package var cache: Cache
    package var process: Process

    /// From settings that were read for `worker`.
    package init(_ settings: Settings) {
        kafka = Kafka(
            connection: settings.kafkaSettings,
            deadLetterTopic: settings.optionalText("dead-letter-topic")
                ?? settings.text("topic") + ".dlq",
            checksPartitioner: settings.text("partitioner") == "murmur2")
        redis = Redis(
            address: settings.redisAddress, keys: settings.redisKeys,
            allowsUnsafe: settings.isOn("allow-unsafe-redis"))
        cache = Cache(
            window: settings.count("window"), memory: settings.bytes("cache-memory"),
            states: settings.optionalCount("cache-states"),
            flushInterval: settings.duration("flush-interval"))
        process = Process(
            shards: settings.count("shards"), requestLimit: settings.count("request-limit"),
            revokeBudget: settings.duration("revoke-budget"),
            shutdownBudget: settings.duration("shutdown-budget"),
            listen: settings.address("listen"),
            logFormat: LogFormat(rawValue: settings.text("log-format"))!,
            logLevel: LogLevel(rawValue: settings.text("log-level"))!)
    }
}
