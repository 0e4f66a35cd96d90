// `readstates demo`: the main job, seen from outside. A broker (librdkafka's mock cluster, in a
// process of its own), a throwaway Redis and a worker are started in a temporary folder; then the
// demo runs the program's own commands, showing each as a person would type it, and ends everything
// again, also where it is told to end itself.

import Glibc
import ReadStateCore
import ReadStateService
import ReadStateWire
import RedisLink

func runDemo() -> ExitCode {
    guard let signals = try? SignalWaiter(), let demo = Demo(signals) else {
        printError("no signals or no temporary folder: \(errorText(errno))")
        return .failed
    }
    do throws(DemoFailure) {
        try demo.run()
        demo.removeFolder()
        return .done
    } catch {
        if error.isInterruption {
            demo.removeFolder()
            printError(error.reason)
        } else {
            printError("\(error.reason); what was said is in \(demo.folder)")
        }
        return error.code
    }
}

/// Why the demo could not go on.
private struct DemoFailure: Error {
    var code = ExitCode.failed
    var reason: String
    /// It was told to end.
    var isInterruption = false
}

private struct Demo: ~Copyable {
    /// Read where something is waited for.
    private let signals: SignalWaiter
    /// Ours alone, removed at the end.
    let folder: String
    private var redis: String { "unix://\(folder)/redis.sock" }
    private var program: String { "/proc/self/exe" }

    init?(_ signals: consuming SignalWaiter) {
        var path = Array("/tmp/readstates-demo-XXXXXX".utf8CString)
        // The array is writable and ends with a zero; the call changes the last six letters.
        guard unsafe mkdtemp(&path) != nil else { return nil }
        folder = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.signals = signals
    }

    func run() throws(DemoFailure) {
        say("A throwaway Redis, a broker with a topic of 4 partitions and a worker are started.")
        var redisServer = try startRedis()
        var broker = try start("broker", [program, "embedded-broker"])
        let kafka = try waitForBroker(&broker)
        var worker = try start(
            "worker",
            [
                program, "worker", "--kafka", kafka, "--redis", redis, "--flush-interval", "1s",
                "--listen", "127.0.0.1:0",
            ])
        try waitForWorker(&worker)

        say("Events are published: Ann (7) is written to in two channels, reads, writes herself.")
        try write(events, to: "\(folder)/events.jsonl")
        for line in events.split(separator: "\n") { _ = printOut("    \(line)\n") }
        try show("publish --kafka \(kafka) \(folder)/events.jsonl")

        say("What she has read, answered by the worker from its cache:")
        try show("list 7 --redis \(redis) --min-offset 7")
        try show("get 7 11 --redis \(redis) --json")
        try show("totals 7 --redis \(redis)")

        say("The same is committed to Redis (here after 1 s, by default after 30 s):")
        try showStored()

        say("The worker ends: it commits, leaves its group, and says so.")
        let code = worker.stop()
        guard code == 0 else { throw DemoFailure(reason: "the worker ended with \(code)") }
        _ = printOut("    worker: exit code 0\n")
        _ = broker.stop()
        _ = redisServer.stop()
    }

    // MARK: Servers

    private func startRedis() throws(DemoFailure) -> ChildProcess {
        let words = [
            "redis-server", "--port", "0", "--unixsocket", "\(folder)/redis.sock", "--dir", folder,
            "--appendonly", "yes", "--save", "",
        ]
        guard let server = ChildProcess(words, output: "\(folder)/redis.log") else {
            throw DemoFailure(
                code: .refused,
                reason: "redis-server is not installed (apt-get install redis-server)")
        }
        return server
    }

    private func start(_ name: String, _ words: [String]) throws(DemoFailure) -> ChildProcess {
        guard let child = ChildProcess(words, output: "\(folder)/\(name).log") else {
            throw DemoFailure(reason: "the program cannot start itself")
        }
        return child
    }

    /// The address that the broker prints.
    private func waitForBroker(_ broker: inout ChildProcess) throws(DemoFailure) -> String {
        var address: String?
        try wait(for: "the broker", &broker) {
            let text = readFile("\(folder)/broker.log") ?? ""
            guard let start = text.firstRange(of: "bootstrap=") else { return false }
            let rest = text[start.upperBound...].prefix { $0 != "\n" }
            address = String(rest)
            return text[start.upperBound...].contains("\n")
        }
        return address!
    }

    private func waitForWorker(_ worker: inout ChildProcess) throws(DemoFailure) {
        try wait(for: "the worker", &worker) {
            (readFile("\(folder)/worker.log") ?? "").split(separator: "\n")
                .count { $0.contains("event=partition_started") } == 4
        }
    }

