// A parsed document, walked on simdjson's tape: 64-bit words, the type as an ASCII letter in the
// top byte, below it a payload of 56 bits.
//
//     {  [   where the value behind this one begins (low 32 bits of the payload)
//     }  ]   the end
//     "      where in the strings the text is, its 32-bit length before it
//     l u d  a signed, unsigned or floating number, which is the next word
//     t f n  true, false, null
//
// A member of an object is the name's word and then the value's. A place on the tape is a plain
// Int.

/// A validated document, for as long as its parser is not used again.
struct JSONDocument: ~Escapable {
    private let tape: Span<UInt64>
    private let strings: RawSpan

    /// Where the whole value is; word 0 frames the document.
    static let root = 1
    /// The largest number that a double, and so any JSON reader, holds exactly along with all
    /// below.
    static let largestNumber: UInt64 = 1 << 53

    /// What remains of an object or array: [next, end) on the tape.
    struct Rest {
        fileprivate var next: Int
        fileprivate let end: Int
    }

    @_lifetime(copy tape, copy strings)
    init(tape: Span<UInt64>, strings: RawSpan) {
        self.tape = tape
        self.strings = strings
    }

    private func letter(at place: Int) -> UInt8 { UInt8(tape[place] >> 56) }
    private func payload(at place: Int) -> Int { Int(tape[place] & 0x00ff_ffff_ffff_ffff) }

    func isNull(_ place: Int) -> Bool { letter(at: place) == UInt8(ascii: "n") }

    /// The members of an object; nil for any other value.
    func object(at place: Int) -> Rest? { rest(at: place, opening: UInt8(ascii: "{")) }

    /// The elements of an array; nil for any other value.
    func array(at place: Int) -> Rest? { rest(at: place, opening: UInt8(ascii: "[")) }

    private func rest(at place: Int, opening: UInt8) -> Rest? {
        guard letter(at: place) == opening else { return nil }
        return Rest(next: place + 1, end: (payload(at: place) & 0xffff_ffff) - 1)
    }

    /// The next member whose value is not null: places of its name and its value.
    func nextMember(_ rest: inout Rest) -> (name: Int, value: Int)? {
        while rest.next < rest.end {
            let name = rest.next
            rest.next = behind(name + 1)
            if !isNull(name + 1) { return (name, name + 1) }
        }
        return nil
    }

    /// The place of the next element.
    func nextElement(_ rest: inout Rest) -> Int? {
        guard rest.next < rest.end else { return nil }
        defer { rest.next = behind(rest.next) }
        return rest.next
    }

    private func behind(_ place: Int) -> Int {
        switch letter(at: place) {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return payload(at: place) & 0xffff_ffff
        case UInt8(ascii: "l"), UInt8(ascii: "u"), UInt8(ascii: "d"): return place + 2
        default: return place + 1
        }
    }

    /// The text of a string (UTF-8, escapes resolved); nil for any other value.
    @_lifetime(copy self)
    func string(at place: Int) -> RawSpan? {
        guard letter(at: place) == UInt8(ascii: "\"") else { return nil }
        return characters(at: place)
    }

