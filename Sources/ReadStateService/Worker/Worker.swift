// `readstates worker`: looks at what it depends on, starts the threads, and runs the control
// thread's loop on the main one. Redis or Kafka out of reach is no reason to end: it says so and
// tries again. What is unsafe or missing is: exit code 3, with the reason.

import Glibc
import KafkaLog
import ReadStateCore
import RedisLink

/// Why a worker did not start, or ended.
struct WorkerEnd: Error {
    var code: ExitCode
    var reason: String
}

/// Runs a worker to its end and says with which code. Errors are logged.
package func runWorker(_ settings: WorkerSettings) -> ExitCode {
    let logger = Logger(format: settings.process.logFormat, level: settings.process.logLevel)
    do {
        return try Worker(settings, logger: logger).run()
    } catch {
        logger.error(
            "ending", ["reason": .text(error.reason), "exit_code": LogValue(error.code.rawValue)])
        return error.code
    }
}

/// A worker that is starting or running.
private struct Worker {
    let settings: WorkerSettings
    let logger: Logger
    let ownerName = "\(hostName()):\(getpid())"

    init(_ settings: WorkerSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    private var redis: RedisAddress { settings.redis.address }
    private var keys: Keys { settings.redis.keys }
    private var kafka: KafkaSettings { settings.kafka.connection }

    /// Capacity of all caches of the process together.
    private var capacity: CacheCapacity {
        CacheCapacity(bytes: settings.cache.memory, states: settings.cache.states ?? .max)
    }

    func run() throws(WorkerEnd) -> ExitCode {
        // Before any thread exists, so that all of them inherit the mask.
        let signals = try orEnd { () throws(SystemCallError) in try SignalWaiter() }
        let published = (0..<settings.process.shards).map { _ in Published(ShardStatus()) }
        let status = WorkerStatus(shards: published)
        let http = try startHttp(status)
        defer { extendLifetime(http) }
        logger.info(
            "starting",
            [
                "version": .text(programVersion), "shards": LogValue(settings.process.shards),
                "redis": .text("\(redis)"), "kafka": .text("\(kafka)"),
                "cache_bytes": LogValue(capacity.bytes),
            ])
        let patience = Patience(logger: logger, status: status)
        guard try patience.wait("redis", signals, until: redisIsSafe) != nil,
            let partitions = try patience.wait("kafka", signals, until: countPartitions),
            let generation = try patience.wait(
                "redis", signals, until: { () throws(WorkerEnd) in try readMeta(partitions) })
        else { return .done }
        return try serve(
            signals: signals, status: status, partitions: partitions, generation: generation)
    }

    private func startHttp(_ status: WorkerStatus) throws(WorkerEnd) -> HttpServer? {
        guard let listen = settings.process.listen else { return nil }
        let pages = OperatorPages(of: status)
        do {
            let server = try HttpServer(listen: listen) { pages.respond($0) }
            logger.info("http_listening", ["address": .text("\(server.address)")])
            return server
        } catch {
            throw WorkerEnd(code: .failed, reason: "\(error)")
        }
    }

    /// Starts the shards and runs the control thread until the process is to end.
    private func serve(
        signals: consuming SignalWaiter, status: WorkerStatus, partitions: Int32, generation: Int
    ) throws(WorkerEnd) -> ExitCode {
        let inbox = try orEnd { () throws(SystemCallError) in try Mailbox<ControlMessage>() }
        let places = try orEnd { () throws(SystemCallError) in try Mailbox<PlaceQuestion>() }
        var mailboxes: [Mailbox<ShardCommand>] = []
        var threads: [ShardThread] = []
        for index in 0..<settings.process.shards {
            let mailbox = try orEnd { () throws(SystemCallError) in try Mailbox<ShardCommand>() }
            let shardSettings = shardSettings(index, partitions, generation)
            threads.append(
                try orEnd { () throws(SystemCallError) in
                    try ShardThread(
                        shardSettings, logger: logger, inbox: mailbox, control: inbox,
                        published: status.shards[index])
                })
            mailboxes.append(mailbox)
        }
        let probe = LogProbe(kafka: kafka, questions: places, answers: inbox)
        // Nobody waits for it: it may be asking a broker that does not answer.
        _ = try orEnd { () throws(SystemCallError) in
            try OSThread(name: "log-probe") { probe.run() }
        }
        let control: Control
        do {
            var consumer = try Consumer(kafka)
            try consumer.subscribe()
            control = try Control(
                settings: controlSettings(partitions), logger: logger, inbox: inbox, places: places,
                shards: mailboxes, status: status, signals: signals, consumer: consumer)
        } catch let error as KafkaLogError {
            throw kafkaEnd(error)
        } catch {
            throw WorkerEnd(code: .failed, reason: "\(error)")
        }
        status.note(phase: .serving)
        let code = control.run()
        for mailbox in mailboxes { mailbox.post(.end) }
        for thread in threads { thread.join() }
        let left = control.close(within: settings.process.shutdownBudget / 10)
        logger.info("stopped", ["left_group": .isTrue(left), "exit_code": LogValue(code.rawValue)])
        return code
    }

    private func shardSettings(
        _ index: Int, _ partitions: Int32, _ generation: Int
    ) -> ShardSettings {
        var engine = EngineSettings()
        engine.window = settings.cache.window
        engine.flushInterval = Int64(settings.cache.flushInterval / .milliseconds(1))
        var random = SystemRandomNumberGenerator()
        return ShardSettings(
            index: index, engine: engine, redis: redis, keys: keys, generation: generation,
            partitionCount: partitions, checksPartitioner: settings.kafka.checksPartitioner,
            ownerName: ownerName,
            requestLimit: max(1, settings.process.requestLimit / settings.process.shards),
            jitterSeed: random.next())
    }

    private func controlSettings(_ partitions: Int32) -> ControlSettings {
        ControlSettings(
            kafka: kafka, keys: keys, deadLetterTopic: settings.kafka.deadLetterTopic,
            partitionCount: partitions, capacity: capacity,
            revokeBudget: settings.process.revokeBudget,
            shutdownBudget: settings.process.shutdownBudget)
    }
}

// MARK: What it depends on

extension Worker {
    /// Nil: out of reach. Ends the worker if Redis may lose or throw away what it is given.
    private func redisIsSafe() throws(WorkerEnd) -> Attempt<Void> {
        do {
            var client = try BlockingRedis(redis)
            let info = try ServerInfo(client.call("INFO"))
            if info.isLoading { return .again("Redis is loading its data") }
            for finding in info.findings {
                let isUnsafe = finding.severity == .unsafe && !settings.redis.allowsUnsafe
                guard !isUnsafe else {
                    throw WorkerEnd(
                        code: .refused,
                        reason: "unsafe Redis: \(finding.text) (or allow-unsafe-redis = true)")
                }
                logger.warning("redis_setting", ["advice": .text(finding.text)])
            }
            return .done(())
        } catch {
            return try redisAttempt(error)
        }
    }

