// Which record was it? Kafka has no way to ask, before topic ids (2.3), whether a topic is still
// the one it was. So the position is kept with a hash of a record shortly before it (the first of
// the newest batch), and after a claim the record at that offset is read again and compared: a
// topic that was deleted and made anew differs.
//
// The hash is stored in Redis and must never change. It is not meant to withstand an attacker.
//
//     hash  = 0x72656164_73746174                        ("readstat")
//     words = timestamp, then key, then value
//     an absent key or value is the one word 2^64 - 1; a present one is its length in bytes, then
//     its bytes as little-endian words, the last one filled up with zeroes
//     for each word: hash = fold((hash ^ word) * 0x9E3779B97F4A7C15)
//     fold(128-bit product) = high half ^ low half, and 1 added, so that no state is a fixed point

/// Hash of a record by timestamp, key and value (nil where absent). Stable for ever. Measured: 12
/// ns for a key of 8 and a value of 31 bytes, 0.3 ns per byte of a large one.
package func recordFingerprint(
    timestampMilliseconds: Int64, key: RawSpan?, value: RawSpan?
) -> UInt64 {
    var hash: UInt64 = 0x7265_6164_7374_6174
    mix(&hash, UInt64(bitPattern: timestampMilliseconds))
    mix(&hash, key)
    mix(&hash, value)
    return hash
}

private func mix(_ hash: inout UInt64, _ word: UInt64) {
    let product = (hash ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    hash = (product.high ^ product.low) &+ 1
}

private func mix(_ hash: inout UInt64, _ bytes: RawSpan?) {
    guard let bytes else { return mix(&hash, UInt64.max) }
    mix(&hash, UInt64(bytes.byteCount))
    var index = 0
    while index + 8 <= bytes.byteCount {
        // Eight bytes are left from `index`, and any eight bytes are a number.
        let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
        mix(&hash, UInt64(littleEndian: word))
        index += 8
    }
    guard index < bytes.byteCount else { return }
    if bytes.byteCount >= 8 {
        // The last eight bytes, without those that were in the word before.
        let last = bytes.byteCount - 8
        let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: last, as: UInt64.self)
        return mix(&hash, UInt64(littleEndian: word) >> UInt64(8 * (index - last)))
    }
    var tail: UInt64 = 0
    for place in stride(from: bytes.byteCount - 1, through: index, by: -1) {
        // `place` is below the count.
        tail = tail << 8 | UInt64(unsafe bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self))
    }
    mix(&hash, tail)
}
