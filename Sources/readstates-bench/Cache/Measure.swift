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
    private var sum: UInt64 = 0

    @inline(__always)
    mutating func add(_ ticks: UInt64) {
        counts[Self.place(of: ticks)] += 1
        total += 1
        longest = max(longest, ticks)
        sum &+= ticks
    }

    @inline(__always)
    private static func place(of ticks: UInt64) -> Int {
        let exponent = max(4, 63 - (ticks | 1).leadingZeroBitCount)
        return exponent * 16 + Int(truncatingIfNeeded: ticks >> UInt64(exponent - 4)) & 15
    }

    /// All of them together.
    var seconds: Double { Double(sum) / ticksPerNanosecond / 1e9 }

    /// How many took at least 0.3 ms, to the next sixteenth of a doubling.
    var spikes: Int {
        counts[Self.place(of: UInt64(300_000 * ticksPerNanosecond))...].reduce(0, +)
    }

    /// The duration below which a share of all are, in nanoseconds.
    func quantile(_ share: Double) -> Double {
        var left = Int(Double(total) * share)
        for (index, count) in counts.enumerated() {
            left -= count
            if left < 0 {
                let exponent = index / 16
                let ticks = Double(16 + index % 16 + 1) * power(2, Double(exponent - 4))
                return ticks / ticksPerNanosecond
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
