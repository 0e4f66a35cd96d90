import KafkaLog
import Testing

@Suite struct FingerprintTests {
    private func fingerprint(_ time: Int64, _ key: [UInt8]?, _ value: [UInt8]?) -> UInt64 {
        switch (key, value) {
        case (nil, nil):
            return recordFingerprint(timestampMilliseconds: time, key: nil, value: nil)
        case (let key?, nil):
            return recordFingerprint(timestampMilliseconds: time, key: key.span.bytes, value: nil)
        case (nil, let value?):
            return recordFingerprint(timestampMilliseconds: time, key: nil, value: value.span.bytes)
        case (let key?, let value?):
            return recordFingerprint(
                timestampMilliseconds: time, key: key.span.bytes, value: value.span.bytes)
        }
    }

    /// The hash is stored in Redis, so it may never change: these values were computed from its
    /// description by another program.
    @Test func theHashIsTheOneThatWasStored() {
        #expect(fingerprint(0, nil, nil) == 0x8170_8fb9_4bf4_e482)
        #expect(fingerprint(-1, [], []) == 0x8aab_1516_06fb_c04e)
        let seven = Array("7".utf8)
        let time: Int64 = 1_700_000_000_000
        #expect(fingerprint(time, seven, Array("hello world".utf8)) == 0x9cd5_daef_4c5a_7402)
        #expect(fingerprint(time, seven, nil) == 0x39e2_d979_02a6_1baf)
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 1000)
        #expect(fingerprint(5, Array("12345678".utf8), long) == 0x84cd_c753_5fa0_94ed)
    }

    /// Records that differ in anything differ in their hash: absent and empty, where the key ends,
    /// a zero more, any single bit.
    @Test func whateverDiffersCounts() {
        var hashes: [UInt64] = [
            fingerprint(1, nil, []), fingerprint(1, [], nil), fingerprint(1, [], []),
            fingerprint(1, nil, nil), fingerprint(1, [1], [2, 3]), fingerprint(1, [1, 2], [3]),
            fingerprint(1, [1, 2, 3], []), fingerprint(1, [0], nil), fingerprint(1, [0, 0], nil),
        ]
        let value = [UInt8](0..<21)
        hashes.append(fingerprint(1, [1], value))
        for bit in 0..<value.count * 8 {
            var changed = value
            changed[bit / 8] ^= 1 << (bit % 8)
            hashes.append(fingerprint(1, [1], changed))
        }
        for bit in 0..<64 {
            hashes.append(fingerprint(1 ^ Int64(bitPattern: 1 << bit), [1], value))
        }
        #expect(Set(hashes).count == hashes.count)
    }
}
