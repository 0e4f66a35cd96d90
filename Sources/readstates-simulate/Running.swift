// Runs: one seed with all that can be shown of it, or many on all cores. The core traps where it
// finds a bug in itself; then the seed is printed too, from the signal's handler.

import Glibc
import Simulator
import Synchronization

/// Writes a line to standard output, unbuffered, so that nothing is lost in a trap.
func say(_ text: String) {
    var line = text + "\n"
    line.withUTF8 { bytes in
        // The buffer is valid within this closure.
        _ = unsafe write(1, bytes.baseAddress, bytes.count)
    }
}

/// The command that runs just this again.
func reproduction(_ options: RunOptions) -> String {
    var command = "readstates-simulate --seed \(options.seed)"
    if let planted = options.planted { command += " --planted \"\(planted.rawValue)\"" }
    if !options.without.isEmpty {
        command += " --without " + options.without.map { "\($0)" }.sorted().joined(separator: ",")
    }
    if let records = options.records { command += " --records \(records)" }
    if let steps = options.steps { command += " --steps \(steps)" }
    return command
}

/// Runs one seed; the exit code.
func runOne(_ arguments: Arguments) -> Int32 {
    var options = arguments.options
    if arguments.wantsTrace { options.trace = { say($0) } }
    let simulation = Simulation(options)
    simulation.run()
    say(simulation.tally.line)
    guard let failure = simulation.failure else { return 0 }
    say("MISMATCH \(failure)")
    if arguments.wantsShrinking {
        let smaller = Simulation.shrink(arguments.options)
        say("MISMATCH \(smaller.failure)")
        options = smaller.options
    }
    say("reproduce: \(reproduction(options))")
    return 1
}

/// Runs many seeds; the exit code.
func runMany(_ arguments: Arguments) -> Int32 {
    let threads = arguments.threads ?? Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    SeedsInWork.begin(threads: threads)
    let work = Work(arguments)
    let handles = (0..<threads).map { index in spawn { work.run(thread: index) } }
    for handle in handles { pthread_join(handle, nil) }
    let (tally, failures) = work.result
    for (options, failure) in failures.prefix(10) {
        say("MISMATCH \(failure)\nreproduce: \(reproduction(options))")
    }
    say(tally.line)
    return failures.isEmpty ? 0 : 1
}

/// Seeds to be run, and what came of them so far.
final class Work: Sendable {
    private let next: Atomic<UInt64>
    private let end: UInt64
    private let deadline: Int
    private let stops: Bool
    private let options: RunOptions
    private let found = Mutex<(tally: Tally, failures: [(RunOptions, String)])>((Tally(), []))

    init(_ arguments: Arguments) {
        next = Atomic(arguments.from)
        let count = arguments.seeds ?? 1
        end = count == 0 ? .max >> 1 : arguments.from + count
        deadline = arguments.seconds.map { time(nil) + $0 } ?? .max
        stops = arguments.stops
        options = arguments.options
    }

    var result: (tally: Tally, failures: [(RunOptions, String)]) { found.withLock { $0 } }

    func run(thread: Int) {
        var tally = Tally()
        while time(nil) < deadline {
            var options = options
            options.seed = next.add(1, ordering: .relaxed).oldValue
            guard options.seed < end else { break }
            SeedsInWork.set(options.seed, thread: thread)
            let simulation = Simulation(options)
            simulation.run()
            tally.add(simulation.tally)
            if let failure = simulation.failure {
                found.withLock { $0.failures.append((options, failure)) }
                if stops { next.store(end, ordering: .relaxed) }
            }
        }
        found.withLock { $0.tally.add(tally) }
    }
}

/// What each thread is at, for the report of a trap.
enum SeedsInWork {
    /// Allocated once, before the first thread, and never freed; each thread writes its own place.
    nonisolated(unsafe) private static var seeds = unsafe UnsafeMutableBufferPointer<UInt64>(
        start: nil, count: 0)

    /// Makes room, and has traps announced from now on.
    static func begin(threads: Int) {
        // No thread runs yet.
        unsafe seeds = .allocate(capacity: threads)
        unsafe seeds.initialize(repeating: 0)
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE] {
            signal(number) { number in
                say("TRAP, signal \(number), in one of these:")
                // The process is about to end; the other threads only change numbers in place.
                for place in unsafe 0..<SeedsInWork.seeds.count {
                    let seed = unsafe SeedsInWork.seeds[place]
                    say("reproduce: readstates-simulate --seed \(seed)")
                }
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    static func set(_ seed: UInt64, thread: Int) {
        // Within what `begin` made, and nobody else's place.
        unsafe seeds[thread] = seed
    }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func spawn(_ body: @escaping @Sendable () -> Void) -> pthread_t {
    var handle = pthread_t()
    // Retained for the thread alone, which takes it over in its first line.
    let argument = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
    let code = unsafe pthread_create(
        &handle, nil,
        { argument in
            unsafe Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
            return nil
        }, argument)
    precondition(code == 0, "no thread")
    return handle
}
