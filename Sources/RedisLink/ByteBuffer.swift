// Bytes that are written at one end and taken from the other: what goes out to a socket, scratch
// for a command whose length is known only at its end, the texts of a parsed reply. It keeps its
// memory, so that a running connection allocates nothing; `[UInt8]` would check for sharing on
// every append and cannot give away its front.
//
//     base        head            tail        capacity
//      |  taken    |   the bytes   |   room    |

/// A growable queue of bytes. Safe: `head <= tail <= capacity` always, and all access is checked
/// against it.
@safe package struct ByteBuffer: ~Copyable {
    /// Owned: allocated here, freed in `deinit`; [head, tail) is initialised.
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private var head = 0
    private var tail = 0

    /// An empty buffer with room for `capacity` bytes, 1 or more.
    package init(capacity: Int = 4096) {
        precondition(capacity > 0)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }

    deinit { unsafe base.deallocate() }

    package var count: Int { tail - head }
    package var isEmpty: Bool { tail == head }

    /// The bytes, for as long as the buffer is not changed.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            // [head, tail) is initialised, and `self` owns it while it is borrowed.
            let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base + head), byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    package mutating func append(_ byte: UInt8) {
        makeRoom(1)
        // There is room for one byte.
        unsafe base.storeBytes(of: byte, toByteOffset: tail, as: UInt8.self)
        tail += 1
    }

    /// Appends two bytes.
    mutating func append(_ first: UInt8, _ second: UInt8) {
        makeRoom(2)
        // There is room for two bytes.
        unsafe base.storeBytes(of: first, toByteOffset: tail, as: UInt8.self)
        unsafe base.storeBytes(of: second, toByteOffset: tail + 1, as: UInt8.self)
        tail += 2
    }

    package mutating func append(_ span: RawSpan) {
        makeRoom(span.byteCount)
        // There is room for the span, and a span never lies in a buffer that is being changed.
        unsafe span.withUnsafeBytes { source in
            guard let from = source.baseAddress else { return }
            unsafe (base + tail).copyMemory(from: from, byteCount: source.count)
        }
        tail += span.byteCount
    }

    package mutating func append(_ text: StaticString) {
        makeRoom(text.utf8CodeUnitCount)
        // A literal of more than one scalar is stored as UTF-8 of just this length.
        unsafe (base + tail).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        tail += text.utf8CodeUnitCount
    }

    package mutating func append(_ text: String) {
        let utf8 = text.utf8.span
        // Bytes are a trivial type: their raw form is themselves.
        unsafe append(utf8.bytes)
    }

    /// Appends a number in decimal.
    package mutating func append(decimal number: UInt64) {
        let digits = Self.digitCount(number)
        makeRoom(digits)
        var rest = number
        var at = tail + digits
        repeat {
            at -= 1
            // [tail, tail + digits) is room made above.
            unsafe base.storeBytes(of: 48 + UInt8(rest % 10), toByteOffset: at, as: UInt8.self)
            rest /= 10
        } while rest > 0
        tail += digits
    }

    /// Appends a number's four bytes, the highest first.
    mutating func append(bigEndian number: Int32) {
        makeRoom(4)
        // There is room for four bytes; they need not be aligned.
        unsafe base.storeBytes(of: number.bigEndian, toByteOffset: tail, as: Int32.self)
        tail += 4
    }

    /// Appends a number as 16 hexadecimal digits.
    package mutating func append(hexadecimal number: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(number >> UInt64(shift) & 15)
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// Takes `count` bytes from the front.
    package mutating func removeFirst(_ count: Int) {
        precondition(count >= 0 && count <= self.count)
        head += count
        if head == tail { removeAll() }
    }

    package mutating func removeAll() {
        head = 0
        tail = 0
    }

    /// Empties the buffer, and gives memory beyond `limit` bytes back: after a reply or a pipeline
    /// of many megabytes a connection should not hold them for ever.
    package mutating func removeAll(keepingAtMost limit: Int) {
        removeAll()
        if capacity > limit { move(toCapacity: limit) }
    }

    /// How many digits a number has in decimal, 1 to 20.
    package static func digitCount(_ number: UInt64) -> Int {
        var digits = 1
        var bound: UInt64 = 10
        while number >= bound {
            digits += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        return digits
    }

    private mutating func makeRoom(_ count: Int) {
        if capacity - tail >= count { return }
        // Moving the rest to the front is worth it only when at least half was taken: then each
        // byte moves once on average, however long the queue gets.
        if head >= capacity / 2, capacity - self.count >= count {
            move(toCapacity: capacity)
        } else {
            move(toCapacity: max(capacity * 2, self.count + count))
        }
    }

    private mutating func move(toCapacity newCapacity: Int) {
        let count = self.count
        if newCapacity == capacity {
            // Within the same block; `copyMemory` allows overlap.
            unsafe base.copyMemory(from: base + head, byteCount: count)
        } else {
            let moved = UnsafeMutableRawPointer.allocate(
                byteCount: newCapacity, alignment: 16)
            // `newCapacity` is at least `count`: callers add room, or have emptied the buffer.
            unsafe moved.copyMemory(from: base + head, byteCount: count)
            unsafe base.deallocate()
            unsafe base = moved
            capacity = newCapacity
        }
        head = 0
        tail = count
    }
}
