// Blocks of many sizes in one region, packed. Blocks of one size class fill pages of their own, 16
// KB for small ones and sixteen times as much for each further tier, so that a page holds at least
// 32 small or eight larger blocks and its unused rest stays small. What of a page was never used is
// not memory yet.
//
//   region  | page of class 3 | page of class 9 | free | page of class 3 | ...
//   page    | block | block | free block | block | ... | rest |
//   block   | owner (4 bytes) | the owner's bytes ...                |
//
// A freed block goes to its class's free list and is the first to be used again, while its lines
// are still near. When more than a sixty-fourth of a class is free, its last block moves into the
// hole, and pages that become empty return to the pool: that is what the owner in each block is
// for, the one who holds the only reference must be told. Without moving, a cache whose users
// change their sizes over a day would fragment for ever; moving at every free would cost three
// cache misses each.
//
// A reference is 32 bits, in units of 8 bytes: 32 GB of blocks in one partition.

/// Where a block is.
typealias BlockRef = UInt32
/// Not a block; also the owner of a free block, and the end of a list.
let none = UInt32.max

/// Packed blocks in size classes.
struct Slab: ~Copyable {
    /// A size class.
    struct Class: BitwiseCopyable {
        /// A multiple of 8, at least 16.
        var blockBytes: UInt32
        /// What the owner of this class of blocks fits into one.
        var capacity: UInt32
        var perPage: UInt32
        var tier: UInt32
        /// Blocks taken from pages, free ones included.
        var extent: UInt32 = 0
        var free: UInt32 = 0
        var freeHead = none
        var lastPage = none

        /// Whether so much of it is free that it is packed.
        @inline(__always)
        var isLoose: Bool { free > extent / 64 }
    }

    /// A block that was moved: its owner must be told.
    struct Relocation {
        var owner: UInt32
        var from: BlockRef
        var to: BlockRef
    }

    private static let smallPage = 16 << 10
    private static let tiers = 5
    private static func pageBytes(_ tier: Int) -> Int { smallPage << (4 * tier) }
    /// What a class that gives up the end of a large page keeps of it for growing again.
    private static let keptTail = 8 << 10

    private(set) var region = Region()
    private var classes = Table<Class>()
    /// For each small page's number, of the pages that begin there: the page before it in its
    /// class, or the next free one of its tier.
    private var links = Table<UInt32>()
    /// Free pages by tier: those whose memory is kept, and those that gave it back.
    private var keptPages = InlineArray<5, UInt32>(repeating: none)
    private var emptyPages = InlineArray<5, UInt32>(repeating: none)
    private var keptBytes = 0
    /// Bytes of all blocks in use.
    private(set) var liveBytes = 0

    /// Adds a size class; its number is the order of adding.
    mutating func addClass(blockBytes: Int, capacity: Int) -> UInt8 {
        precondition(blockBytes % 8 == 0 && blockBytes >= 16)
        var tier = 0
        // A small page's rest is memory, a larger one's mostly not.
        while Self.pageBytes(tier) < (tier == 0 ? 32 : 8) * blockBytes && tier < Self.tiers - 1 {
            tier += 1
        }
        let perPage = Self.pageBytes(tier) / blockBytes
        precondition(perPage > 0, "a block fits a page")
        return UInt8(
            classes.append(
                Class(
                    blockBytes: UInt32(blockBytes), capacity: UInt32(capacity),
                    perPage: UInt32(perPage), tier: UInt32(tier))))
    }

    @inline(__always)
    func capacity(_ number: UInt8) -> Int { Int(classes[UInt32(number)].capacity) }
    @inline(__always)
    func blockBytes(_ number: UInt8) -> Int { Int(classes[UInt32(number)].blockBytes) }

    // MARK: Blocks

    /// A block of the class, its bytes as whoever had them last left them.
    @inline(__always)
    mutating func allocate(_ number: UInt8, owner: UInt32) -> BlockRef {
        let number = UInt32(number)
        var block = classes[number].freeHead
        if block == none {
            block = extend(number)
        } else {
            // As `unlink` does it, for the first in the list.
            let next: UInt32 = region.load(at: Self.offset(block) &+ 4)
            if next != none { region.store(none, at: Self.offset(next) &+ 8) }
            classes[number].freeHead = next
            classes[number].free &-= 1
        }
        liveBytes &+= Int(classes[number].blockBytes)
        region.store(owner, at: Self.offset(block))
        return block
    }

