// Nine records of ten are a `message_sent` or `message_read` in protobuf, written by an encoder
// that puts fields in the order of their numbers, as all known ones do. For these two the place of
// every byte is known from a few of them, so they are read without a loop:
//
//     at   0   1       9   10      18   19     27   28   29   30     38
//         09  user    11  channel  19   op     22   len  09  message [10 mention] [18 own]
//                                 └─ absent if 0 ─┘  2a for message_read, which ends here
//
// Whatever looks different in any byte, or is not acceptable, is left to the general reader, which
// alone says what is wrong. A test compares the two on mutated records.

import ReadStateCore

extension EventDecoder {
    /// Appends the event of `user` if the record has one of the two common shapes; else false.
    static func appendCanonical(
        _ value: RawSpan, user: UInt64, offset: Offset, to batch: inout EventBatch
    ) -> Bool {
        let count = value.byteCount
        guard count >= 29, value.byte(0) == 0x09, value.byte(9) == 0x11 else { return false }
        guard value.number(1) == user else { return false }
        let channel = value.number(10)
        var op: UInt64 = 0
        var at = 18
        if value.byte(18) == 0x19 {
            guard count >= 38 else { return false }
            op = value.number(19)
            at = 27
        }
        // At least 11 bytes are left: 29 - 18 and 38 - 27.
        let kind = value.byte(at)
        guard Int(value.byte(at &+ 1)) == count &- at &- 2, value.byte(at &+ 2) == 0x09 else {
            return false
        }
        let message = value.number(at &+ 3)
        at &+= 11
        guard channel &- 1 < largest, message &- 1 < largest, op <= largest else { return false }
        if kind == 0x2a && at == count {
            batch.appendMessageRead(
                offset: offset, user: user, channel: channel, op: op, message: message)
            return true
        }
        guard kind == 0x22 else { return false }
        var mention: UInt8 = 0
        var own: UInt8 = 0
        if count &- at >= 2 && value.byte(at) == 0x10 {
            mention = value.byte(at &+ 1)
            at &+= 2
        }
        if count &- at >= 2 && value.byte(at) == 0x18 {
            own = value.byte(at &+ 1)
            at &+= 2
        }
        guard at == count, mention <= 3, own <= 1 else { return false }
        batch.appendMessageSent(
            offset: offset, user: user, channel: channel, op: op, message: message,
            mention: mention != 0, own: own != 0)
        return true
    }

    /// `largestID`, as a literal that costs nothing.
    private static var largest: UInt64 { 1 << 63 - 1 }
}

extension RawSpan {
    /// The byte at `index`, which the caller has compared with `byteCount`.
    func byte(_ index: Int) -> UInt8 {
        // In bounds by the caller's comparison, and any byte is a UInt8.
        unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    /// The fixed64 at `index`; its eight bytes are in bounds by the caller's comparison.
    fileprivate func number(_ index: Int) -> UInt64 {
        // In bounds by the caller's comparison, and any eight bytes are a number.
        unsafe UInt64(
            littleEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self))
    }
}
