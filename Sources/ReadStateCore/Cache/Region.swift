// Memory that grows without being copied. A region is a range of addresses, far larger than what is
// used of it; a page of it becomes memory when it is first touched. So an array in a region has no
// moment at which it doubles and copies itself, which at 8 million read states would stop
// everything for tens of milliseconds.
//
// Small regions start with few addresses, since a process may hold the caches of 256 partitions;
// the page table entries of at most 16 MB are moved when one of them becomes a large one.

import CMemory

/// A growing range of memory, zero where never written. Safe: every access is checked against
/// `used` in debug builds, and offsets come only from the structures that live in the region.
@safe struct Region: ~Copyable {
    /// Owned: reserved in `init` or `extend`, released in `deinit`.
    private var start: UnsafeMutableRawPointer
    private var reserved: Int
    /// How many bytes may be accessed.
    private(set) var used = 0
    /// What was made memory ahead, from the start on: it stays, in its huge pages.
    private var populated = 0
    /// Up to here at most it is memory.
    private var touched = 0
    private var touchedAhead = 0

    /// Addresses for the small, the middle and the large: what a partition's cache may come to.
    private static let smallest = 1 << 20
    private static let middle = 16 << 20
    private static let largest = 32 << 30
    /// What is made memory at once, at least, where there is more to come.
    private static let stepAhead = 32 << 10
    /// What a region that shrinks keeps for growing again.
    private static let kept = 64 << 10

    init() {
        reserved = Self.smallest
        guard let range = unsafe cmemory_reserve(reserved) else {
            preconditionFailure("no addresses left for a region of 1 MB")
        }
        unsafe start = range
    }

    deinit { unsafe cmemory_release(start, reserved) }

    /// Makes the first `bytes` bytes usable.
    mutating func use(_ bytes: Int) {
        if bytes > reserved { extend(to: bytes) }
        used = max(used, bytes)
        touched = max(touched, bytes)
    }

    /// Makes what is behind the first `bytes` bytes unusable. Its memory is given back, but for
    /// some that is kept for growing again.
    mutating func shrink(to bytes: Int) {
        assert(bytes <= used)
        if touched - bytes >= 2 * Self.kept {
            discard(touched - bytes - Self.kept, at: bytes + Self.kept)
            touched = bytes + Self.kept
            touchedAhead = min(touchedAhead, touched)
        }
        used = bytes
    }

    /// Makes memory of what comes behind `position`, up to which everything is in use: an eighth as
    /// much, 16 to 512 KB, in small steps. Where that fails, it becomes memory when it is touched.
    mutating func touchAhead(of position: Int) {
        if position == 0 { return }
        let margin = min(max(position / 8, 16 << 10), 512 << 10)
        let end = min(position + margin, reserved)
        let start = max(position, touchedAhead)
        guard end - start >= min(margin / 2, Self.stepAhead) else { return }
        // Within the reserved range; what is memory already keeps its contents.
        unsafe cmemory_touch(self.start + start, end - start)
        touchedAhead = end
        touched = max(touched, end)
    }

    private mutating func extend(to bytes: Int) {
        // Where address space is rationed, the large range may be refused: then it grows by
        // doubling.
        for size in [bytes <= Self.middle ? Self.middle : Self.largest, 2 * bytes]
        where size >= bytes {
            // The range is ours, and no pointer into it outlives a mutation of this region.
            if let range = unsafe cmemory_extend(start, reserved, size) {
                unsafe start = range
                reserved = size
                return
            }
        }
        preconditionFailure("no addresses left for a region of \(bytes) bytes")
    }

    @inline(__always)
    func load<T: BitwiseCopyable>(_ type: T.Type = T.self, at offset: Int) -> T {
        assert(offset >= 0 && offset + MemoryLayout<T>.size <= used)
        // Within `used`; any bit pattern is a value of the plain types that are kept here.
        return unsafe start.loadUnaligned(fromByteOffset: offset, as: type)
    }

    @inline(__always)
    mutating func store<T: BitwiseCopyable>(_ value: T, at offset: Int) {
        assert(offset >= 0 && offset + MemoryLayout<T>.size <= used)
        // Within `used`, as above.
        unsafe start.storeBytes(of: value, toByteOffset: offset, as: T.self)
    }

