// The baselines: the same events, exact recency, commits after 30 simulated seconds and eviction of
// the least recent. Each holds states of one of two kinds: counts only (no windows), which spares
// it most of the rules and gives wrong answers after messages out of order or a read that is not of
// the newest; or whole ones, put through the same rules as the cache's, with the same answers: what
// an exact service pays without the cache.

import ReadStateCore

/// Something that is driven with batches of events.
protocol Peer: ~Copyable {
    var residentStates: Int { get }
    /// Of all states, in whatever order: the same for peers that hold the same. Nil where they are
    /// not whole.
    func digest(_ workload: borrowing Workload) -> Int?
    /// Holds at most so many states from now on.
    mutating func limit(states: Int)
    /// Makes a user with read states resident.
    mutating func prefill(_ user: Int, of workload: inout Workload)
    mutating func run(_ batch: borrowing EventBatch, of workload: borrowing Workload, now: Instant)
}

/// A read state as a baseline holds it.
protocol PeerState {
    /// Not committed yet.
    var dirty: Bool { get set }
    /// What a commit reads of it.
    var committed: UInt64 { get }
    /// Nil where it is not a whole state.
    var digest: Int? { get }
    init()
    /// Everything up to `message` is read.
    init(readUpTo message: UInt64)
    mutating func apply(_ event: Event)
}

/// Counts only: 32 bytes with its channel.
struct CountedState: PeerState {
    var lastMessage: UInt64 = 0
    var lastRead: UInt64 = 0
    var unread: UInt16 = 0
    var mentions: UInt16 = 0
    var dirty = false

    init() {}
    init(readUpTo message: UInt64) {
        lastMessage = message
        lastRead = message
    }
    var committed: UInt64 { lastRead }
    var digest: Int? { nil }

    @inline(__always)
    mutating func apply(_ event: Event) {
        switch event.kind {
        case .messageSent(let id, let mention, _):
            guard id.rawValue > lastMessage else { return }
            lastMessage = id.rawValue
            unread &+= 1
            if mention { mentions &+= 1 }
            dirty = true
        case .messageRead(let id):
            guard id.rawValue > lastRead else { return }
            lastRead = id.rawValue
            unread = 0
            mentions = 0
            dirty = true
        default: break
        }
    }
}

/// Everything the rules keep, as they keep it.
struct WholeState: PeerState {
    var state = ReadState()
    var dirty = false

    init() {}
    init(readUpTo message: UInt64) {
        state.lastMessage = MessageID(message)
        state.lastRead = state.lastMessage
    }
    var committed: UInt64 { state.lastRead.rawValue &+ UInt64(state.window.count) }
    var digest: Int? { state.hashValue }

    @inline(__always)
    mutating func apply(_ event: Event) {
        let none: [Entry] = []
        if state.apply(event, entries: none.span, window: CacheRunner.window) { dirty = true }
    }
}

/// What one writes first: a dictionary of users, a dictionary of channels in each, a linked list.
struct DictionaryPeer<State: PeerState>: Peer, ~Copyable {
    private final class Node {
        let user: UserID
        var states: [ChannelID: State] = [:]
        var newer: Node?
        unowned(unsafe) var older: Node?
        var dirty = false
        init(_ user: UserID) { self.user = user }
    }

    private var users: [UserID: Node] = [:]
    private var newest: Node?
    private var oldest: Node?
    private var due: [(node: Node, since: Instant)] = []
    private var firstDue = 0
    private(set) var residentStates = 0
    private var capacity = Int.max
    private var checksum: UInt64 = 0

    mutating func limit(states: Int) { capacity = states }

    mutating func prefill(_ user: Int, of workload: inout Workload) {
        let node = insert(Workload.userID(user))
        for index in 0..<workload.channelCount(user) {
            let id = workload.prefillMessage(user, index).rawValue
            node.states[workload.channelID(user, index)] = State(readUpTo: id)
        }
        residentStates += node.states.count
        evict()
    }

    mutating func run(_ batch: borrowing EventBatch, of workload: borrowing Workload, now: Instant)
    {
        for index in 0..<batch.count {
            let event = batch[index]
            let node = users[event.user] ?? load(event.user, workload)
            touch(node)
            let before = node.states.count
            node.states[event.channel, default: State()].apply(event)
            residentStates += node.states.count - before
            if !node.dirty {
                node.dirty = true
                due.append((node, now))
            }
        }
        while firstDue < due.count,
            due[firstDue].since.advanced(byMilliseconds: CacheRunner.flushInterval) <= now
        {
            commit(due[firstDue].node)
            firstDue += 1
        }
        if firstDue > 1 << 16 {
            due.removeFirst(firstDue)
            firstDue = 0
        }
        evict()
    }

