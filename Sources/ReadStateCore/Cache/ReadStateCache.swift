// The resident read states of one partition.
//
//   index    | hash, slot + 1 | ...                     8 bytes a place, 0.53 to 0.8 of them in use
//      |
//   records  | user | newer | older | block | dirty | count, class, flags |     32 bytes a user
//      |                                |       |
//   dirty    | newer | older | slot | since | first offset |           24 bytes, dirty users only
//      |
//   block    | owner | channels ... | states ... | channel index if there are many |
//      |                 8 each        16 each
//   side     | owner | state | distance | rare fields | gaps ... |      two or more unread, 5 to 8
//                                                                       bytes each
//
// Everything is plain memory in a few regions that grow without copying; links are 32-bit numbers.
// Nothing in here is reference counted, and no event allocates. What takes time is waiting for
// memory: an event touches five or six lines that are in no processor cache, one after the other,
// each telling where the next one is. `lookAhead` walks these steps for the coming events, so that
// the waits run side by side; it makes an event two to three times as fast (docs/cache.md).
//
// Files by aspect: Region, Slab, UserIndex, PackedState and SideBlock are the parts; `+Eviction`,
// `+Dirty`, `+States`, `+Run`, `+Apply`, `+Changes`, `+Answers`, `+Packing`, `+LookAhead` and
// `+Invariants` the operations.

internal import Synchronization

/// A resident user's place in the cache. It is good until the next removal of any user: then others
/// may move, unless they are being committed or ahead of the log.
package struct UserSlot: Hashable, Sendable {
    package let rawValue: UInt32
    @inline(__always)
    init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A resident user.
struct UserRecord: BitwiseCopyable {
    var user: UInt64
    /// Neighbours among the newcomers, or in the list of free records.
    var newer = none
    var older = none
    /// The user's states, if there are any.
    var block: BlockRef = none
    /// The place in the dirty list, if it is in it.
    var dirty = none
    var count: UInt32 = 0
    var sizeClass: UInt8 = 0
    var flags: UInt8 = 0
    /// How often it was used since it came, settled, or was passed over; up to 3.
    var uses: UInt8 = 0

    enum Flag {
        /// On its way out.
        static let leaving: UInt8 = 1
        static let committing: UInt8 = 2
        /// The next commit replaces all that is stored of the user.
        static let rewrite: UInt8 = 4
        static let ahead: UInt8 = 8
        /// A record in use.
        static let resident: UInt8 = 16
        /// Not a user any more: it went to the place that `newer` names.
        static let moved: UInt8 = 32
        /// In the list of newcomers.
        static let newcomer: UInt8 = 64
    }
    @inline(__always)
    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }
    @inline(__always)
    mutating func set(_ flag: UInt8, _ value: Bool) {
        flags = value ? flags | flag : flags & ~flag
    }
}

