import ReadStateService
import TestSupport
import Testing

/// Reads settings as the program does.
private func settings(
    _ arguments: [String], _ environment: [String: String] = [:]
) throws(SettingsError) -> Settings {
    try Settings(try Invocation(arguments), environment: environment)
}

private let worker = ["worker", "--kafka", "k:9092", "--redis", "redis://r"]

/// The problems that these sources are refused with.
private func problems(_ arguments: [String], _ environment: [String: String] = [:]) -> [String] {
    do throws(SettingsError) {
        _ = try settings(arguments, environment)
        return []
    } catch {
        return error.problems
    }
}

@Suite struct SettingsTests {
    private let folder = TemporaryDirectory()

    /// Flag wins over environment, that over a later file, that over an earlier file, that over the
    /// default: each source is taken away in turn.
    @Test func precedence() throws {
        let early = try folder.write("window = 1\n", to: "early")
        let late = try folder.write("window = 2\n", to: "late")
        let variable = ["READSTATES_WINDOW": "3"]
        let both = worker + ["--config", early, "--config=\(late)"]
        func window(_ arguments: [String], _ environment: [String: String]) throws -> [String] {
            let all = try settings(arguments, environment)
            return ["\(all.count("window"))", all.source(of: "window").description]
        }
        #expect(try window(both + ["--window", "4"], variable) == ["4", "command line"])
        #expect(try window(both, variable) == ["3", "environment"])
        #expect(try window(both, [:]) == ["2", "\(late):1"])
        #expect(try window(worker + ["--config", early], [:]) == ["1", "\(early):1"])
        #expect(try window(worker, [:]) == ["32", "default"])
    }

    /// Every setting can be given as a flag, a variable and a key of a file, with the same result.
    @Test(arguments: Setting.all.map(\.name)) func threeNames(name: String) throws {
        let setting = try #require(Setting.named(name))
        if name == "config" || name == "kafka-property" { return }
        let value = example(of: setting)
        let command = try #require(setting.commands.sorted { $0.rawValue < $1.rawValue }.first)
        let operands = command.operands.filter { !$0.hasPrefix("[") }.map { _ in "7" }
        var base = [command.rawValue] + operands
        for needed in ["kafka", "redis", "redis-password"] where needed != name {
            let other = try #require(Setting.named(needed))
            if other.commands.contains(command) { base += [other.flag, example(of: other)] }
        }
        let file = try folder.write("# comment\n\n  \(name)=\(value)  \r\n", to: "file")
        let sources: [([String], [String: String])] = [
            (base + [setting.flag, value], [:]), (base + ["\(setting.flag)=\(value)"], [:]),
            (base, [setting.environmentName: value]), (base + ["--config", file], [:]),
        ]
        for (index, source) in sources.enumerated() {
            if case .toggle = setting.kind, index == 0 { continue }
            let read = try settings(source.0, source.1)
            #expect(read.source(of: name) != .byDefault)
            let shown = try #require(read.listing.first { $0.name == name }?.shown)
            #expect(shown == (setting.isSecret ? "(secret)" : value))
        }
    }

    /// A value of each kind, written as a listing shows it.
    private func example(of setting: Setting) -> String {
        switch setting.kind {
        case .text, .anything, .topic, .namespace: "some-name"
        case .brokers, .listen: "host:17"
        case .redis: "redis://host:6379/1"
        case .count(let range): "\(min(range.upperBound, range.lowerBound + 5))"
        case .decimal: "0.25"
        case .size: "3GiB"
        case .duration: "11s"
        case .toggle: "true"
        case .choice(let words): words.last!
        case .paths, .properties: ""
        }
    }

