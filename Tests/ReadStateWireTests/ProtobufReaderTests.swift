import Testing

@testable import ReadStateWire

@Suite struct ProtobufReaderTests {
    /// Passes over all fields and says whether they could be read.
    private func isReadable(_ bytes: [UInt8]) -> Bool {
        var reader = ProtobufReader(bytes.span.bytes)
        while let tag = reader.nextTag() { reader.skip(tag) }
        let isAtEnd = reader.isAtEnd
        #expect(isAtEnd)
        return !reader.isMalformed
    }

    /// The varint that these bytes are, all of them.
    private func varint(_ bytes: [UInt8]) -> UInt64? {
        var reader = ProtobufReader(bytes.span.bytes)
        let value = reader.varint()
        return reader.isAtEnd && !reader.isMalformed ? value : nil
    }

    /// Varints round-trip at every length, and may be longer than they need be, up to 10 bytes.
    @Test func varints() {
        for shift in 0..<64 {
            for value in [UInt64(1) << UInt64(shift), UInt64.max >> UInt64(shift)] {
                var bytes: [UInt8] = []
                ProtobufWriter.append(value, to: &bytes)
                #expect(varint(bytes) == value)
                bytes[bytes.count - 1] |= 0x80
                while bytes.count < 9 { bytes.append(0x80) }
                if bytes.count == 9 {
                    bytes.append(0)
                    #expect(varint(bytes) == value)
                }
            }
        }
    }

    /// Signed numbers round-trip through zigzag, the limits included.
    @Test(arguments: [0, -1, 1, 63, -64, 64, Int64.max, Int64.min])
    func zigzag(_ value: Int64) {
        var bytes: [UInt8] = []
        ProtobufWriter.append(ProtobufWriter.zigzag(value), to: &bytes)
        var reader = ProtobufReader(bytes.span.bytes)
        let read = reader.zigzag()
        #expect(read == value)
    }

    /// What the C++ runtime refuses is malformed, and nothing traps on the way.
    @Test(
        arguments: [
            [0x08], [0x08, 0x80], [0x08] + [UInt8](repeating: 0x80, count: 10) + [0],  // varints
            [0x00], [0x00, 0x01], [0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00], [0x80],  // tags
            [0x0e], [0x0f], [0x07, 0],  // wire types 6 and 7
            [0x09, 1, 2, 3, 4, 5, 6, 7], [0x0d, 1, 2, 3],  // fixed
            [0x0a], [0x0a, 1], [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],  // lengths
            [0x0b], [0x0b, 0x08, 0x01], [0x0b, 0x14], [0x0c],  // groups
            [0x0b, 0x13, 0x0c, 0x14],
            [UInt8](repeating: 0x0b, count: 101) + [UInt8](repeating: 0x0c, count: 101),
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        #expect(!isReadable(bytes))
    }

    /// What it accepts is read, though no encoder would write it.
    @Test(
        arguments: [
            [], [0x08, 0x80, 0x00], [0x88, 0x80, 0x80, 0x80, 0x00, 0x01], [0x0a, 0x80, 0x00],
            [0x08] + [UInt8](repeating: 0xff, count: 9) + [0x7f], [0x0b, 0x0c],
            [0x0b, 0x13, 0x08, 0x01, 0x14, 0x0c, 0x08, 0x01],
            [UInt8](repeating: 0x0b, count: 100) + [UInt8](repeating: 0x0c, count: 100),
        ] as [[UInt8]])
    func readable(_ bytes: [UInt8]) {
        #expect(isReadable(bytes))
    }

    /// A message's length takes as many bytes as it needs, on both sides of each step.
    @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, 100_000])
    func messageLengths(_ count: Int) {
        var bytes: [UInt8] = [0xaa]
        let start = ProtobufWriter.begin(1, into: &bytes)
        bytes += [UInt8](repeating: 7, count: count)
        ProtobufWriter.end(start, into: &bytes)
        var reader = ProtobufReader(bytes.span.bytes.extracting(droppingFirst: 1))
        let tag = reader.nextTag()
        let length = reader.lengthDelimited().byteCount
        let isWhole = reader.isAtEnd && !reader.isMalformed
        #expect(tag == .bytes(1) && length == count && isWhole)
    }
}