/// The resident read states of one partition, with who of them leaves next and what is dirty.
package struct ReadStateCache: ~Copyable {
    /// Most ids in a read state's window.
    package let window: Int
    /// Most read states of one user: what the largest block holds, 125 MB of them.
    package static let mostStates = 5 << 20
    private let statesLimit: Int
    /// Read states that were not added, since their user had as many as it may have.
    package private(set) var refusedStates = 0

    var index = UserIndex()
    var records = Table<UserRecord>()
    var freeRecord = none
    var freeRecords: UInt32 = 0
    var moving = MovingRecord()
    /// The states' and side blocks' memory.
    var slab = Slab()

    /// The newcomers' list, and how many are in it.
    var newestNewcomer = none
    var oldestNewcomer = none
    var newcomerCount = 0
    /// The record that an eviction looked at last.
    var hand: UInt32 = 0
    /// Evictions so far, by which the settled have their turn.
    var evictions: UInt32 = 0

    var dirtyEntries = Table<DirtyEntry>()
    var freeDirty = none
    var dirtyHead = none
    var dirtyTail = none
    /// Users in the dirty list.
    package internal(set) var dirtyCount = 0
    /// The latest moment that a user became dirty, by which the entries' short moments are read.
    var dirtyClock: Int64 = 0
    var dirtyAges: DirtyAges

    /// Read states in the cache, default ones included.
    package internal(set) var stateCount = 0

    /// Where what is too long for the short ways is unpacked; kept for its arrays' memory.
    var scratch = ReadState()
    var pipeline = LookAhead()
    /// A value with an atomic in it has a fixed place: it is handed to functions where it is.
    /// Without one, each call of a function that only reads and is not inlined copies the whole
    /// cache first, and from outside the module each look at an engine copied all 1,344 bytes of it
    /// (Swift 6.3).
    private let inPlace = Atomic(false)
    /// Off only to measure what look-ahead is worth.
    package var looksAhead = true

    /// An empty cache for windows of `window` ids, 0 to 1000, and users of up to `statesLimit` read
    /// states, 1 to `mostStates`: an event that would add one more to them changes nothing, and is
    /// counted in `refusedStates`. Users are meant to be dirty for up to `dirtySpan` milliseconds.
    package init(window: Int, statesLimit: Int = mostStates, dirtySpan: Int64 = 30_000) {
        precondition(window >= 0 && window <= 1000)
        precondition(statesLimit >= 1 && statesLimit <= Self.mostStates)
        precondition(MemoryLayout<UserRecord>.stride == 32 && MemoryLayout<DirtyEntry>.stride == 24)
        self.window = window
        self.statesLimit = statesLimit
        dirtyAges = DirtyAges(span: dirtySpan)
        Self.addClasses(to: &slab)
    }

    /// Resident users.
    package var userCount: Int { index.count }

    /// Bytes that the resident users take, all in: blocks of states, side blocks, records, dirty
    /// entries, and the index as it is. Memory that is held free for reuse is not charged: at most
    /// a sixty-fourth of the blocks and of the records, and as much in empty pages.
    package var chargedBytes: Int {
        slab.liveBytes + userCount * Table<UserRecord>.stride
            + dirtyCount * Table<DirtyEntry>.stride + index.bytes
    }

    /// Whether a user may have one more read state; counted if not.
    @inline(__always)
    mutating func mayAdd(to slot: UInt32) -> Bool {
        if Int(records[slot].count) < statesLimit { return true }
        refusedStates += 1
        return false
    }

    // MARK: Users

    /// Where a user is, if it is resident.
    package func find(_ user: UserID) -> UserSlot? {
        guard let slot = index.find(user.rawValue, in: records) else { return nil }
        return UserSlot(rawValue: slot)
    }

    /// Makes a user resident that is not: a newcomer, without states, clean.
    package mutating func insert(_ user: UserID) -> UserSlot {
        assert(find(user) == nil, "a user is resident once")
        var record = UserRecord(user: user.rawValue)
        record.flags = UserRecord.Flag.resident
        let slot = takeRecord(record)
        index.insert(user.rawValue, slot: slot)
        linkNewcomer(slot)
        return UserSlot(rawValue: slot)
    }

    /// Drops a user that is clean and not being committed.
    package mutating func remove(_ user: UserSlot) {
        let slot = user.rawValue
        let record = records[slot]
        precondition(record.has(UserRecord.Flag.resident), "only a resident user can be dropped")
        precondition(
            record.dirty == none && !record.has(UserRecord.Flag.committing),
            "what the store does not have yet must stay")
        if record.has(UserRecord.Flag.newcomer) { unlinkNewcomer(slot) }
        index.remove(record.user, slot: slot)
        dropStates(slot)
        giveBackRecord(slot)
    }

    /// Drops everything and gives the memory back.
    package mutating func removeAll() {
        // Partitions come and go often without anybody having been resident: that costs nothing.
        if records.count == 0 { return }
        let refused = refusedStates
        self = ReadStateCache(
            window: window, statesLimit: statesLimit, dirtySpan: dirtyAges.span)
        refusedStates = refused
    }

    @inline(__always)
    package func user(at slot: UserSlot) -> UserID { UserID(records[slot.rawValue].user) }

    /// All resident users, in no particular order.
    package func forEachUser(_ body: (UserSlot) -> Void) {
        index.forEachSlot { body(UserSlot(rawValue: $0)) }
    }

    /// Whether the user's stored states are ahead of the partition's next offset.
    @inline(__always)
    package func isAhead(_ slot: UserSlot) -> Bool {
        records[slot.rawValue].has(UserRecord.Flag.ahead)
    }

    package mutating func setAhead(_ slot: UserSlot, _ value: Bool) {
        records[slot.rawValue].set(UserRecord.Flag.ahead, value)
    }
}

extension ReadStateCache {
    /// Makes the memory for about `bytes` bytes of users ahead of them, in huge pages where the
    /// machine has some: later nobody waits for a page, and fewer lines are far away. Takes some 2
    /// ms for each megabyte, so it is for the start, before there are events. False if it could
    /// not.
    package mutating func prepare(bytes: Int) -> Bool {
        // At 10 states a user: 82 % blocks, 10 % records, 4 % index, 2 % dirty entries.
        slab.populate(bytes / 100 * 82) && records.populate(bytes / 100 * 10)
            && index.populate(bytes / 100 * 4) && dirtyEntries.populate(bytes / 100 * 2)
    }
}