    /// What a value may look like, and what it may not, kind by kind; a refused one is told with
    /// its source, key and what was expected.
    @Test(
        arguments: [
            (
                "window", ["0", "1000", "032"],
                ["1001", "-1", "1.5", "", "ten", " 5", "9999999999999999999"]
            ),
            (
                "cache-memory", ["1", "2GB", "2 GB", "512mib", "7B"],
                ["2G", "1.5GB", "GB", "-1B", "0", "0GB", "9999999TiB"]
            ),
            ("flush-interval", ["30s", "1ms", "5m", "1h"], ["30", "0s", "2h", "1d", "s"]),
            (
                "listen", ["none", "127.0.0.1:0", "[::1]:9464", "localhost:80"],
                ["9464", "host:", ":80", "host:65536", "::1:80", "h:+80", "a b:80"]
            ),
            ("kafka", ["a:1", "a:1,b:2"], ["a", "a:1,", "a:1,b", ""]),
            ("redis", ["redis://h", "unix:///s"], ["h:6379", "redis://", "http://h"]),
            ("topic", ["chat-events", "a.b_c"], ["", "a b", "..", "ü"]),
            ("namespace", ["ns"], ["{ns}", "a:b", ""]),
            ("partitioner", ["murmur2", "none"], ["crc32", "Murmur2", ""]),
            ("allow-unsafe-redis", ["true", "false"], ["yes", "1", ""]),
        ] as [(String, [String], [String])])
    func values(name: String, accepted: [String], refused: [String]) throws {
        let setting = try #require(Setting.named(name))
        for value in accepted {
            #expect(problems(worker + ["--\(name)=\(value)"]) == [])
        }
        for value in refused {
            let shown = setting.isSecret ? "the value" : "\"\(value)\""
            let sentence = "\(shown) is not \(setting.kind.expectation)"
            #expect(problems(worker + ["--\(name)=\(value)"]) == ["--\(name): \(sentence)"])
            let variable = setting.environmentName
            #expect(
                problems(worker, [variable: value]) == ["environment: \(variable): \(sentence)"])
            let file = try folder.write("\n\(name) = \(value)", to: "wrong")
            let trimmed = value.drop { $0 == " " }
            if trimmed == value {
                #expect(
                    problems(worker + ["--config", file]) == ["\(file):2: \(name): \(sentence)"])
            }
        }
    }

    /// Unknown keys are refused wherever they stand, with the nearest known key if one is near.
    @Test func unknownKeys() throws {
        #expect(
            problems(worker + ["--windw", "3"]) == ["--windw: unknown; did you mean --window?"])
        #expect(problems(worker + ["--wnidow=3"]) == ["--wnidow: unknown; did you mean --window?"])
        #expect(problems(worker + ["--frobnicate=3"]) == ["--frobnicate: unknown"])
        #expect(
            problems(worker, ["READSTATES_CACHE_MEMROY": "1"])
                == [
                    "environment: READSTATES_CACHE_MEMROY: unknown"
                        + "; did you mean READSTATES_CACHE_MEMORY?"
                ])
        #expect(problems(worker, ["OTHER": "1", "READSTATE_X": "1"]) == [])
        let file = try folder.write("# a\nflush-intervall = 3s\nkafka.x = 1\n", to: "f")
        #expect(
            problems(worker + ["--config", file])
                == ["\(file):2: flush-intervall: unknown; did you mean flush-interval?"])
    }

    /// What Kubernetes puts into the environment for a service of this name does not stop the
    /// program, and no setting has a name that would be mistaken for it.
    @Test func serviceLinks() {
        let links = [
            "READSTATES_PORT", "READSTATES_SERVICE_HOST", "READSTATES_SERVICE_PORT",
            "READSTATES_SERVICE_PORT_METRICS", "READSTATES_PORT_9464_TCP",
            "READSTATES_PORT_9464_TCP_PROTO", "READSTATES_WORKER_SERVICE_HOST",
        ]
        let environment = Dictionary(uniqueKeysWithValues: links.map { ($0, "tcp://10.0.0.1") })
        #expect(problems(worker, environment) == [])
        for setting in Setting.all {
            let name = setting.environmentName
            #expect(problems(worker, [name + "X": ""]).count == 1, "\(name)")
            #expect(!name.hasSuffix("_PORT") && !name.contains("SERVICE"))
        }
    }

    /// A file's mistakes all have their lines: a key set twice, a line that is none, a file that
    /// names a file, and a file that is not there.
    @Test func fileMistakes() throws {
        let text = "window = 1\nwindow = 2\nnonsense\nconfig = x\nkafka.a = 1\nkafka.a = 2\n"
        let file = try folder.write(text, to: "f")
        #expect(
            problems(worker + ["--config", file]) == [
                "\(file):2: window: set twice, first in line 1",
                "\(file):3: not a `key = value` line",
                "\(file):6: kafka.a: set twice, first in line 5",
                "\(file):4: config: a file cannot name further files",
            ])
        let missing = folder.file("missing")
        #expect(
            problems(worker + ["--config", missing])
                == ["--config: \(missing): No such file or directory"])
    }

    /// Kafka properties come from all sources and are layered key by key; values keep their equals
    /// signs; those with a setting of their own are refused.
    @Test func kafkaProperties() throws {
        let file = try folder.write("kafka.a = file\nkafka.b = file\nkafka.c = x=y\n", to: "f")
        let read = try settings(
            worker + ["--config", file, "--kafka-property", "a=flag"],
            ["READSTATES_KAFKA_PROPERTY": "a=environment\n b = environment \n"])
        let found = read.kafkaProperties.sorted { $0.key < $1.key }
        #expect(found.map(\.key) == ["a", "b", "c"])
        #expect(found.map(\.value) == ["flag", "environment", "x=y"])
        #expect(found.map(\.source) == [.flag, .environment, .file(file, line: 3)])
        #expect(
            problems(worker + ["--kafka-property", "group.id=x"])
                == ["command line: group.id: given by the setting `group`"])
        #expect(
            problems(worker + ["--kafka-property", "noequals"])
                == ["--kafka-property: the value is not key=value"])
    }

    /// No message and no listing repeats a secret, even where it is misplaced or malformed.
    @Test func secretsStayInside() throws {
        let file = try folder.write("redis-password = s3cret\nredis = s3cret\ns3cret\n", to: "f")
        let attempts = [
            worker + ["--config", file], ["--redis-passwrod", "s3cret", "worker"],
            worker + ["--redis-pasword=s3cret"], worker + ["--kafka-property", "s3cret"],
        ]
        for attempt in attempts {
            let found = problems(attempt)
            #expect(!found.isEmpty)
            #expect(!found.joined().contains("s3cret"), "\(found)")
        }
        let read = try settings([
            "worker", "--kafka", "k:1", "--redis", "redis://u:s3cret@h", "--redis-password",
            "s3cret", "--kafka-property", "sasl.password=s3cret",
        ])
        #expect(
            read.listing.map(\.name) == [
                "kafka", "redis", "redis-password", "kafka.sasl.password",
            ])
        #expect(!"\(read.listing)".contains("s3cret"))
    }

    /// Relations between settings are checked once all are known, and missing ones are named.
    @Test func relations() {
        #expect(problems(["worker"]).count == 2)
        #expect(problems(["worker"])[0].hasPrefix("--kafka is missing"))
        #expect(
            problems(worker + ["--redis-username", "u"]) == [
                "--redis: a user name needs a password"
            ])
        #expect(problems(worker + ["--redis-username", "u", "--redis-password", ""]) == [])
        let secure = ["worker", "--kafka", "k:1", "--redis", "rediss://h"]
        #expect(problems(secure).count == 1 && problems(secure)[0].contains("TLS"))
        #expect(problems(worker + ["--dead-letter-topic", "chat-events"]).count == 1)
        #expect(problems(worker + ["--revoke-budget", "26s"]).count == 1)
        #expect(problems(worker + ["--revoke-budget", "26s", "--shutdown-budget", "26s"]) == [])
        #expect(
            problems(["load", "--kafka", "k:1", "--queries", "1"]) == ["queries: needs redis too"])
        #expect(problems(["demo"]) == [])
    }

    /// The worker's parts hold what the contract promises as defaults.
    @Test func workerDefaults() throws {
        let all = WorkerSettings(try settings(worker))
        #expect(all.kafka.connection.topic == "chat-events")
        #expect(all.kafka.connection.bootstrapServers == "k:9092")
        #expect(all.kafka.deadLetterTopic == "chat-events.dlq")
        #expect(all.kafka.connection.group == "readstates")
        #expect(all.kafka.checksPartitioner)
        #expect(all.redis.keys.namespace == "readstates")
        #expect(all.redis.allowsUnsafe == false)
        #expect(all.cache.window == 32)
        #expect(all.cache.memory == machineMemory() / 4)
        #expect(all.cache.states == nil)
        #expect(all.cache.flushInterval == .seconds(30))
        #expect(all.process.shutdownBudget == .seconds(25))
        #expect(all.process.listen == HostPort(host: "127.0.0.1", port: 9464))
        #expect(all.process.shards >= 1)
        let off = WorkerSettings(try settings(worker + ["--listen", "none", "--topic", "t"]))
        #expect(off.process.listen == nil)
        #expect(off.kafka.deadLetterTopic == "t.dlq")
    }
}

