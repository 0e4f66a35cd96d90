// The simulator's only source of chance: xoshiro256**, seeded through SplitMix64. Everything that
// differs between two runs comes from the seed, so a seed is a run.

/// A stream of numbers that a seed determines.
package struct Random: Sendable {
    private var a: UInt64
    private var b: UInt64
    private var c: UInt64
    private var d: UInt64

    package init(seed: UInt64) {
        var state = seed
        func split() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            return Self.mix(state)
        }
        a = split()
        b = split()
        c = split()
        d = split()
    }

    /// SplitMix64's finaliser: also the simulator's hash.
    package static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    package mutating func next() -> UInt64 {
        let x = b &* 5
        let result = ((x << 7) | (x >> 57)) &* 9
        let t = b << 17
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= t
        d = (d << 45) | (d >> 19)
        return result
    }

    /// A number from 0 to `bound` - 1; `bound` is 1 or more.
    package mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    package mutating func among(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    package mutating func chance(_ perMille: Int) -> Bool { below(1_000) < perMille }

    package mutating func one(of choices: [Int]) -> Int { choices[below(choices.count)] }
}