    private func countPartitions() throws(WorkerEnd) -> Attempt<Int32> {
        do throws(KafkaLogError) {
            let reader = try LogReader(kafka)
            let count = try reader.partitionCount(within: .seconds(5))
            _ = reader.close(within: .seconds(2))
            return .done(count)
        } catch {
            if error.isRetriable { return .again("\(error)") }
            throw kafkaEnd(error)
        }
    }

    /// Which generation of states is serving. The namespace must belong to this topic.
    private func readMeta(_ partitions: Int32) throws(WorkerEnd) -> Attempt<Int> {
        let expected = Meta(
            format: Meta.currentFormat, topic: kafka.topic, partitions: UInt64(partitions))
        do {
            var client = try BlockingRedis(redis)
            let stored = try ask(&client, expected)
            let differences = expected.differences(from: stored)
            guard differences.isEmpty else {
                throw WorkerEnd(
                    code: .refused,
                    reason: "namespace \(keys.namespace): "
                        + differences.joined(separator: "; "))
            }
            return .done(Int(stored.generation))
        } catch {
            return try redisAttempt(error)
        }
    }

    private func ask(
        _ client: inout BlockingRedis, _ expected: Meta
    ) throws(RedisLinkError) -> Meta {
        do throws(RedisLinkError) {
            return try Meta(client.call { $0.meta(keys, orElse: expected) })
        } catch {
            throw error.naming(keys.meta)
        }
    }

    /// Whether an error of Redis is one to wait for.
    private func redisAttempt<Value>(_ error: any Error) throws(WorkerEnd) -> Attempt<Value> {
        if let end = error as? WorkerEnd { throw end }
        guard let error = error as? RedisLinkError, !error.isRetriable else {
            return .again("\(error)")
        }
        throw WorkerEnd(code: .refused, reason: "\(error)")
    }

    private func kafkaEnd(_ error: KafkaLogError) -> WorkerEnd {
        switch error {
        case .setting: WorkerEnd(code: .misused, reason: "\(error)")
        case .unknownTopic, .denied, .refused: WorkerEnd(code: .refused, reason: "\(error)")
        case .outOfRange, .notMember, .retriable, .fatal:
            WorkerEnd(code: .failed, reason: "\(error)")
        }
    }

    private func orEnd<Value: ~Copyable>(
        _ body: () throws(SystemCallError) -> Value
    ) throws(WorkerEnd) -> Value {
        do {
            return try body()
        } catch {
            throw WorkerEnd(code: .failed, reason: "\(error)")
        }
    }
}

/// A shard's thread, in a form that a list can hold.
private final class ShardThread {
    private var thread: OSThread?

    init(
        _ settings: ShardSettings, logger: Logger, inbox: Mailbox<ShardCommand>,
        control: Mailbox<ControlMessage>, published: Published<ShardStatus>
    ) throws(SystemCallError) {
        let shard = try Shard(
            settings: settings, logger: logger, inbox: inbox, control: control,
            published: published)
        thread = try OSThread(name: "shard-\(settings.index)") { shard.run() }
    }

    func join() {
        if let thread = thread.take() { thread.join() }
    }
}

/// What came of looking for a dependency.
enum Attempt<Value> {
    case done(Value)
    /// Not now, for this reason.
    case again(String)
}

/// Waits for what the worker cannot do without, and says so.
private struct Patience {
    let logger: Logger
    let status: WorkerStatus

    /// Tries until it succeeds; nil if the process is told to end meanwhile.
    func wait<Value>(
        _ what: String, _ signals: borrowing SignalWaiter,
        until attempt: () throws(WorkerEnd) -> Attempt<Value>
    ) throws(WorkerEnd) -> Value? {
        while true {
            switch try attempt() {
            case .done(let value): return value
            case .again(let reason):
                status.note(waitingFor: "\(what): \(reason)")
                logger.warning("waiting", ["for": .text(what), "error": .text(reason)])
                if signals.wait(timeoutMilliseconds: 1_000) != nil { return nil }
            }
        }
    }
}

/// The machine's name, for people who look at who owns a partition.
private func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    // The buffer outlives the call and its size is given, with room for a final zero.
    guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
}
