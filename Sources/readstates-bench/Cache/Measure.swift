// Clocks, memory and histograms of the benchmarks.

import CBench
import Glibc

func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

/// Nanoseconds of a clock that never goes back.
func nanoseconds() -> Double {
    var time = timespec()
    // The clock writes into our own structure.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// Memory of the process that is its own (RssAnon), in bytes.
func residentBytes() -> Int {
    // A stream on our own process, closed below; the buffer is as long as the call is told.
    guard let file = unsafe fopen("/proc/self/status", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        if text.hasPrefix("RssAnon:") {
            return (Int(text.split(separator: " ").dropLast().last?.filter(\.isNumber) ?? "") ?? 0)
                * 1024
        }
    }
    return 0
}

/// First touches of pages in this process so far, and whatever else the kernel had to be asked for.
func pageFaults() -> Int {
    var usage = rusage()
    // The call writes into our own structure.
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_minflt + usage.ru_majflt
}

/// How many ticks of the processor's clock make a nanosecond.
let ticksPerNanosecond: Double = {
    let start = (nanoseconds(), cbench_ticks())
    while nanoseconds() - start.0 < 50e6 {}
    let end = (nanoseconds(), cbench_ticks())
    return Double(end.1 - start.1) / (end.0 - start.0)
}()

/// Durations in ticks, in sixteen steps to a doubling.
struct Histogram {
    private var counts = [Int](repeating: 0, count: 1024)
    private(set) var total = 0
    private(set) var longest: UInt64 = 0

    @inline(__always)
    mutating func add(_ ticks: UInt64) {
        counts[Self.place(of: ticks)] += 1
        total += 1
        longest = max(longest, ticks)
    }

    @inline(__always)
    private static func place(of ticks: UInt64) -> Int {
        let exponent = max(4, 63 - (ticks | 1).leadingZeroBitCount)
        return exponent * 16 + Int(truncatingIfNeeded: ticks >> UInt64(exponent - 4)) & 15
    }

    /// How many took so long or longer, to the next sixteenth of a doubling.
    func count(over nanoseconds: Double) -> Int {
        counts[Self.place(of: UInt64(nanoseconds * ticksPerNanosecond))...].reduce(0, +)
    }

    /// The duration below which a share of all are, in nanoseconds.
    func quantile(_ share: Double) -> Double {
        var left = Int(Double(total) * share)
        for (index, count) in counts.enumerated() {
            left -= count
            if left < 0 {
                let exponent = index / 16
                let ticks = Double(16 + index % 16 + 1) * power(2, Double(exponent - 4))
                return min(ticks / ticksPerNanosecond, maximum)
            }
        }
        return maximum
    }

    /// How many took how long, in doublings.
    func show() {
        for exponent in 4..<64 {
            let count = counts[exponent * 16..<exponent * 16 + 16].reduce(0, +)
            if count == 0 { continue }
            let end = power(2, Double(exponent + 1)) / ticksPerNanosecond / 1000
            print("    under", rounded(end, 3).leading(10), "us", String(count).leading(11))
        }
    }
    var maximum: Double { Double(longest) / ticksPerNanosecond }
}

/// Times of the same single events, taken in several rounds. What the code does at an event it does
/// in every round; what the machine does meanwhile, it does at other events each time. So the least
/// of an event's times is the code's own, but for what comes between in every round, which among a
/// hundred million events happens to none if it happens to one in a thousand of them.
struct RepeatedTimes {
    /// The least time of each event so far in ticks; the highest bit is set if it is told apart.
    private var least: [UInt32]
    private static let apart: UInt32 = 1 << 31
    private var next = 0
    /// Events of this round, those told apart left out.
    private(set) var round = Histogram()

    init(events: Int) { least = [UInt32](repeating: .max, count: events) }

    mutating func beginRound() {
        next = 0
        round = Histogram()
    }

    /// The next event took so long; those beyond the number of `init` are not kept.
    @inline(__always)
    mutating func add(_ ticks: UInt64, apart: Bool = false) {
        guard next < least.count else { return }
        if !apart { round.add(ticks) }
        let time = UInt32(min(ticks, UInt64(Self.apart - 1))) | (apart ? Self.apart : 0)
        least[next] = min(least[next], time)
        next += 1
    }

    /// The least times of the events that are told apart, or of all others.
    func leastTimes(apart: Bool) -> Histogram {
        var histogram = Histogram()
        for time in least where (time & Self.apart != 0) == apart {
            histogram.add(UInt64(time & ~Self.apart))
        }
        return histogram
    }

    /// The slowest events of a kind by their least times, the slowest first: number, nanoseconds.
    func slowest(_ count: Int, apart: Bool) -> [(event: Int, nanoseconds: Double)] {
        var found: [(event: Int, time: UInt32)] = []
        for (event, time) in least.enumerated() where (time & Self.apart != 0) == apart {
            if found.count == count, time <= found[count - 1].time { continue }
            let place = found.firstIndex { $0.time < time } ?? found.count
            found.insert((event, time), at: place)
            if found.count > count { found.removeLast() }
        }
        return found.map { ($0.event, Double($0.time & ~Self.apart) / ticksPerNanosecond) }
    }
}

/// The longest an empty loop was interrupted within so many seconds: the noise of the machine.
func idleHistogram(seconds: Double) -> Histogram {
    var histogram = Histogram()
    let end = cbench_ticks() + UInt64(seconds * 1e9 * ticksPerNanosecond)
    var last = cbench_ticks()
    while last < end {
        let now = cbench_ticks()
        histogram.add(now - last)
        last = now
    }
    return histogram
}

extension String {
    /// Filled up with spaces behind it.
    func padding(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
    /// Filled up with spaces before it.
    func leading(_ width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }
}

/// What was printed is seen even if the program is stopped.
func flush() {
    // Every open stream.
    fflush(nil)
}

func rounded(_ value: Double, _ digits: Int = 1) -> String {
    let scale = power(10, Double(digits))
    let number = (value * scale).rounded() / scale
    return digits == 0 ? String(Int(number)) : String(number)
}

/// Nanoseconds that the process was running: what others do on the machine is only felt in its
/// caches.
func cpuNanoseconds() -> Double {
    var time = timespec()
    // The clock writes into our own structure.
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}