@Suite struct InvocationTests {
    /// Flags and operands mix in any order; `--` ends the flags; a dash alone is an operand; the
    /// last mention of a flag is the one that counts; a switch takes no value from the next word.
    @Test func conventions() throws {
        let read = try Invocation([
            "--json", "get", "--timeout=1s", "7", "--timeout", "2s", "--", "-9",
        ])
        #expect(read.command == .get)
        #expect(read.operands == ["7", "-9"])
        #expect(read.flags.map(\.name) == ["json", "timeout", "timeout"])
        let settings = try settings([
            "totals", "7", "--json=false", "--redis", "redis://h", "--json",
        ])
        #expect(settings.isOn("json"))
        #expect(try Invocation(["publish", "-"]).operands == ["-"])
        #expect(try Invocation(["worker", "-h"]).wantsHelp)
    }

    /// Wrong usage is told: no command, an unknown one, operands too few or too many, a flag of
    /// another command, a flag without its value.
    @Test func misuse() {
        #expect(problems([]) == ["no command given (see readstates help)"])
        #expect(
            problems(["wroker"]) == ["wroker: unknown; did you mean worker? (see readstates help)"])
        #expect(
            problems(["get", "7"]) == ["CHANNEL is missing; usage: readstates get USER CHANNEL"])
        #expect(
            problems(["totals", "7", "8"])
                == ["8: one operand too many; usage: readstates totals USER"])
        #expect(
            problems(["totals", "7", "--window", "3"])
                == ["--window: not an option of totals (but of worker)"])
        #expect(problems(["totals", "7", "--timeout"])[0].hasPrefix("--timeout: needs a value"))
        #expect(problems(["worker", "-x"]).count == 1)
    }
}

