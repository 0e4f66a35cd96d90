// From a user's id to its slot: open addressing with linear probing. An entry is 8 bytes, 32 bits
// of the id's hash and the slot plus one, so that the user's record is only looked at where the
// hashes agree. An entry's home is hash * capacity / 2^32, rounded down to the first place of a
// cache line: that keeps homes in the order of hashes, and one look at a line's eight places finds
// nearly every user.
//
// That order is what lets the table grow without a stop. A larger table is begun beside the old
// one, and every insertion moves a few entries over, from the old table's start towards its end:
//
//   old   | moved, given back | cursor: an empty place before it | entries still here |
//   new   | entries moved so far, in the same order | empty                           |
//
// A user whose old home is below the cursor is in the new table, any other in the old one, so that
// a search looks into one table only. Probing never wraps around; the table's end is open instead.
// Removal moves later entries back, so there are no tombstones to clean up.

/// Which slot holds a user.
struct UserIndex: ~Copyable {
    struct Hashes: ~Copyable {
        var region = Region()
        /// Homes are below this.
        var capacity: Int
        /// Places that may be looked at, whole lines; the last one is always empty.
        var places: Int

        init(capacity: Int) {
            self.capacity = capacity
            places = capacity / 8 * 8 + 16
            region.use(places * 8)
        }

        @inline(__always)
        func home(_ hash: UInt32) -> Int { (Int(hash) &* capacity) &>> 32 & ~7 }
        @inline(__always)
        subscript(place: Int) -> UInt64 {
            get { region.load(at: place &* 8) }
            set { region.store(newValue, at: place &* 8) }
        }

        mutating func insert(_ entry: UInt64) {
            var place = home(UInt32(truncatingIfNeeded: entry))
            while self[place] != 0 { place += 1 }
            self[place] = entry
            if place == places - 1 {
                places += 64
                region.use(places * 8)
            }
        }

        /// Empties a place, and moves back what was pushed behind it.
        mutating func remove(at place: Int) {
            var hole = place
            var next = place + 1
            while self[next] != 0 {
                if home(UInt32(truncatingIfNeeded: self[next])) <= hole {
                    self[hole] = self[next]
                    hole = next
                }
                next += 1
            }
            self[hole] = 0
        }
    }

    private static let smallest = 64
    private var table = Hashes(capacity: smallest)
    private var old = Hashes(capacity: 0)
    /// Users whose home in the old table is below this are in the new one.
    private var cursor = 1
    private(set) var count = 0

    /// Old places that an insertion or a removal moves on, at least: the old table is empty long
    /// before the new one is full. One that grows has two insertions for five old places until
    /// then, one that shrinks one for fifteen; small steps need little memory between two batches.
    private var step: Int { old.capacity < table.capacity ? 8 : 32 }
    private static let discardStep = 64 << 10

    /// Memory of the tables; while one grows, it passes smoothly from the old size to the new.
    var bytes: Int {
        if old.capacity == 0 { return table.capacity * 8 }
        let moved = Double(cursor) / Double(old.places)
        return Int(Double(table.capacity * 8) * moved + Double(old.capacity * 8) * (1 - moved))
    }

    /// 32 well-mixed bits of an id.
    @inline(__always)
    static func hash(_ user: UInt64) -> UInt32 {
        var x = user
        x ^= x &>> 32
        x = x &* 0x9FB2_1C65_1E98_DF25
        x ^= x &>> 29
        x = x &* 0x9E37_79B9_7F4A_7C15
        return UInt32(truncatingIfNeeded: x &>> 32)
    }

    @inline(__always)
    func find(_ user: UInt64, in records: borrowing Table<UserRecord>) -> UInt32? {
        let hash = Self.hash(user)
        if old.home(hash) < cursor { return Self.find(user, hash, in: table, records) }
        return Self.find(user, hash, in: old, records)
    }

    @inline(__always)
    private static func find(
        _ user: UInt64, _ hash: UInt32, in table: borrowing Hashes,
        _ records: borrowing Table<UserRecord>
    ) -> UInt32? {
        var place = table.home(hash)
        while true {
            let entry = table[place]
            if entry == 0 { return nil }
            if UInt32(truncatingIfNeeded: entry) == hash {
                let slot = UInt32(truncatingIfNeeded: entry &>> 32) &- 1
                if records[slot].user == user { return slot }
            }
            place &+= 1
        }
    }

    /// Enters a user that is not in the index.
    mutating func insert(_ user: UInt64, slot: UInt32) {
        if old.capacity > 0 {
            migrate(step)
        } else if count * 5 >= table.capacity * 4 {
            // Half as large again: 0.53 to 0.8 of the places are in use.
            resize(to: table.capacity + table.capacity / 2)
        }
        count += 1
        let hash = Self.hash(user)
        let entry = UInt64(hash) | UInt64(slot &+ 1) &<< 32
        if old.home(hash) < cursor { table.insert(entry) } else { old.insert(entry) }
    }

