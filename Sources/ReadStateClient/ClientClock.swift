import Glibc

/// The clocks of a client, in milliseconds.
enum ClientClock {
    /// On a clock that never goes back.
    static func now() -> Int64 { read(CLOCK_MONOTONIC) }

    /// Since 1970, for deadlines that others compare with their own clock.
    static func unixNow() -> Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // A local that outlives the call; both clocks are always there.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
