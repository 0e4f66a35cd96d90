// Which partition a user lives in. Producers in Java hash the record key with murmur2 and take it
// modulo the number of partitions; librdkafka does the same under the name `murmur2_random` (its
// "random" is for records without a key, which are dead letters here). Requests are placed by the
// same rule, so this one function decides for events, queries and the check for misrouted records.

/// Kafka's default placement of keys.
package enum Partitioning {
    /// Where a record was found: a partition among `count` of them.
    package struct Place: Sendable {
        package var partition: PartitionID
        package var count: Int32
        package init(_ partition: PartitionID, of count: Int32) {
            self.partition = partition
            self.count = count
        }
        /// False if a record with this key belongs elsewhere ("misrouted").
        package func holds(_ key: RawSpan) -> Bool {
            Partitioning.partition(of: key, count: count) == partition
        }
    }

    /// `toPositive(murmur2(key)) % count`; `count` is 1 or more.
    package static func partition(of key: RawSpan, count: Int32) -> PartitionID {
        precondition(count > 0)
        return PartitionID(Int32(murmur2(key) & 0x7fff_ffff) % count)
    }

    /// The partition of a user, whose key is the id in ASCII decimal.
    package static func partition(of user: UserID, count: Int32) -> PartitionID {
        var digits = [20 of UInt8](repeating: 0)
        var start = digits.count
        var rest = user.rawValue
        repeat {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        // The bytes of bytes hold no padding, and `digits` outlives the call.
        let key = unsafe digits.span.bytes.extracting(start..<digits.count)
        return partition(of: key, count: count)
    }

    /// murmur2 with the seed of Kafka's Java client
    /// (`org.apache.kafka.common.utils.Utils.murmur2`).
    package static func murmur2(_ bytes: RawSpan) -> UInt32 {
        let multiplier: UInt32 = 0x5bd1_e995
        let count = bytes.byteCount
        var hash = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
        var position = 0
        while position + 4 <= count {
            // Four bytes are left by the line above, and any four bytes are a number.
            var word = unsafe UInt32(
                littleEndian: bytes.unsafeLoadUnaligned(
                    fromUncheckedByteOffset: position, as: UInt32.self))
            word &*= multiplier
            word ^= word >> 24
            word &*= multiplier
            hash &*= multiplier
            hash ^= word
            position += 4
        }
        if position < count {
            hash ^= tail(of: bytes, from: position)
            hash &*= multiplier
        }
        hash ^= hash >> 13
        hash &*= multiplier
        hash ^= hash >> 15
        return hash
    }

    /// The last bytes, one to three from `position` on, as a number.
    @inline(__always)
    private static func tail(of bytes: RawSpan, from position: Int) -> UInt32 {
        let count = bytes.byteCount
        if count >= 4 {
            // Four bytes are there, and any four bytes are a number, of which those before
            // `position` are shifted out.
            let word = unsafe UInt32(
                littleEndian: bytes.unsafeLoadUnaligned(
                    fromUncheckedByteOffset: count - 4, as: UInt32.self))
            return word >> UInt32(8 * (4 - (count - position)))
        }
        var tail: UInt32 = 0
        for index in position..<count {
            tail |= UInt32(bytes[index]) << UInt32(8 * (index - position))
        }
        return tail
    }
}

extension RawSpan {
    /// The byte at `index`, checked.
    fileprivate subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < byteCount)
        // In bounds by the line above, and any byte is a UInt8.
        return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }
}
