// How long things take, counted in buckets whose width grows with the value: 32 buckets between two
// powers of two, so every quantile is right to 1/32 (3 %), from 1 ns to 2^40 ns (18 minutes), in 9
// KB.
//
//   value  0…31      bucket = value                               (exact)
//   value  2^k…2^k+1  bucket = (k - 4) * 32 + the 5 bits behind the leading one
//
// Recording is a shift, an add and a store. Not kept: single values, and therefore no exact maximum
// beyond the last bucket; `maximum` is kept apart because it is what people ask for first.

/// A distribution of values, usually nanoseconds.
package struct Histogram: Sendable {
    private static let fineBits = 5
    private static let topBit = 40
    private static let bucketCount = (topBit - fineBits + 1) << fineBits

    private var buckets = [UInt64](repeating: 0, count: bucketCount)
    package private(set) var count: UInt64 = 0
    package private(set) var sum: UInt64 = 0
    package private(set) var maximum: UInt64 = 0

    package init() {}

    /// Counts a value; one above 2^40 counts as that in the buckets.
    package mutating func record(_ value: UInt64) {
        buckets[Self.bucket(of: min(value, 1 << Self.topBit - 1))] += 1
        count += 1
        sum &+= value
        if value > maximum { maximum = value }
    }

    /// Adds everything that another histogram counted.
    package mutating func merge(_ other: Histogram) {
        for index in buckets.indices { buckets[index] += other.buckets[index] }
        count += other.count
        sum &+= other.sum
        maximum = max(maximum, other.maximum)
    }

    package mutating func removeAll() {
        for index in buckets.indices { buckets[index] = 0 }
        (count, sum, maximum) = (0, 0, 0)
    }

    /// The value that `fraction` (0 to 1) of all values are at or below, at most 1/32 too high;
    /// 0 where nothing was recorded.
    package func quantile(_ fraction: Double) -> UInt64 {
        precondition((0...1).contains(fraction))
        let rank = max(1, UInt64((fraction * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for (index, inBucket) in buckets.enumerated() {
            seen += inBucket
            if seen >= rank, inBucket > 0 {
                return min(maximum, Self.lowerBound(of: index + 1) - 1)
            }
        }
        return maximum
    }

    /// The mean of all values; 0 where nothing was recorded.
    package var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }

    /// How many values lie below 2^`exponent` (5 to 40): exact, because buckets do not cross it.
    package func count(belowPowerOfTwo exponent: Int) -> UInt64 {
        precondition((Self.fineBits...Self.topBit).contains(exponent))
        let end = exponent == Self.topBit ? buckets.count : Self.bucket(of: 1 << exponent)
        return buckets[..<end].reduce(0, +)
    }

    private static func bucket(of value: UInt64) -> Int {
        let top = 63 - (value | 31).leadingZeroBitCount
        let shift = top - fineBits
        if shift < 0 { return Int(value) }
        return (shift + 1) << fineBits + Int(value >> shift) & (1 << fineBits - 1)
    }

    /// The smallest value that a bucket counts.
    private static func lowerBound(of bucket: Int) -> UInt64 {
        let (group, fine) = (bucket >> fineBits, bucket & (1 << fineBits - 1))
        if group == 0 { return UInt64(fine) }
        return UInt64(1 << fineBits + fine) << (group - 1)
    }
}