@Suite struct MachineMemoryTests {
    private let folder = TemporaryDirectory()

    /// The smallest limit on any level of the process's cgroup counts, in both versions, and the
    /// machine's memory where there is none.
    @Test func limits() throws {
        func place(_ text: String, _ path: String) throws {
            let directory = path.split(separator: "/").dropLast().joined(separator: "/")
            _ = try ChildProcess.run(["mkdir", "-p", "\(folder.path)/\(directory)"])
            _ = try folder.write(text, to: path)
        }
        try place("MemTotal:       1000 kB\nMemFree: 5 kB\n", "proc/meminfo")
        #expect(machineMemory(root: folder.path) == 1_024_000)
        try place("0::/a/b\n", "proc/self/cgroup")
        try place("max\n", "sys/fs/cgroup/a/b/memory.max")
        #expect(machineMemory(root: folder.path) == 1_024_000)
        try place("500000\n", "sys/fs/cgroup/a/memory.max")
        #expect(machineMemory(root: folder.path) == 500_000)
        try place("400000\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes")
        try place("5:cpu,memory:/x\n0::/a/b\n", "proc/self/cgroup")
        #expect(machineMemory(root: folder.path) == 400_000)
        try place("9223372036854771712\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes")
        #expect(machineMemory(root: folder.path) == 500_000)
    }
}