    /// Where the n-th of the elements is that fill the region; good until the region grows.
    @inline(__always)
    func address<T: BitwiseCopyable>(of index: UInt32, as type: T.Type) -> UnsafeMutablePointer<T> {
        let offset = Int(index) &* MemoryLayout<T>.stride
        assert(offset + MemoryLayout<T>.size <= used)
        // Within `used`, aligned since the range is, and any bits are a value of a plain type.
        return unsafe (start + offset).assumingMemoryBound(to: type)
    }

    /// Which of the eight words from `offset` on have `half` as their lower half, a bit for each.
    @inline(__always)
    func match(_ half: UInt32, at offset: Int) -> UInt32 {
        assert(offset >= 0 && offset + 64 <= used)
        // Reads 64 bytes, within `used`.
        return unsafe cmemory_match(start + offset, half)
    }

    /// Copies bytes within the region; the ranges may overlap.
    @inline(__always)
    mutating func copy(_ bytes: Int, from source: Int, to target: Int) {
        assert(source >= 0 && target >= 0 && max(source, target) + bytes <= used)
        // Both ranges are within `used`; copyMemory allows overlap.
        unsafe (start + target).copyMemory(from: start + source, byteCount: bytes)
    }

    /// Sets bytes to zero.
    mutating func clear(_ bytes: Int, at offset: Int) {
        assert(offset >= 0 && offset + bytes <= used)
        // Within `used`.
        unsafe (start + offset).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }

    /// Asks for the cache line at `offset`, which may lie anywhere.
    @inline(__always)
    func prefetch(_ offset: Int) {
        // A prefetch never faults, so any address will do.
        unsafe cmemory_prefetch(UnsafeRawPointer(bitPattern: Int(bitPattern: start) &+ offset))
    }

    /// Gives the memory of a part back to the machine, if it was not made ahead: a hole would break
    /// its huge page up. What is given back reads as zero from then on.
    mutating func discard(_ bytes: Int, at offset: Int) {
        assert(offset >= 0 && offset + bytes <= reserved)
        let from = max(offset, populated)
        let rest = offset + bytes - from
        // Within the reserved range, and nothing in there is needed any more, says the caller.
        if rest > 0 { unsafe cmemory_discard(start + from, rest) }
    }

    /// Makes memory of `bytes` bytes from `offset` on, used or not yet; false if there is none.
    mutating func populate(_ bytes: Int, at offset: Int) -> Bool {
        guard offset + bytes <= Self.largest else { return false }
        if reserved < Self.largest {
            // Advice splits the range for the kernel, which cannot move it as one afterwards. Until
            // then the range is ours, and no pointer into it outlives a mutation of this region.
            guard let range = unsafe cmemory_extend(start, reserved, Self.largest) else {
                return false
            }
            unsafe start = range
            reserved = Self.largest
        }
        if offset <= populated { populated = max(populated, offset + bytes) }
        // Within the reserved range; pages that are in use keep their contents.
        return unsafe cmemory_populate(start + offset, bytes) == 0
    }
}

/// An array of plain values in a region, addressed by 32-bit numbers.
struct Table<Element: BitwiseCopyable>: ~Copyable {
    private var region = Region()
    private(set) var count: UInt32 = 0

    static var stride: Int { MemoryLayout<Element>.stride }

    /// An element in place: one field of it is read or written without touching the others.
    @inline(__always)
    subscript(index: UInt32) -> Element {
        unsafeAddress { unsafe UnsafePointer(region.address(of: index, as: Element.self)) }
        unsafeMutableAddress { unsafe region.address(of: index, as: Element.self) }
    }

    /// Adds an element and tells its place.
    mutating func append(_ element: Element) -> UInt32 {
        let index = count
        precondition(index < .max, "32 bits number the elements")
        count += 1
        region.use(Int(count) * Self.stride)
        self[index] = element
        return index
    }

    /// Takes the last element away.
    mutating func removeLast() {
        count -= 1
        region.shrink(to: Int(count) * Self.stride)
    }

    mutating func touchAhead() { region.touchAhead(of: region.used) }

    @inline(__always)
    func prefetch(_ index: UInt32) { region.prefetch(Int(index) * Self.stride) }

    mutating func populate(_ bytes: Int) -> Bool { region.populate(bytes, at: 0) }
}
