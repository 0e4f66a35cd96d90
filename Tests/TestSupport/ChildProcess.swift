// Programs that tests start. Whatever happens, none is left behind:
//   - the owner lets go of it: killed and reaped in `deinit`;
//   - the test process exits: killed by `Leftovers`;
//   - the test process is killed: Linux kills it (the parent-death signal).
// Linux sends that last signal when the *thread* that started the child ends, and threads of a pool
// come and go. So one thread that never ends starts them all. The signal itself is asked for by
// `setpriv` (util-linux, part of every Debian), which then becomes the program, under the same id.
// Output goes to files, not pipes: nobody has to read for the program to go on, and a failed test
// can quote all of it.

import Foundation
import Glibc
import Synchronization

/// A running or ended program with its output.
package final class ChildProcess: Sendable {
    package enum Ending: Hashable, Sendable {
        case exit(Int32)
        case signal(Int32)
    }

    package struct CannotStart: Error, CustomStringConvertible {
        package let description: String
        package init(description: String) { self.description = description }
    }

    package let identifier: Int32
    package let arguments: [String]
    private let folder: TemporaryDirectory
    private let outcome = Mutex<Ending?>(nil)

    /// Starts `arguments[0]` (a path, or a name to be found in PATH). `environment` is laid over
    /// that of this process; a nil value takes a variable away. `input` is its standard input.
    package init(
        _ arguments: [String], environment: [String: String?] = [:], input: String = ""
    ) throws {
        precondition(!arguments.isEmpty)
        folder = TemporaryDirectory("child")
        self.arguments = arguments
        var variables = ProcessInfo.processInfo.environment
        for (name, value) in environment { variables[name] = value }
        try folder.write(input, to: "stdin")
        let launch = Launch(
            arguments: ["setpriv", "--pdeathsig", "KILL", "--"] + arguments,
            environment: variables.map { "\($0)=\($1)" }, input: folder.file("stdin"),
            output: folder.file("stdout"), errors: folder.file("stderr"))
        let (process, code) = Launcher.shared.run(launch)
        guard code == 0 else {
            throw CannotStart(
                description: "cannot start \(arguments): \(String(cString: strerror(code)))")
        }
        identifier = process
        Leftovers.add(process: process)
    }

    deinit {
        kill()
    }

    // MARK: Signals and the end

    /// Sends a signal, unless the program has ended.
    package func send(signal: Int32) {
        outcome.withLock { outcome in
            reap(&outcome, block: false)
            // Not reaped, so the id is still this program's.
            if outcome == nil { Glibc.kill(identifier, signal) }
        }
    }

    package func terminate() { send(signal: SIGTERM) }
    package func pause() { send(signal: SIGSTOP) }
    package func resume() { send(signal: SIGCONT) }

    /// `kill -9`, and waits for the end.
    package func kill() {
        outcome.withLock { outcome in
            if outcome == nil { Glibc.kill(identifier, SIGKILL) }
            reap(&outcome, block: true)
        }
    }

    /// How it ended, or nil while it runs.
    package var ending: Ending? {
        outcome.withLock { outcome in
            reap(&outcome, block: false)
            return outcome
        }
    }

    package var isRunning: Bool { ending == nil }

    /// Waits for the end and says which.
    @discardableResult
    package func wait(within limit: Duration = ordinaryDeadline) throws -> Ending {
        try waitFor(
            "end of \(arguments.joined(separator: " "))", within: limit, seen: tail
        ) { ending }
    }

    private func reap(_ outcome: inout Ending?, block: Bool) {
        guard outcome == nil else { return }
        var status: Int32 = 0
        guard waitpid(identifier, &status, block ? 0 : WNOHANG) == identifier else { return }
        Leftovers.remove(process: identifier)
        let signal = status & 0x7f
        outcome = signal == 0 ? .exit((status >> 8) & 0xff) : .signal(signal)
    }

    // MARK: Output

    package var output: String { text("stdout") }
    package var errors: String { text("stderr") }
    package var outputLines: [String] { lines(output) }
    package var errorLines: [String] { lines(errors) }

    /// The end of both outputs, for failure texts.
    package var tail: String {
        "stdout: …\(output.suffix(2_000))\nstderr: …\(errors.suffix(4_000))"
    }

    /// Waits for a whole line of standard error (or output) that `matches`, and gives it.
    package func waitForLine(
        _ what: String, within limit: Duration = ordinaryDeadline, _ matches: (String) -> Bool
    ) throws -> String {
        try waitFor(what, within: limit, seen: tail) {
            let isEnded = ending != nil
            if let line = (errorLines + outputLines).first(where: matches) { return line }
            if isEnded {
                throw DeadlinePassed(description: "ended before: \(what)\nlast seen: \(tail)")
            }
            return nil
        }
    }

    private func text(_ name: String) -> String {
        let bytes = FileManager.default.contents(atPath: folder.file(name)) ?? Data()
        return String(decoding: bytes, as: UTF8.self)
    }

    private func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // What follows the last line feed is no whole line yet.
        lines.removeLast()
        return lines
    }

    // MARK: Short runs

    package struct Result: Sendable {
        package var ending: Ending
        package var output: String
        package var errors: String
        package var succeeded: Bool { ending == .exit(0) }

        package init(ending: Ending, output: String, errors: String) {
            self.ending = ending
            self.output = output
            self.errors = errors
        }
    }

    /// Runs a program to its end.
    package static func run(
        _ arguments: [String], environment: [String: String?] = [:], input: String = "",
        within limit: Duration = ordinaryDeadline
    ) throws -> Result {
        let child = try ChildProcess(arguments, environment: environment, input: input)
        let ending = try child.wait(within: limit)
        return Result(ending: ending, output: child.output, errors: child.errors)
    }
}