    /// A block that was never used, or not since its page came to this class.
    @inline(never)
    private mutating func extend(_ number: UInt32) -> BlockRef {
        var sizeClass = classes[number]
        let index = sizeClass.extent % sizeClass.perPage
        if index == 0 { pushPage(to: &sizeClass) }
        sizeClass.extent += 1
        classes[number] = sizeClass
        return Self.block(index, of: sizeClass)
    }

    /// Gives a block back. Afterwards `compact` must be called until it has nothing to do.
    @inline(__always)
    mutating func free(_ block: BlockRef, _ number: UInt8) {
        let number = UInt32(number)
        let offset = Self.offset(block)
        assert(region.load(UInt32.self, at: offset) != none, "a block is freed once")
        let next = classes[number].freeHead
        region.store(none, at: offset)
        region.store(next, at: offset &+ 4)
        region.store(none, at: offset &+ 8)
        if next != none { region.store(block, at: Self.offset(next) &+ 8) }
        classes[number].freeHead = block
        classes[number].free &+= 1
        liveBytes &-= Int(classes[number].blockBytes)
    }

    /// Whether there is something to do for `compact`.
    @inline(__always)
    func isLoose(_ number: UInt8) -> Bool { classes[UInt32(number)].isLoose }

    /// One step towards a packed class: gives up its last block, after moving it into a hole if it
    /// is in use. Nil when there is nothing (more) to tell to an owner.
    mutating func compact(_ number: UInt8) -> Relocation? {
        var sizeClass = classes[UInt32(number)]
        defer { classes[UInt32(number)] = sizeClass }
        while sizeClass.isLoose {
            let last = Self.block((sizeClass.extent - 1) % sizeClass.perPage, of: sizeClass)
            let owner: UInt32 = region.load(at: Self.offset(last))
            var moved: Relocation?
            if owner == none {
                unlink(last, in: &sizeClass)
            } else {
                let hole = sizeClass.freeHead
                unlink(hole, in: &sizeClass)
                region.copy(
                    Int(sizeClass.blockBytes), from: Self.offset(last), to: Self.offset(hole))
                moved = Relocation(owner: owner, from: last, to: hole)
            }
            sizeClass.extent -= 1
            if sizeClass.tier > 0 { discardTail(from: last, of: sizeClass) }
            if sizeClass.extent % sizeClass.perPage == 0 { popPage(from: &sizeClass) }
            if let moved { return moved }
        }
        return nil
    }

    /// What is given up within a large page must not stay memory, but for a little.
    private mutating func discardTail(from last: BlockRef, of sizeClass: Class) {
        let kept = Self.keptTail
        let start = Self.offset(last)
        let pageEnd = Int(sizeClass.lastPage) * Self.smallPage + Self.pageBytes(Int(sizeClass.tier))
        func end(_ offset: Int) -> Int { min((offset + kept - 1) / kept * kept + kept, pageEnd) }
        let (from, to) = (end(start), end(start + Int(sizeClass.blockBytes)))
        if from < to { region.discard(to - from, at: from) }
    }

    /// Memory of an empty page: a larger one has given up all but its beginning.
    private static func keptBytes(_ tier: Int) -> Int { tier == 0 ? smallPage : 2 * keptTail }

    private mutating func unlink(_ block: BlockRef, in sizeClass: inout Class) {
        let next: UInt32 = region.load(at: Self.offset(block) + 4)
        let previous: UInt32 = region.load(at: Self.offset(block) + 8)
        if next != none { region.store(previous, at: Self.offset(next) + 8) }
        if previous != none {
            region.store(next, at: Self.offset(previous) + 4)
        } else {
            sizeClass.freeHead = next
        }
        sizeClass.free -= 1
    }

    @inline(__always)
    static func offset(_ block: BlockRef) -> Int { Int(block) * 8 }

    private static func block(_ index: UInt32, of sizeClass: Class) -> BlockRef {
        let offset =
            Int(sizeClass.lastPage) * smallPage + Int(index) * Int(sizeClass.blockBytes)
        return BlockRef(offset / 8)
    }

    // MARK: Pages

    private mutating func pushPage(to sizeClass: inout Class) {
        let page = takePage(Int(sizeClass.tier))
        links[page] = sizeClass.lastPage
        sizeClass.lastPage = page
    }

    private mutating func popPage(from sizeClass: inout Class) {
        let page = sizeClass.lastPage
        sizeClass.lastPage = links[page]
        returnPage(page, Int(sizeClass.tier))
    }

