import Glibc
package import ReadStateCore

/// The machine's clocks, for the edges: the core is told what time it is.
package enum SystemClock {
    /// Nanoseconds on a clock that never goes back, counted from some moment before this process.
    package static func nanoseconds() -> UInt64 {
        read(CLOCK_MONOTONIC)
    }

    /// The same clock in the form the core takes.
    package static func now() -> Instant {
        Instant(milliseconds: Int64(read(CLOCK_MONOTONIC) / 1_000_000))
    }

    /// Wall-clock time since 1970: for deadlines that clients state, and for log lines.
    package static func unixMilliseconds() -> Int64 {
        Int64(read(CLOCK_REALTIME) / 1_000_000)
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        // `time` outlives the call, and both clocks exist on every Linux.
        let result = unsafe clock_gettime(clock, &time)
        precondition(result == 0)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
