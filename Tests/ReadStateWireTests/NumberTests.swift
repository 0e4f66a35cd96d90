import Foundation
import ReadStateCore
import TestSupport
import Testing

@testable import ReadStateWire

@Suite struct NumberTests {
    private func decimal(_ text: [UInt8]) -> UInt64? { Decimal.parse(text.span.bytes) }

    /// Decimal numbers are read in their one canonical spelling, of every length and at both
    /// limits.
    @Test func decimalsRoundTrip() {
        var numbers = SeededNumbers(seed: 1)
        var values: [UInt64] = [0, UInt64(Int64.max)]
        var power: UInt64 = 1
        for _ in 0..<19 {
            values += [power - 1, power, power + 1]
            power &*= 10
        }
        for _ in 0..<2000 { values.append(numbers.next() >> UInt64(1 + numbers.below(63))) }
        for value in values where value <= UInt64(Int64.max) {
            var text: [UInt8] = []
            Decimal.append(value, to: &text)
            #expect(String(decoding: text, as: UTF8.self) == String(value))
            #expect(decimal(text) == value)
        }
    }

    /// Whatever is not that spelling, or above 2^63-1, is no number.
    @Test(arguments: [
        "", "-1", "+1", " 1", "1 ", "01", "00", "007", "1.0", "1e3", "0x1", "9223372036854775808",
        "18446744073709551616", "99999999999999999999", "1234567a", "a2345678", "12345678:",
        "1234/678", "12345678 1234567", "\u{661}",
    ])
    func otherTextIsNoNumber(_ text: String) {
        #expect(decimal(utf8(text)) == nil)
    }

    /// A byte that is no digit is found wherever it stands, in numbers of every length.
    @Test func everyDigitIsChecked() {
        for length in 1...19 {
            for position in 0..<length {
                for wrong in [UInt8(0), 0x2f, 0x3a, 0x40, 0x70, 0xb0, 0xff] {
                    var text = [UInt8](repeating: UInt8(ascii: "1"), count: length)
                    text[position] = wrong
                    #expect(decimal(text) == nil)
                }
            }
        }
    }

    /// Keys are placed as Kafka's Java client places them; the values come from its `Utils.murmur2`
    /// and `Utils.toPositive` (kafka-clients 4.3.1), 12 partitions.
    @Test(
        arguments: [
            ("21", -973_932_308, 0), ("foobar", -790_332_482, 6),
            ("a-little-bit-long-string", -985_981_536, 8), ("abc", 479_470_107, 3),
            ("", 275_646_681, 9), ("1", -1_993_445_489, 3), ("7", -1_961_297_549, 3),
            ("42", 417_700_972, 4), ("12345678", 338_742_798, 6),
            ("9223372036854775807", -1_221_667_907, 9), ("3877378830136571448", -1_665_311_478, 2),
            ("abcd", -1_323_649_548, 8), ("abcde", 461_995_741, 1), ("abcdef", 1_870_650_108, 0),
            ("abcdefg", -346_467_175, 1),
        ] as [(String, Int32, Int32)])
    func placementIsKafkas(_ key: String, _ hash: Int32, _ partition: Int32) {
        let bytes = utf8(key)
        let ours = Int32(bitPattern: Partitioning.murmur2(bytes.span.bytes))
        #expect(ours == hash)
        let place = PartitionID(partition)
        let next = PartitionID((partition + 1) % 12)
        let placed = Partitioning.partition(of: bytes.span.bytes, count: 12)
        #expect(placed == place)
        let isHeld = Partitioning.Place(place, of: 12).holds(bytes.span.bytes)
        let isHeldByNext = Partitioning.Place(next, of: 12).holds(bytes.span.bytes)
        #expect(isHeld && !isHeldByNext)
        if let user = UInt64(key) {
            #expect(Partitioning.partition(of: UserID(user), count: 12) == place)
        }
    }
}
