// How long to wait before the next attempt to connect: doubling, so that a server that is down for
// long is left in peace, and drawn at random from the upper half, so that many workers that lost
// one server do not all come back in the same millisecond.

/// The waiting times of one connection. It has no clock and no randomness but its seed.
struct Backoff {
    private let floor: Int64
    private let ceiling: Int64
    private var failures = 0
    private var random: UInt64

    /// Waits from `floor` to `ceiling` milliseconds.
    init(floor: Int64, ceiling: Int64, seed: UInt64) {
        precondition(floor > 0 && ceiling >= floor)
        self.floor = floor
        self.ceiling = ceiling
        random = seed
    }

    /// The next waiting time in milliseconds.
    mutating func next() -> Int64 {
        let full = min(ceiling, floor << min(failures, 20))
        failures += 1
        let half = full / 2
        return half + Int64(draw() % UInt64(full - half + 1))
    }

    /// The server answered: the next failure is a new one.
    mutating func reset() { failures = 0 }

    /// SplitMix64.
    private mutating func draw() -> UInt64 {
        random &+= 0x9E37_79B9_7F4A_7C15
        var z = random
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
