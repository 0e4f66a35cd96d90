// The numbers of this service, each as a type of its own, so that a channel never passes for a user
// and an offset never for a count. Ids come from outside: 1 to 2^63-1; decoders check that, and
// from there on it holds.

/// A user, 1 to 2^63-1.
package struct UserID: Hashable, Sendable {
    package let rawValue: UInt64
    @inlinable
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// A channel (a thread is a channel of its own), 1 to 2^63-1.
package struct ChannelID: Hashable, Comparable, Sendable {
    package let rawValue: UInt64
    @inlinable
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A message, or a moment on the clock of message ids (`op_id`): a snowflake, growing with time,
/// 1 to 2^63-1; 0 stands for "none".
package struct MessageID: Hashable, Comparable, Sendable {
    package let rawValue: UInt64
    @inlinable
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    package static let none = MessageID(0)
}

/// The largest id there is (2^63-1): ids fit a signed 64-bit number everywhere.
package let largestID = UInt64(Int64.max)

/// A partition of the topic, from 0.
package struct PartitionID: Hashable, Comparable, Sendable {
    package let rawValue: Int32
    package init(_ rawValue: Int32) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A place in a partition's log, from 0.
package struct Offset: Hashable, Comparable, Sendable {
    package let rawValue: Int64
    package init(_ rawValue: Int64) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    /// The place behind this one.
    package var next: Offset { Offset(rawValue + 1) }
    /// The place before this one; -1 before the first.
    package var previous: Offset { Offset(rawValue - 1) }
    package static let zero = Offset(0)
}

/// A moment on a clock that never goes back, in milliseconds from wherever that clock began. The
/// core has no clock: whoever drives it says what time it is.
package struct Instant: Hashable, Comparable, Sendable {
    package let milliseconds: Int64
    package init(milliseconds: Int64) { self.milliseconds = milliseconds }
    package static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
    package func advanced(byMilliseconds by: Int64) -> Instant {
        Instant(milliseconds: milliseconds + by)
    }
    package static let distantFuture = Instant(milliseconds: .max)
}
