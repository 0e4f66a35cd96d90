// How many users became dirty when: counts in a ring of 64 buckets, a little more than what a flush
// interval spans. From them, without looking at any user, follows how fast users must be committed
// so that all are in time:
//
//     users   ▏   ▁█▇▁          the rate is the steepest line from here and now to the end of any
//       due   ▏▁▁▂████▁▁▁▁      bucket, taken together with all before it
//             now        one interval from now
//
// Evenly arriving users give the rate at which they arrive; a burst gives what spreads it over the
// time that is left.

/// Counts of dirty users by age.
struct DirtyAges {
    /// How long a user may be dirty, in milliseconds: the flush interval.
    let span: Int64
    /// A bucket is two to the power of this many milliseconds wide.
    private let shift: Int64
    private var counts = [UInt32](repeating: 0, count: 64)

    init(span: Int64) {
        self.span = span
        var shift: Int64 = 0
        // Buckets must not be shared by the oldest and the newest users. Entries know 32 bits of
        // their time.
        while 62 << shift < span, shift < 26 { shift += 1 }
        self.shift = shift
    }

    @inline(__always)
    mutating func add(_ since: UInt32) { counts[bucket(Int64(since))] &+= 1 }

    @inline(__always)
    mutating func remove(_ since: UInt32) { counts[bucket(Int64(since))] &-= 1 }

    @inline(__always)
    private func bucket(_ milliseconds: Int64) -> Int { Int(milliseconds >> shift) & 63 }

    /// The smallest steady rate, in users a millisecond, with which all that have been dirty for a
    /// quarter of the span or longer are committed within it. Nobody may be dirty for longer than
    /// that already. Who is younger does not count yet: users of a burst, or of a log that is being
    /// caught up with, soon change again, and would only be committed more often.
    func rate(at now: Instant) -> Double {
        let width: Int64 = 1 << shift
        let newest = now.milliseconds >> shift
        let last = (now.milliseconds - span / 4) >> shift
        var count: UInt32 = 0
        var rate = 0.0
        for number in newest - 63..<last {
            count += counts[Int(number) & 63]
            let left = max(width, (number << shift) + span - now.milliseconds)
            rate = max(rate, Double(count) / Double(left))
        }
        return rate
    }

    /// Whether nobody is counted.
    var isEmpty: Bool { counts.allSatisfy { $0 == 0 } }
}
