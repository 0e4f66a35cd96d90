// What all cases share: servers that are thrown away afterwards, topics filled once, and a run of
// the bare reader or of the real worker over one of them, each in a process of its own, so that the
// kernel counts its CPU and memory apart.
//
// When a worker is done is not guessed from its metrics (they are a second old) but asked: a query
// with `min_offset` waits at each partition before the worker starts, and is answered when the
// partition has applied that offset.

import Glibc
import KafkaLog
import ReadStateCore
import ReadStateWire
import RedisLink
import TestSupport

/// How much traffic, of whom.
struct Traffic {
    var events = 6_000_000
    var users = 400_000
    var channels = 4
}

/// What is to be measured.
struct BenchSettings {
    /// Where nothing else was asked for, a case may have traffic of its own.
    var events: Int?
    var users: Int?
    var channels: Int?
    /// Events a second of `queries`; nil: 70 % of what is found to be possible.
    var rate: Int?
    var rounds = 3
    var cases: [String] = []
    /// Arguments of every worker.
    var arguments: [String] = []
}

/// A filled topic.
struct Topic {
    var name: String
    var partitions: Int32
    var traffic: Traffic
    var events: Int { traffic.events }
    /// The offset of the last record of each partition that has any.
    var lastOffsets: [Int32: Int64]
}

/// What it cost to read a topic.
struct Reading {
    var events: Int
    var seconds: Double
    /// CPU seconds of the process until the last event was applied.
    var cpu: Double
    /// And until everything was committed and the process had ended.
    var wholeCPU: Double
    /// KiB of the process when the last event was applied.
    var memory: Int

    var rate: Double { Double(events) / seconds }
    /// Microseconds.
    var cpuOfEvent: Double { cpu / Double(events) * 1e6 }
    var wholeCPUOfEvent: Double { wholeCPU / Double(events) * 1e6 }
}

/// The servers and topics of a run.
final class Bench {
    let settings: BenchSettings
    let redis: RedisServer
    let bootstrap: String
    let isRealKafka: Bool
    private let kafka: KafkaServer?
    private let embedded: EmbeddedBox?
    private var topics: [String: Topic] = [:]
    private var workers = 0

    init(_ settings: BenchSettings) throws {
        // Rewriting the file takes a core of its own for a while, whenever it has doubled: with two
        // cores, what is measured would depend on when that is.
        redis = try RedisServer { $0.settings["auto-aof-rewrite-percentage"] = "0" }
        isRealKafka = KafkaServer.isAvailable
        if isRealKafka {
            let server = try KafkaServer()
            (kafka, embedded, bootstrap) = (server, nil, server.bootstrap)
        } else {
            say("embedded broker: it keeps 5 MB a partition, so the topics are short")
            let box = EmbeddedBox(try EmbeddedBroker())
            (kafka, embedded, bootstrap) = (nil, box, box.broker.bootstrapServers)
        }
        self.settings = settings
    }

    // MARK: Topics

    func createTopic(_ name: String, partitions: Int32) throws {
        for (name, partitions) in [(name, partitions), ("\(name).dlq", 1)] {
            if let embedded {
                try embedded.broker.createTopic(name, partitions: partitions)
            } else {
                let admin = try TopicAdmin(
                    KafkaSettings(bootstrapServers: bootstrap, topic: name))
                try admin.create(name, partitions: partitions, within: .seconds(30))
            }
        }
    }

    /// The traffic that the run asks for, as far as it does; `usual` where it does not.
    func traffic(_ usual: Traffic = Traffic()) -> Traffic {
        let events = settings.events ?? usual.events
        return Traffic(
            events: isRealKafka ? events : min(events, 200_000),
            users: settings.users ?? usual.users, channels: settings.channels ?? usual.channels)
    }

    /// A topic of such traffic, filled by `readstates load` the first time it is asked for.
    func topic(
        partitions: Int32, encoding: String = "protobuf", of traffic: Traffic? = nil
    ) throws -> Topic {
        let traffic = traffic ?? self.traffic()
        let name = "\(encoding)-\(partitions)-\(traffic.events)-\(traffic.users)"
        if let topic = topics[name] { return topic }
        try createTopic(name, partitions: partitions)
        say("filling \(name) with \(traffic.events) events of \(traffic.users) users")
        let load = try ReadStatesProgram.run(
            ["load", "--kafka", bootstrap, "--topic", name, "--count", "\(traffic.events)"]
                + traffic.arguments + ["--encoding", encoding], within: .seconds(600))
        guard load.succeeded else { throw BenchFailure("load: \(load.errors)") }
        let topic = Topic(
            name: name, partitions: partitions, traffic: traffic,
            lastOffsets: lastOffsets(load.output))
        topics[name] = topic
        return topic
    }

    // MARK: Runs

    /// The bare reader over the whole topic; with the C library's allocator, or with the worker's.
    func readBare(_ topic: Topic, withWorkersAllocator: Bool = false) throws -> Reading {
        let preload = withWorkersAllocator ? ["env", "LD_PRELOAD=libjemalloc.so.2"] : []
        let result = try ChildProcess.run(
            preload + ["/proc/\(getpid())/exe", "bare", bootstrap, topic.name]
                + ["\(topic.partitions)", "\(topic.events)"], within: .seconds(600))
        let words = result.output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        // A library that cannot be preloaded is complained of, and done without.
        guard words.count == 4, result.errors.isEmpty else {
            throw BenchFailure("bare: \(result.errors)")
        }
        return Reading(
            events: topic.events, seconds: words[0], cpu: words[1], wholeCPU: words[1],
            memory: Int(words[2]))
    }

    /// A worker in a namespace of its own over the first `part` of the topic.
    func readByWorker(
        _ topic: Topic, part: Double = 1, _ arguments: [String] = [],
        whileResident: (RunningWorker) throws -> Void = { _ in }
    ) throws -> Reading {
        let worker = try startWorker(topic, arguments, until: part)
        let end = try worker.waitUntilApplied()
        let cost = ProcessCost.of(worker.process.identifier)
        try whileResident(worker)
        let begin = try worker.started()
        let before = ProcessCost.ofEndedChildren()
        try worker.end()
        let whole = ProcessCost.ofEndedChildren() - before
        try redis.cli("FLUSHALL")
        return Reading(
            events: worker.events, seconds: end - begin, cpu: cost.cpu,
            wholeCPU: whole, memory: cost.memory)
    }

    /// Starts a worker and leaves a question at each partition that it answers when it has applied
    /// the first `part` of it.
    func startWorker(
        _ topic: Topic, _ arguments: [String] = [], namespace: String? = nil, until part: Double
    ) throws -> RunningWorker {
        workers += 1
        return try RunningWorker(
            bootstrap: bootstrap, redis: redis, topic: topic,
            namespace: namespace ?? "bench\(workers)", part: part,
            arguments: settings.arguments + arguments)
    }
}

extension Traffic {
    /// Its shape, as arguments of `load`.
    var arguments: [String] {
        ["--users", "\(users)", "--channels", "\(channels)", "--skew", "0"]
    }
}

/// The last offset of each partition that `load` says it has written to.
func lastOffsets(_ output: String) -> [Int32: Int64] {
    var last: [Int32: Int64] = [:]
    for match in output.matches(of: #/partition (\d+): \d+, last offset (\d+)/#) {
        last[Int32(match.output.1)!] = Int64(match.output.2)!
    }
    return last
}

/// Why a case could not be measured.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// An embedded broker in a form that a class can hold.
final class EmbeddedBox {
    let broker: EmbeddedBroker
    init(_ broker: consuming EmbeddedBroker) { self.broker = broker }
}
