// A reader of protobuf's wire format, over bytes that somebody else owns. It walks forward, field
// by field, and never traps on what it reads: the first malformed byte ends it, as if there were no
// more fields, and `isMalformed` says so afterwards. So a decoder is one loop and one look at the
// end.
//
// What counts as malformed is what `protoc` and the C++ runtime refuse: a tag that is longer than 5
// bytes or has field number 0 or wire type 6 or 7, a varint of more than 10 bytes, a length beyond
// the end, a group that is not closed by its own number or nests deeper than 100. A varint may be
// longer than it need be, and its bits above 64 are dropped.

/// A field's number and wire type, as they stand on the wire.
struct ProtobufTag: Equatable {
    let rawValue: UInt32

    static func varint(_ number: UInt32) -> ProtobufTag { ProtobufTag(rawValue: number << 3) }
    static func fixed64(_ number: UInt32) -> ProtobufTag { ProtobufTag(rawValue: number << 3 | 1) }
    static func bytes(_ number: UInt32) -> ProtobufTag { ProtobufTag(rawValue: number << 3 | 2) }

    var number: UInt32 { rawValue >> 3 }
    var wireType: UInt32 { rawValue & 7 }
}

/// A forward reader of one message's fields.
struct ProtobufReader: ~Escapable {
    /// Groups may nest as deep as in the C++ runtime.
    private static let groupDepthLimit = 100

    private let bytes: RawSpan
    private var position: Int
    private let end: Int
    /// True once something could not be read; there are no fields after that.
    private(set) var isMalformed = false

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) {
        self.bytes = bytes
        position = 0
        end = bytes.byteCount
    }

    var isAtEnd: Bool { position == end }
    /// How many bytes are left.
    var remaining: Int { end - position }

    /// The next field's tag, or nil behind the last one. The caller reads or skips the field.
    mutating func nextTag() -> ProtobufTag? {
        if position == end { return nil }
        let first = byte(at: position)
        guard first < 0x80 else { return longTag() }
        position += 1
        return checked(ProtobufTag(rawValue: UInt32(first)))
    }

    mutating func varint() -> UInt64 {
        if position < end {
            let first = byte(at: position)
            if first < 0x80 {
                position += 1
                return UInt64(first)
            }
        }
        return longVarint()
    }

    /// An int64, uint64 in disguise; int32 and enums keep the low 32 bits as the C++ runtime does.
    mutating func uint32() -> UInt32 { UInt32(truncatingIfNeeded: varint()) }
    mutating func bool() -> Bool { varint() != 0 }

    /// A sint64: small numbers of either sign are short.
    mutating func zigzag() -> Int64 {
        let raw = varint()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    mutating func fixed64() -> UInt64 {
        guard end - position >= 8 else {
            fail()
            return 0
        }
        // Eight bytes are left by the guard, and any eight bytes are a number.
        let value = unsafe bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: position, as: UInt64.self)
        position += 8
        return UInt64(littleEndian: value)
    }

    /// The bytes of a string, a packed list or a message; empty if they cannot be read.
    @_lifetime(copy self)
    mutating func lengthDelimited() -> RawSpan {
        let length = varint()
        guard !isMalformed, length <= UInt64(end - position) else {
            fail()
            return bytes.extracting(first: 0)
        }
        let start = position
        position += Int(length)
        return bytes.extracting(start..<position)
    }

    /// A reader of an embedded message.
    @_lifetime(copy self)
    mutating func message() -> ProtobufReader { ProtobufReader(lengthDelimited()) }

    /// Takes over that an embedded message was malformed.
    mutating func join(_ inner: borrowing ProtobufReader) {
        if inner.isMalformed { fail() }
    }

    /// Passes over a field nobody here knows.
    mutating func skip(_ tag: ProtobufTag) {
        switch tag.wireType {
        case 0: _ = varint()
        case 1: advance(by: 8)
        case 2: _ = lengthDelimited()
        case 3: skipGroup(tag.number)
        case 5: advance(by: 4)
        default: fail()
        }
    }

    /// Nothing more can be read, for whatever reason the caller has.
    mutating func fail() {
        isMalformed = true
        position = end
    }

    private mutating func advance(by count: Int) {
        if end - position >= count { position += count } else { fail() }
    }

    /// Passes over a group, inner ones by a list of open numbers, so that no input deepens the
    /// stack.
    private mutating func skipGroup(_ number: UInt32) {
        var open = [number]
        while let innermost = open.last {
            guard let tag = nextTag() else { return fail() }
            switch tag.wireType {
            case 3 where open.count < Self.groupDepthLimit: open.append(tag.number)
            case 4 where tag.number == innermost: open.removeLast()
            case 3, 4: return fail()
            default: skip(tag)
            }
            if isMalformed { return }
        }
    }

    private mutating func checked(_ tag: ProtobufTag) -> ProtobufTag? {
        if tag.number != 0 { return tag }
        fail()
        return nil
    }

    private mutating func longTag() -> ProtobufTag? {
        let start = position
        let value = longVarint()
        guard !isMalformed, position - start <= 5 else {
            fail()
            return nil
        }
        return checked(ProtobufTag(rawValue: UInt32(truncatingIfNeeded: value)))
    }

    private mutating func longVarint() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end && shift < 70 {
            let next = byte(at: position)
            position += 1
            value |= UInt64(next & 0x7f) << shift
            if next < 0x80 { return value }
            shift += 7
        }
        fail()
        return 0
    }

    /// `index` must be in [0, end); every caller has just compared.
    private func byte(at index: Int) -> UInt8 {
        // In bounds by the callers' comparisons, and any byte is a UInt8.
        unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }
}
