// Unsigned numbers in ASCII decimal, the form of record keys and of ids in JSON. Only the one
// canonical spelling is a number here: no sign, no blank, no leading zero but in "0". A record key
// is hashed as text, so two spellings of one user would be two users to a partitioner.
//
// Eight digits are read at once, as one 64-bit word: neighbours are joined to pairs, pairs to fours
// and fours to eights by three multiplications. A key is read for every event, and a loop over its
// 19 digits would cost more than decoding the event.

/// ASCII decimal numbers.
package enum Decimal {
    /// Most digits of a number: 2^63-1 has 19.
    private static let digitLimit = 19

    /// The number of canonical digits, at most 2^63-1; nil for anything else.
    package static func parse(_ bytes: RawSpan) -> UInt64? {
        let count = bytes.byteCount
        guard count >= 1, count <= digitLimit else { return nil }
        // At least one byte is there by the guard.
        let first = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: 0, as: UInt8.self)
        if first == UInt8(ascii: "0") && count > 1 { return nil }
        var position = count & 7
        guard var value = leadingDigits(bytes, count: position) else { return nil }
        while position < count {
            // A multiple of eight bytes is left, and any eight bytes are a number.
            let word = unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: position, as: UInt64.self)
            guard let eight = eightDigits(UInt64(littleEndian: word)) else { return nil }
            // 19 digits stay below 10^19, and that below 2^64.
            value = value &* 100_000_000 &+ eight
            position += 8
        }
        return value <= UInt64(Int64.max) ? value : nil
    }

    /// The number of the first `count` digits, 0 to 7; 0 if there are none.
    @inline(__always)
    private static func leadingDigits(_ bytes: RawSpan, count: Int) -> UInt64? {
        if count == 0 { return 0 }
        var text: UInt64 = 0
        if bytes.byteCount >= 8 {
            // Eight bytes are there, and any eight bytes are a number.
            text = unsafe UInt64(
                littleEndian: bytes.unsafeLoadUnaligned(
                    fromUncheckedByteOffset: 0, as: UInt64.self))
        } else if count >= 4 {
            // `count` is the number of bytes here. The first four and the last four are all of
            // them, and where they overlap they are the same bytes.
            let low = unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: 0, as: UInt32.self)
            let high = unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: count &- 4, as: UInt32.self)
            let shift = UInt64(truncatingIfNeeded: (count &- 4) &* 8)
            text = UInt64(UInt32(littleEndian: low))
            text |= UInt64(UInt32(littleEndian: high)) &<< shift
        } else {
            for index in 0..<count {
                // `count` is the number of bytes here.
                let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
                text |= UInt64(byte) << UInt64(index &* 8)
            }
        }
        // The digits move to the end, as if zeros stood before them.
        let bits = UInt64(truncatingIfNeeded: count &* 8)
        return eightDigits(text &<< (64 &- bits) | 0x3030_3030_3030_3030 &>> bits)
    }

    /// Appends the digits of `value`.
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var digits = [20 of UInt8](repeating: 0)
        var start = digits.count
        var rest = value
        repeat {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        while start < digits.count {
            bytes.append(digits[start])
            start += 1
        }
    }

    /// Appends a number of either sign.
    package static func append(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(value.magnitude, to: &bytes)
    }

    /// The number of eight ASCII digits, the first one in the lowest byte.
    @inline(__always)
    private static func eightDigits(_ text: UInt64) -> UInt64? {
        // A byte is a digit if its high half is 3 and stays 3 when 6 is added.
        let highs: UInt64 = 0xf0f0_f0f0_f0f0_f0f0
        let threes: UInt64 = 0x3030_3030_3030_3030
        guard text & highs == threes, (text &+ 0x0606_0606_0606_0606) & highs == threes else {
            return nil
        }
        let digits = text & 0x0f0f_0f0f_0f0f_0f0f
        let pairs = (digits &* (10 << 8 | 1)) >> 8 & 0x00ff_00ff_00ff_00ff
        let fours = (pairs &* (100 << 16 | 1)) >> 16 & 0x0000_ffff_0000_ffff
        return (fours &* (10_000 << 32 | 1)) >> 32
    }
}