    private mutating func takePage(_ tier: Int) -> UInt32 {
        let kept = keptPages[tier]
        if kept != none {
            keptPages[tier] = links[kept]
            keptBytes -= Self.keptBytes(tier)
            return kept
        }
        let empty = emptyPages[tier]
        if empty != none {
            emptyPages[tier] = links[empty]
            return empty
        }
        let first = links.count
        let smallPages = 1 << (4 * tier)
        precondition(
            Int(first) + smallPages <= 1 << 21, "32 GB of blocks in one partition at most")
        for _ in 0..<smallPages { _ = links.append(none) }
        // The channels of the last block may be read eight at a time.
        region.use(Int(links.count) * Self.smallPage + 64)
        return first
    }

    /// An empty page is kept for the next class that grows, unless there are many.
    private mutating func returnPage(_ page: UInt32, _ tier: Int) {
        if keptBytes * 64 > liveBytes {
            region.discard(Self.pageBytes(tier), at: Int(page) * Self.smallPage)
            links[page] = emptyPages[tier]
            emptyPages[tier] = page
        } else {
            keptBytes += Self.keptBytes(tier)
            links[page] = keptPages[tier]
            keptPages[tier] = page
        }
    }

    // MARK: Checks

    /// Who holds the reference to a block; `none` if it is free.
    func owner(_ block: BlockRef) -> UInt32 { region.load(at: Self.offset(block)) }
    mutating func setOwner(_ owner: UInt32, of block: BlockRef) {
        region.store(owner, at: Self.offset(block))
    }

    /// Traps where blocks in use, free ones and pages do not add up.
    func checkInvariants() {
        var bytes = 0
        for number in 0..<classes.count {
            let sizeClass = classes[number]
            var free = 0
            var block = sizeClass.freeHead
            while block != none {
                precondition(owner(block) == none, "a free block has no owner")
                precondition(holds(block, UInt8(number)), "a free block is one of its class")
                free += 1
                block = region.load(at: Self.offset(block) + 4)
            }
            precondition(free == sizeClass.free, "free blocks are counted")
            precondition(free <= sizeClass.extent / 64, "a class is packed")
            bytes += Int(sizeClass.extent - sizeClass.free) * Int(sizeClass.blockBytes)
        }
        precondition(bytes == liveBytes, "blocks in use are counted")
    }

    /// Whether it is one of the class's blocks, in use or free. Looks at all of the class's pages.
    func holds(_ block: BlockRef, _ number: UInt8) -> Bool {
        let sizeClass = classes[UInt32(number)]
        var page = sizeClass.lastPage
        var blocks = sizeClass.extent == 0 ? 0 : (sizeClass.extent - 1) % sizeClass.perPage + 1
        while page != none {
            let distance = Self.offset(block) - Int(page) * Self.smallPage
            if distance >= 0, distance < Self.pageBytes(Int(sizeClass.tier)) {
                let (place, rest) = distance.quotientAndRemainder(
                    dividingBy: Int(sizeClass.blockBytes))
                return rest == 0 && place < Int(blocks)
            }
            page = links[page]
            blocks = sizeClass.perPage
        }
        return false
    }

    mutating func populate(_ bytes: Int) -> Bool { region.populate(bytes, at: 0) }

    mutating func touchAhead() { region.touchAhead(of: region.used) }

    // MARK: Bytes of blocks

    @inline(__always)
    func load<T: BitwiseCopyable>(_ type: T.Type = T.self, at offset: Int) -> T {
        region.load(type, at: offset)
    }
    @inline(__always)
    mutating func store<T: BitwiseCopyable>(_ value: T, at offset: Int) {
        region.store(value, at: offset)
    }
    @inline(__always)
    mutating func copy(_ bytes: Int, from source: Int, to target: Int) {
        region.copy(bytes, from: source, to: target)
    }
    /// For a few bytes: in words of 8, up to 7 bytes more than asked for.
    @inline(__always)
    mutating func copyWords(_ bytes: Int, from source: Int, to target: Int) {
        var at = 0
        while at < bytes {
            region.store(region.load(UInt64.self, at: source &+ at), at: target &+ at)
            at &+= 8
        }
    }
    mutating func clear(_ bytes: Int, at offset: Int) { region.clear(bytes, at: offset) }
    @inline(__always)
    func prefetch(_ offset: Int) { region.prefetch(offset) }
}