    func digest(_ workload: borrowing Workload) -> Int? {
        var sum = 0
        for node in users.values {
            for (channel, state) in node.states {
                guard let digest = state.digest else { return nil }
                sum &+= channel.hashValue ^ digest
            }
        }
        return sum
    }

    private mutating func insert(_ user: UserID) -> Node {
        let node = Node(user)
        users[user] = node
        link(node)
        return node
    }

    private mutating func load(_ user: UserID, _ workload: borrowing Workload) -> Node {
        let node = insert(user)
        let number = Workload.user(user)
        for index in 0..<workload.channelCount(number) {
            let id = workload.newestMessage(number, index)
            if id > 0 {
                node.states[workload.channelID(number, index)] = State(readUpTo: id)
            }
        }
        residentStates += node.states.count
        return node
    }

    private mutating func touch(_ node: Node) {
        if newest === node { return }
        unlink(node)
        link(node)
    }

    private mutating func link(_ node: Node) {
        unsafe node.older = newest
        node.newer = nil
        if let newest { newest.newer = node } else { oldest = node }
        newest = node
    }

    private mutating func unlink(_ node: Node) {
        let older = unsafe node.older
        if let newer = node.newer { unsafe newer.older = older } else { newest = older }
        if let older { older.newer = node.newer } else { oldest = node.newer }
    }

    private mutating func commit(_ node: Node) {
        guard node.dirty else { return }
        node.dirty = false
        for (channel, state) in node.states where state.dirty {
            checksum &+= channel.rawValue ^ state.committed
            node.states[channel]!.dirty = false
        }
    }

    private mutating func evict() {
        while residentStates > capacity, let node = oldest {
            commit(node)
            unlink(node)
            node.newer = nil
            residentStates -= node.states.count
            users[node.user] = nil
        }
    }
}

/// What one writes second: one open-addressing table of users, their states in plain arrays, links
/// by number. No look-ahead: each event waits for its memory, line after line.
@safe struct PlainTablePeer<State: PeerState>: Peer, ~Copyable {
    @safe private struct Record {
        var user: UInt64 = 0
        var count: UInt32 = 0
        var room: UInt32 = 0
        var newer: Int32 = -1
        var older: Int32 = -1
        /// Owned: from `grow`, freed on eviction and in `deinit`.
        var channels: UnsafeMutablePointer<Channel>?
        var dirty = false
    }
    private struct Channel {
        var id: UInt64
        var state: State
    }

    /// Owned tables of a fixed size: made in `init` for the number of users, freed in `deinit`.
    private let table: UnsafeMutablePointer<Int32>
    private let records: UnsafeMutablePointer<Record>
    private let mask: Int
    private var recordCount: Int32 = 0
    private var freeRecord: Int32 = -1
    private var newest: Int32 = -1
    private var oldest: Int32 = -1
    private var due: [(user: UInt64, since: Instant)] = []
    private var firstDue = 0
    private(set) var residentStates = 0
    private var capacity = Int.max
    private var checksum: UInt64 = 0

    init(users: Int) {
        var places = 1024
        while places < users * 3 / 2 { places *= 2 }
        mask = places - 1
        unsafe table = .allocate(capacity: places)
        unsafe table.initialize(repeating: -1, count: places)
        unsafe records = .allocate(capacity: users + 1)
    }

    deinit {
        for index in 0..<Int(recordCount) { free(index) }
        unsafe table.deallocate()
        unsafe records.deallocate()
    }

    mutating func limit(states: Int) { capacity = states }