    private func wait(
        for what: String, _ child: inout ChildProcess, until isThere: () -> Bool
    ) throws(DemoFailure) {
        for _ in 0..<300 {
            if isThere() { return }
            try pause()
            guard child.isRunning() else { throw DemoFailure(reason: "\(what) ended") }
        }
        throw DemoFailure(reason: "\(what) was not ready in 30 s")
    }

    private func pause() throws(DemoFailure) {
        try end(on: signals.wait(timeoutMilliseconds: 100))
    }

    private func end(on signal: SignalWaiter.Signal?) throws(DemoFailure) {
        guard let signal else { return }
        throw DemoFailure(reason: "ended by \(signal.rawValue)", isInterruption: true)
    }
}

// MARK: What is shown

extension Demo {
    /// A day in the life of user 7. Message ids are snowflakes in the service; here they are small.
    private var events: String {
        """
        {"user_id":"7","channel_id":"9","message_sent":{"message_id":"101"}}
        {"user_id":"7","channel_id":"9","message_sent":{"message_id":"102","mention":\
        "MENTION_USER"}}
        {"user_id":"7","channel_id":"9","message_read":{"message_id":"101"}}
        {"user_id":"7","channel_id":"11","message_sent":{"message_id":"103"}}
        {"user_id":"7","channel_id":"11","message_sent":{"message_id":"104","own":true}}
        {"user_id":"7","channel_id":"11","message_sent":{"message_id":"105"}}
        {"user_id":"7","channel_id":"11","message_sent":{"message_id":"106"}}
        {"user_id":"7","channel_id":"11","message_deleted":{"message_ids":["105"]}}

        """
    }

    private func say(_ sentence: String) { _ = printOut("\n\(sentence)\n\n") }

    /// Shows a command of this program and runs it.
    private func show(_ command: String) throws(DemoFailure) {
        _ = printOut("$ readstates \(command)\n")
        let words = command.split(separator: " ").map(String.init)
        guard var child = ChildProcess([program] + words) else {
            throw DemoFailure(reason: "the program cannot start itself")
        }
        let code = child.wait()
        try end(on: signals.take())
        guard code == 0 else { throw DemoFailure(reason: "that command ended with \(code)") }
    }

    /// What the user's hash holds, as soon as it holds what was published.
    private func showStored() throws(DemoFailure) {
        for _ in 0..<300 {
            do throws(RedisLinkError) {
                let keys = try Keys(namespace: "readstates")
                let number = Partitioning.partition(of: UserID(7), count: 4).rawValue
                let key = keys.partition(number).user(7)
                var client = try BlockingRedis(RedisAddress(parsing: redis))
                let fields = try client.call("HGETALL", key).copy().elements ?? []
                if fields.count == 6 { return show(fields, of: key) }
            } catch {
                throw DemoFailure(reason: "\(error)")
            }
            try pause()
        }
        throw DemoFailure(reason: "nothing was committed in 30 s")
    }

    private func show(_ fields: [RedisValue], of key: String) {
        _ = printOut("    \(key)\n")
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard case .string(let name) = fields[index],
                case .string(let value) = fields[index + 1]
            else { continue }
            let text = String(decoding: name, as: UTF8.self)
            _ = printOut("      \(text): \(meaning(of: value, in: text))\n")
        }
    }

    private func meaning(of value: [UInt8], in field: String) -> String {
        let size = "\(value.count) bytes"
        // The array outlives both calls.
        let bytes = unsafe value.span.bytes
        if field == "@" {
            var user = StoredUser(appliedOffset: .zero)
            guard user.decode(bytes) == nil else { return "unreadable" }
            return "\(size): the states include the log up to offset \(user.appliedOffset.rawValue)"
        }
        var state = ReadState()
        guard StoredState.decode(bytes, into: &state) == nil else { return "unreadable" }
        let unread = state.window.map { "\($0.id.rawValue)" }.joined(separator: ", ")
        return "\(size): last read \(state.lastRead.rawValue), unread \(unread)"
    }

    // MARK: Files

    private func write(_ text: String, to path: String) throws(DemoFailure) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT, 0o600)
        let bytes = Array(text.utf8)
        // The array lives through the call, which reads its bytes only.
        let count = unsafe Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
        guard count == bytes.count else { throw DemoFailure(reason: "\(path) is not writable") }
    }

    /// Removes the folder with all that the servers left in it.
    func removeFolder() {
        var remove = ChildProcess(["rm", "-r", folder])
        _ = remove?.wait()
    }
}