/// What is to be started.
private struct Launch: Sendable {
    var arguments: [String]
    var environment: [String]
    var input: String
    var output: String
    var errors: String
}

/// The thread that starts all children and never ends.
private final class Launcher: Sendable {
    static let shared = Launcher()

    private typealias Job = @Sendable () -> Void
    private let jobs = Mutex<[Job]>([])
    private let wake = DispatchSemaphore(value: 0)

    private init() {
        let thread = Thread { [jobs = self] in jobs.serve() }
        thread.name = "launcher"
        thread.start()
    }

    private func serve() {
        while true {
            wake.wait()
            jobs.withLock { $0.removeFirst() }()
        }
    }

    /// The new process's id and 0, or the error's code.
    func run(_ launch: Launch) -> (process: pid_t, code: Int32) {
        let result = Mutex<(pid_t, Int32)>((0, 0))
        let done = DispatchSemaphore(value: 0)
        withExtendedLifetime(result) {
            jobs.withLock {
                $0.append {
                    let started = spawn(launch)
                    result.withLock { $0 = started }
                    done.signal()
                }
            }
            wake.signal()
            done.wait()
        }
        return result.withLock { $0 }
    }
}

/// Starts a program with empty signal mask, default signals and no descriptors but its three.
private func spawn(_ launch: Launch) -> (pid_t, Int32) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let write = O_WRONLY | O_CREAT | O_APPEND
    posix_spawn_file_actions_addopen(&actions, 0, launch.input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, launch.output, write, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, launch.errors, write, 0o600)
    // A listener inherited by a child would keep its port. (`addclosefrom_np` is not to be had from
    // Swift; a descriptor that is closed by then does no harm.)
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for descriptor in open.compactMap(Int32.init) where descriptor > 2 {
        posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    // A group of its own: a Ctrl-C at the terminal goes to the tests, which end it in their way.
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var arguments: [UnsafeMutablePointer<CChar>?] = launch.arguments.map { strdup($0) } + [nil]
    var environment: [UnsafeMutablePointer<CChar>?] = launch.environment.map { strdup($0) } + [nil]
    defer { for text in arguments + environment { free(text) } }
    var process = pid_t()
    let code = posix_spawnp(
        &process, launch.arguments[0], &actions, &attributes, &arguments, &environment)
    return (process, code)
}
