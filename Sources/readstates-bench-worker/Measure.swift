// Clocks, costs of processes, and how figures are written.

import Glibc
import ReadStateService

/// Seconds of a clock that never goes back.
func seconds() -> Double {
    var time = timespec()
    // The clock writes into our own structure.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// What a process has used so far.
struct ProcessCost {
    /// Seconds of user and system time.
    var cpu: Double
    /// KiB of memory in use now.
    var memory: Int

    static func ofThisProcess() -> ProcessCost { of(getpid()) }

    /// Zeros for a process that is gone. The kernel counts CPU in steps of 10 ms.
    static func of(_ process: Int32) -> ProcessCost {
        // The name in brackets may hold anything; the fields behind it are numbers.
        let fields = (readFile("/proc/\(process)/stat") ?? "").split(separator: ")").last ?? ""
        let words = fields.split(separator: " ")
        guard words.count > 12, let user = Double(words[11]), let system = Double(words[12])
        else { return ProcessCost(cpu: 0, memory: 0) }
        var memory = 0
        for line in (readFile("/proc/\(process)/status") ?? "").split(separator: "\n")
        where line.hasPrefix("VmRSS:") {
            memory = Int(line.filter(\.isNumber)) ?? 0
        }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        return ProcessCost(cpu: (user + system) / ticks, memory: memory)
    }

    /// CPU seconds of all children that have ended and were waited for.
    static func ofEndedChildren() -> Double {
        var usage = rusage()
        // A local that outlives the call.
        unsafe getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        let times = [usage.ru_utime, usage.ru_stime]
        return times.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }
}

/// The middle of some figures; of an even number the lower one of the two.
func median(_ figures: [Double]) -> Double {
    precondition(!figures.isEmpty)
    return figures.sorted()[(figures.count - 1) / 2]
}

/// The figure that a share (0 to 1) of all are at or below.
func quantile(_ share: Double, of figures: [Double]) -> Double {
    guard !figures.isEmpty else { return 0 }
    let rank = Int((share * Double(figures.count)).rounded(.up))
    return figures.sorted()[max(0, rank - 1)]
}

/// A number with so many decimals.
func text(_ number: Double, _ decimals: Int = 2) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let whole = Int((abs(number) * scale).rounded())
    let sign = number < 0 && whole > 0 ? "-" : ""
    guard decimals > 0 else { return sign + "\(whole)" }
    let digits = String(Int(scale) + whole % Int(scale)).dropFirst()
    return "\(sign)\(whole / Int(scale)).\(digits)"
}

extension String {
    /// Filled up with spaces, before it or behind it.
    func column(_ width: Int, left: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - count))
        return left ? self + spaces : spaces + self
    }
}

/// Prints a line at once, even into a file.
func say(_ line: String) {
    print(line)
    // All streams that this process writes to.
    fflush(nil)
}