    private func home(_ user: UInt64) -> Int {
        let mixed = (user ^ user >> 32) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 20) & mask
    }

    private func find(_ user: UInt64) -> Int32 {
        var place = home(user)
        // Places are below the table's size by the mask, record numbers below `recordCount`.
        while unsafe table[place] >= 0 {
            let record = unsafe table[place]
            if unsafe records[Int(record)].user == user { return record }
            place = (place + 1) & mask
        }
        return -1
    }

    private mutating func insert(_ user: UInt64) -> Int32 {
        let record: Int32
        if freeRecord >= 0 {
            record = freeRecord
            freeRecord = unsafe records[Int(record)].newer
        } else {
            record = recordCount
            recordCount += 1
        }
        unsafe (records + Int(record)).initialize(to: Record(user: user))
        var place = home(user)
        while unsafe table[place] >= 0 { place = (place + 1) & mask }
        unsafe table[place] = record
        link(record)
        return record
    }

    private mutating func state(_ channel: UInt64, _ record: Int32) -> Int {
        let index = Int(record)
        let count = unsafe Int(records[index].count)
        if let channels = unsafe records[index].channels {
            for at in 0..<count where unsafe channels[at].id == channel { return at }
        }
        if unsafe count == Int(records[index].room) { grow(index) }
        // There is room for one more.
        unsafe (records[index].channels! + count).initialize(
            to: Channel(id: channel, state: State()))
        unsafe records[index].count += 1
        residentStates += 1
        return count
    }

    private mutating func grow(_ index: Int) {
        let room = unsafe max(4, Int(records[index].room) * 2)
        let channels = UnsafeMutablePointer<Channel>.allocate(capacity: room)
        if let old = unsafe records[index].channels {
            unsafe channels.moveInitialize(from: old, count: Int(records[index].count))
            unsafe old.deallocate()
        }
        unsafe records[index].channels = channels
        unsafe records[index].room = UInt32(room)
    }

    mutating func prefill(_ user: Int, of workload: inout Workload) {
        let record = insert(Workload.userID(user).rawValue)
        for index in 0..<workload.channelCount(user) {
            let id = workload.prefillMessage(user, index).rawValue
            put(id, workload.channelID(user, index), record)
        }
        evict()
    }

    private mutating func put(_ id: UInt64, _ channel: ChannelID, _ record: Int32) {
        let at = state(channel.rawValue, record)
        unsafe records[Int(record)].channels![at].state = State(readUpTo: id)
    }

    mutating func run(_ batch: borrowing EventBatch, of workload: borrowing Workload, now: Instant)
    {
        for index in 0..<batch.count {
            let event = batch[index]
            var record = find(event.user.rawValue)
            if record < 0 { record = load(event.user, workload) }
            if newest != record {
                unlink(record)
                link(record)
            }
            let at = state(event.channel.rawValue, record)
            unsafe records[Int(record)].channels![at].state.apply(event)
            if unsafe !records[Int(record)].dirty {
                unsafe records[Int(record)].dirty = true
                due.append((event.user.rawValue, now))
            }
        }
        while firstDue < due.count,
            due[firstDue].since.advanced(byMilliseconds: CacheRunner.flushInterval) <= now
        {
            let record = find(due[firstDue].user)
            if record >= 0 { commit(record) }
            firstDue += 1
        }
        if firstDue > 1 << 16 {
            due.removeFirst(firstDue)
            firstDue = 0
        }
        evict()
    }

    private mutating func load(_ user: UserID, _ workload: borrowing Workload) -> Int32 {
        let record = insert(user.rawValue)
        let number = Workload.user(user)
        for index in 0..<workload.channelCount(number) {
            let id = workload.newestMessage(number, index)
            if id > 0 { put(id, workload.channelID(number, index), record) }
        }
        return record
    }

    private mutating func link(_ record: Int32) {
        unsafe records[Int(record)].older = newest
        unsafe records[Int(record)].newer = -1
        if newest >= 0 { unsafe records[Int(newest)].newer = record } else { oldest = record }
        newest = record
    }

    private mutating func unlink(_ record: Int32) {
        let newer = unsafe records[Int(record)].newer
        let older = unsafe records[Int(record)].older
        if newer >= 0 { unsafe records[Int(newer)].older = older } else { newest = older }
        if older >= 0 { unsafe records[Int(older)].newer = newer } else { oldest = newer }
    }

    private mutating func commit(_ record: Int32) {
        let index = Int(record)
        guard unsafe records[index].dirty, let channels = unsafe records[index].channels else {
            return
        }
        unsafe records[index].dirty = false
        for at in unsafe 0..<Int(records[index].count) where unsafe channels[at].state.dirty {
            unsafe checksum &+= channels[at].id ^ channels[at].state.committed
            unsafe channels[at].state.dirty = false
        }
    }

    private mutating func evict() {
        while residentStates > capacity, oldest >= 0 {
            let record = oldest
            commit(record)
            unlink(record)
            let index = Int(record)
            residentStates -= unsafe Int(records[index].count)
            free(index)
            removeFromTable(unsafe records[index].user)
            unsafe records[index].newer = freeRecord
            freeRecord = record
        }
    }

    private func free(_ index: Int) {
        guard let channels = unsafe records[index].channels else { return }
        // As many as the record counts are initialized.
        unsafe channels.deinitialize(count: Int(records[index].count))
        unsafe channels.deallocate()
        unsafe records[index].channels = nil
    }

    func digest(_ workload: borrowing Workload) -> Int? {
        var sum = 0
        for index in 0..<Int(recordCount) {
            guard let channels = unsafe records[index].channels else { continue }
            for at in unsafe 0..<Int(records[index].count) {
                guard let digest = unsafe channels[at].state.digest else { return nil }
                unsafe sum &+= ChannelID(channels[at].id).hashValue ^ digest
            }
        }
        return sum
    }

    private mutating func removeFromTable(_ user: UInt64) {
        var hole = home(user)
        while unsafe records[Int(table[hole])].user != user { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while unsafe table[next] >= 0 {
            let away = unsafe (next - home(records[Int(table[next])].user)) & mask
            if away >= (next - hole) & mask {
                unsafe table[hole] = unsafe table[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        unsafe table[hole] = -1
    }
}