    /// A copy of a string's text; nil for any other value.
    func text(at place: Int) -> [UInt8]? {
        guard let text = string(at: place) else { return nil }
        // Every byte of a span may be read as a UInt8.
        return unsafe text.withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// The text of a member's name.
    @_lifetime(copy self)
    func name(at place: Int) -> RawSpan { characters(at: place) }

    @_lifetime(copy self)
    @inline(__always)
    private func characters(at place: Int) -> RawSpan {
        let start = payload(at: place)
        // Checked against the strings' size, and any four bytes are a number.
        let count = unsafe strings.unsafeLoadUnaligned(fromByteOffset: start, as: UInt32.self)
        let end = start &+ 4 &+ Int(count)
        precondition(end <= strings.byteCount, "a string ends where the strings end")
        // `start` + 4 is in bounds by the load, `end` by the line above.
        return unsafe strings.extracting(unchecked: start &+ 4..<end)
    }

    func bool(at place: Int) -> Bool? {
        switch letter(at: place) {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: return nil
        }
    }

    /// A number from 0 to 2^63-1, as a decimal string or as a JSON number up to 2^53.
    func unsigned(at place: Int) -> UInt64? {
        switch letter(at: place) {
        case UInt8(ascii: "\""):
            return Decimal.parse(characters(at: place))
        case UInt8(ascii: "l"):
            // A negative number is a large one here.
            return tape[place + 1] <= Self.largestNumber ? tape[place + 1] : nil
        case UInt8(ascii: "d"):
            return integer(at: place).flatMap { UInt64(exactly: $0) }
        default:
            return nil
        }
    }

    /// A number of either sign, likewise: a string, or a JSON number from -2^53 to 2^53.
    func signed(at place: Int) -> Int64? {
        switch letter(at: place) {
        case UInt8(ascii: "\""):
            let digits = characters(at: place)
            guard digits.firstByte == UInt8(ascii: "-") else {
                return Decimal.parse(digits).flatMap { Int64(exactly: $0) }
            }
            // 2^63-1 has its negative; -2^63 is nobody's offset or moment.
            return Decimal.parse(digits.extracting(droppingFirst: 1)).map { -Int64($0) }
        case UInt8(ascii: "l"):
            let value = Int64(bitPattern: tape[place + 1])
            return value.magnitude <= Self.largestNumber ? value : nil
        case UInt8(ascii: "d"):
            return integer(at: place)
        default:
            return nil
        }
    }

    /// A floating number that has no fraction, from -2^53 to 2^53.
    private func integer(at place: Int) -> Int64? {
        let number = Double(bitPattern: tape[place + 1])
        let limit = Double(Self.largestNumber)
        guard number >= -limit, number <= limit else { return nil }
        let value = Int64(number)
        return Double(value) == number ? value : nil
    }

    func uint32(at place: Int) -> UInt32? { unsigned(at: place).flatMap { UInt32(exactly: $0) } }
}

/// The known fields that were met, by number, to find one that comes twice.
struct FieldSet {
    private var bits: UInt32 = 0
    /// False if it was there already; `number` is below 32.
    mutating func insert(_ number: UInt32) -> Bool {
        let bit: UInt32 = 1 << number
        defer { bits |= bit }
        return bits & bit == 0
    }
}

/// So that a `switch` over a field's name reads like the list of its names. Nearly always the
/// lengths differ already, and that much is compared in place.
@inline(__always)
func ~= (pattern: StaticString, text: RawSpan) -> Bool {
    pattern.utf8CodeUnitCount == text.byteCount && text.equals(pattern)
}

extension RawSpan {
    /// True if these bytes are `pattern`, which must be as long. Eight are compared at a time; the
    /// last eight may overlap with those before.
    fileprivate func equals(_ pattern: StaticString) -> Bool {
        var position = 0
        while byteCount &- position >= 8 {
            if !isSame(pattern, at: position, as: UInt64.self) { return false }
            position += 8
        }
        if position == byteCount { return true }
        if byteCount >= 8 { return isSame(pattern, at: byteCount &- 8, as: UInt64.self) }
        while position < byteCount {
            if !isSame(pattern, at: position, as: UInt8.self) { return false }
            position += 1
        }
        return true
    }

    /// Compares one word; it must be inside of both.
    @inline(__always)
    private func isSame<Word: FixedWidthInteger & BitwiseCopyable>(
        _ pattern: StaticString, at position: Int, as type: Word.Type
    ) -> Bool {
        // In bounds by the caller's comparisons, and any bytes are a number.
        unsafe UnsafeRawPointer(pattern.utf8Start).loadUnaligned(
            fromByteOffset: position, as: type)
            == unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: type)
    }
}