    /// Takes out a user that is in the index at `slot`.
    mutating func remove(_ user: UInt64, slot: UInt32) {
        if old.capacity > 0 {
            migrate(step)
        } else if count * 3 < table.capacity && table.capacity > Self.smallest {
            resize(to: max(count + count / 2, Self.smallest))
        }
        count -= 1
        let hash = Self.hash(user)
        let entry = UInt64(hash) | UInt64(slot &+ 1) &<< 32
        if old.home(hash) < cursor {
            Self.remove(entry, from: &table)
        } else {
            Self.remove(entry, from: &old)
        }
    }

    /// A user in the index has another slot now.
    mutating func move(_ user: UInt64, from slot: UInt32, to newSlot: UInt32) {
        let hash = Self.hash(user)
        let from = UInt64(hash) | UInt64(slot &+ 1) &<< 32
        let to = UInt64(hash) | UInt64(newSlot &+ 1) &<< 32
        if old.home(hash) < cursor {
            Self.replace(from, with: to, in: &table)
        } else {
            Self.replace(from, with: to, in: &old)
        }
    }

    private static func replace(_ entry: UInt64, with new: UInt64, in table: inout Hashes) {
        var place = table.home(UInt32(truncatingIfNeeded: entry))
        while table[place] != entry { place += 1 }
        table[place] = new
    }

    private static func remove(_ entry: UInt64, from table: inout Hashes) {
        var place = table.home(UInt32(truncatingIfNeeded: entry))
        while table[place] != entry { place += 1 }
        table.remove(at: place)
    }

    /// Asks for the line in which the search for a hash begins.
    @inline(__always)
    func prefetch(hash: UInt32) {
        let oldHome = old.home(hash)
        if oldHome < cursor {
            table.region.prefetch(table.home(hash) &* 8)
        } else {
            old.region.prefetch(oldHome &* 8)
        }
    }

    /// The slot of the first entry that has the hash, `none` if there is none: the user's own,
    /// except once in billions. Looks at no record.
    @inline(__always)
    func probableSlot(hash: UInt32) -> UInt32 {
        if old.home(hash) < cursor { return Self.probableSlot(hash, in: table) }
        return Self.probableSlot(hash, in: old)
    }

    @inline(__always)
    private static func probableSlot(_ hash: UInt32, in table: borrowing Hashes) -> UInt32 {
        var line = table.home(hash)
        while true {
            let found = table.region.match(hash, at: line &* 8)
            if found != 0 {
                // An empty place reads as slot `none`.
                let entry = table[line &+ found.trailingZeroBitCount]
                return UInt32(truncatingIfNeeded: entry &>> 32) &- 1
            }
            if table[line &+ 7] == 0 { return none }
            line &+= 8
        }
    }

    /// Starts a table of another size.
    private mutating func resize(to capacity: Int) {
        var next = Hashes(capacity: capacity)
        swap(&next, &table)
        swap(&next, &old)
        cursor = 0
        migrate(step)
    }

    /// Moves the entries of at least `steps` places on, up to the next empty one: no entry's way
    /// from its home leads across an empty place, so the cursor parts the entries as it parts the
    /// homes.
    private mutating func migrate(_ steps: Int) {
        let end = old.places
        let from = cursor
        var place = cursor
        while place < end {
            let entry = old[place]
            if entry != 0 {
                table.insert(entry)
            } else if place - from >= steps {
                break
            }
            place += 1
        }
        // The empty place itself is done with, too.
        cursor = min(place + 1, end)
        let boundary = cursor * 8 / Self.discardStep
        if boundary > from * 8 / Self.discardStep {
            let first = from * 8 / Self.discardStep * Self.discardStep
            old.region.discard(boundary * Self.discardStep - first, at: first)
        }
        if cursor == end {
            old = Hashes(capacity: 0)
            cursor = 1
        }
    }

    /// While a table is being filled, makes memory of what comes next in it.
    mutating func touchAhead() {
        if old.capacity == 0 { return }
        let filled = Double(cursor) / Double(old.places) * Double(table.places * 8)
        table.region.touchAhead(of: Int(filled))
    }

    /// Makes a table of so many bytes now; only while there are no users.
    mutating func populate(_ bytes: Int) -> Bool {
        precondition(count == 0, "the index is prepared before it is used")
        guard bytes / 8 > table.capacity else { return true }
        table = Hashes(capacity: bytes / 8)
        return table.region.populate(bytes, at: 0)
    }

    /// Every slot in the index, for checks.
    func forEachSlot(_ body: (UInt32) -> Void) {
        Self.forEachSlot(of: table, from: 0, body)
        if old.capacity > 0 { Self.forEachSlot(of: old, from: cursor, body) }
    }

    private static func forEachSlot(
        of table: borrowing Hashes, from first: Int, _ body: (UInt32) -> Void
    ) {
        for place in first..<table.places {
            let entry = table[place]
            if entry != 0 { body(UInt32(truncatingIfNeeded: entry &>> 32) &- 1) }
        }
    }
}
