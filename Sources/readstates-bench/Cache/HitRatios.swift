// Whom to let go? The cache itself against exact recency, SIEVE and S3-FIFO on the same users,
// alone and with fan-out, where one message goes to many users at once, most of whom are away.

import Glibc
import ReadStateCore

/// A policy over numbered users: whether a user was there, and it is there afterwards.
protocol Eviction: ~Copyable {
    mutating func touch(_ user: Int) -> Bool
}

/// What the cache does.
struct OurEviction: Eviction, ~Copyable {
    private var cache = ReadStateCache(window: 1)
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    mutating func touch(_ user: Int) -> Bool {
        let id = UserID(UInt64(user + 1))
        if let slot = cache.find(id) {
            cache.touch(slot)
            return true
        }
        _ = cache.insert(id)
        if cache.userCount > capacity, let slot = cache.chooseLeaving() { cache.remove(slot) }
        return false
    }
}

/// The least recent one leaves.
struct LeastRecent: Eviction {
    private var list: IntrusiveList
    private var resident: [Bool]
    private let capacity: Int
    private var count = 0

    init(users: Int, capacity: Int) {
        list = IntrusiveList(users)
        resident = [Bool](repeating: false, count: users)
        self.capacity = capacity
    }

    mutating func touch(_ user: Int) -> Bool {
        let hit = resident[user]
        if hit {
            list.remove(user)
        } else if count == capacity {
            resident[list.removeLast()] = false
        } else {
            count += 1
        }
        resident[user] = true
        list.insertFirst(user)
        return hit
    }
}

/// SIEVE: a hand passes over those that were seen since it last came by, and takes the next one.
struct Sieve: Eviction {
    private var list: IntrusiveList
    private var resident: [Bool]
    private var seen: [Bool]
    private let capacity: Int
    private var count = 0
    private var hand = -1

    init(users: Int, capacity: Int) {
        list = IntrusiveList(users)
        resident = [Bool](repeating: false, count: users)
        seen = resident
        self.capacity = capacity
    }

    mutating func touch(_ user: Int) -> Bool {
        if resident[user] {
            seen[user] = true
            return true
        }
        if count == capacity {
            if hand < 0 { hand = list.last }
            while seen[hand] {
                seen[hand] = false
                hand = list.newer(hand) < 0 ? list.last : list.newer(hand)
            }
            let victim = hand
            hand = list.newer(victim)
            resident[victim] = false
            list.remove(victim)
        } else {
            count += 1
        }
        resident[user] = true
        seen[user] = false
        list.insertFirst(user)
        return false
    }
}

/// S3-FIFO: a tenth of the room for newcomers, the rest for those that came back, and a memory of
/// who left the first.
struct ThreeQueues: Eviction {
    private enum Place: UInt8 { case away, small, main, ghost }
    private var place: [Place]
    private var uses: [UInt8]
    private var small: Queue
    private var main: Queue
    private var ghosts: Queue
    private let capacity: Int
    private let smallCapacity: Int

    init(users: Int, capacity: Int) {
        place = [Place](repeating: .away, count: users)
        uses = [UInt8](repeating: 0, count: users)
        small = Queue()
        main = Queue()
        ghosts = Queue()
        self.capacity = capacity
        smallCapacity = max(1, capacity / 10)
    }

    mutating func touch(_ user: Int) -> Bool {
        switch place[user] {
        case .small, .main:
            uses[user] = min(3, uses[user] + 1)
            return true
        case .ghost:
            makeRoom()
            place[user] = .main
            main.push(user)
        case .away:
            makeRoom()
            place[user] = .small
            small.push(user)
        }
        uses[user] = 0
        return false
    }

    private mutating func makeRoom() {
        while small.count + main.count >= capacity {
            if small.count >= smallCapacity || main.count == 0 {
                evictSmall()
            } else {
                evictMain()
            }
        }
    }

    private mutating func evictSmall() {
        let user = small.pop()
        if uses[user] > 1 {
            place[user] = .main
            uses[user] = 0
            main.push(user)
        } else {
            place[user] = .ghost
            ghosts.push(user)
            while ghosts.count > capacity {
                let old = ghosts.pop()
                if place[old] == .ghost { place[old] = .away }
            }
        }
    }

    private mutating func evictMain() {
        let user = main.pop()
        if uses[user] > 0 {
            uses[user] -= 1
            main.push(user)
        } else {
            place[user] = .away
        }
    }
}

/// First in, first out.
private struct Queue {
    private var items: [Int] = []
    private var head = 0
    var count: Int { items.count - head }
    mutating func push(_ item: Int) { items.append(item) }
    mutating func pop() -> Int {
        defer {
            head += 1
            if head > 1 << 16, head * 2 > items.count {
                items.removeFirst(head)
                head = 0
            }
        }
        return items[head]
    }
}

/// A list through an array of numbers.
private struct IntrusiveList {
    private var before: [Int32]
    private var after: [Int32]
    private var first: Int32 = -1
    private var end: Int32 = -1

    init(_ count: Int) {
        before = [Int32](repeating: -1, count: count)
        after = before
    }
    var last: Int { Int(end) }
    func newer(_ item: Int) -> Int { Int(before[item]) }

    mutating func insertFirst(_ item: Int) {
        before[item] = -1
        after[item] = first
        if first >= 0 { before[Int(first)] = Int32(item) } else { end = Int32(item) }
        first = Int32(item)
    }
    mutating func remove(_ item: Int) {
        let (previous, next) = (before[item], after[item])
        if previous >= 0 { after[Int(previous)] = next } else { first = next }
        if next >= 0 { before[Int(next)] = previous } else { end = previous }
    }
    mutating func removeLast() -> Int {
        let item = Int(end)
        remove(item)
        return item
    }
}

/// Share of touches that found their user, in percent; a twentieth of the messages go to 200 users
/// each.
private func hitRatio(
    _ policy: consuming some Eviction & ~Copyable, users: Int, fanOut: Bool
) -> Double {
    var policy = policy
    let zipf = Zipf(count: users)
    var random = Random(seed: 11)
    var hits = 0
    var touches = 0
    let total = 12 * users
    for step in 0..<total {
        let group = fanOut && step % 2000 == 0 ? 200 : 1
        for _ in 0..<group {
            // A large channel's members are users like any others, active or not.
            let user =
                group > 1
                ? Int(random.next() % UInt64(users))
                : (zipf.rank(random.unit()) &* 0x9E37_79B1 &+ 12_345) % users
            let hit = policy.touch(user)
            if step > total / 2 {
                hits += hit ? 1 : 0
                touches += 1
            }
        }
    }
    return Double(hits) / Double(touches) * 100
}

func measureHitRatios(trace: String) {
    let users = 400_000
    print("hit ratios in percent, \(users) users by Zipf's law (0.99)")
    for share in [5, 25] {
        let capacity = users * share / 100
        for fanOut in [false, true] {
            let ours = OurEviction(capacity: capacity)
            let recent = LeastRecent(users: users, capacity: capacity)
            let sieve = Sieve(users: users, capacity: capacity)
            let queues = ThreeQueues(users: users, capacity: capacity)
            print(
                "  room for \(share) %\(fanOut ? ", with fan-out" : ""):".padding(30),
                "ours", rounded(hitRatio(ours, users: users, fanOut: fanOut)), " least recent",
                rounded(hitRatio(recent, users: users, fanOut: fanOut)),
                " SIEVE", rounded(hitRatio(sieve, users: users, fanOut: fanOut)),
                " S3-FIFO", rounded(hitRatio(queues, users: users, fanOut: fanOut)))
        }
    }
    measureTrace(trace)
}

/// The same with the users of real events, one after the other.
private func measureTrace(_ path: String) {
    let events = UserStream(path: path)
    if events.users.isEmpty { return print("  no events in \(path)") }
    let (count, known) = (events.users.count, events.known)
    print("real events: \(count), of \(known) users")
    for share in [1, 5, 10, 25, 50] {
        let capacity = max(1, known * share / 100)
        print(
            "  room for \(share) %:".padding(30), "ours",
            rounded(hitRatio(OurEviction(capacity: capacity), events), 2), " least recent",
            rounded(hitRatio(LeastRecent(users: known, capacity: capacity), events), 2), " SIEVE",
            rounded(hitRatio(Sieve(users: known, capacity: capacity), events), 2), " S3-FIFO",
            rounded(hitRatio(ThreeQueues(users: known, capacity: capacity), events), 2))
    }
}

private func hitRatio(_ policy: consuming some Eviction & ~Copyable, _ events: UserStream) -> Double
{
    var policy = policy
    var hits = 0
    for user in events.users where policy.touch(Int(user)) { hits += 1 }
    return Double(hits) / Double(events.users.count) * 100
}

/// The users of a log, numbered as they appear.
private struct UserStream {
    var users: [UInt32] = []
    private var numbers: [UInt64: UInt32] = [:]
    var known: Int { numbers.count }

    init(path: String) {
        let unpack =
            path.hasSuffix(".zst") ? "zstd -dcq" : path.hasSuffix(".gz") ? "gzip -dc" : "cat"
        // A stream of our own, closed below; the line is the library's, freed below.
        guard let stream = unsafe popen("\(unpack) '\(path)'", "r") else { return }
        defer { unsafe pclose(stream) }
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { unsafe free(line) }
        while true {
            // `getline` keeps pointer and room in step; what it read ends with a zero.
            let count = unsafe getline(&line, &room, stream)
            guard count > 0, let start = unsafe line else { return }
            let bytes = unsafe UnsafeBufferPointer(start: start, count: count)
            if let user = unsafe Self.user(in: bytes) { append(user) }
        }
    }

    private mutating func append(_ user: UInt64) {
        let next = UInt32(numbers.count)
        let number = numbers[user] ?? next
        if number == next { numbers[user] = number }
        users.append(number)
    }

    /// The digits of `{"user_id":"...`, the form in which the log is written.
    private static func user(in line: UnsafeBufferPointer<CChar>) -> UInt64? {
        let prefix = #"{"user_id":""#.utf8
        guard line.count > prefix.count else { return nil }
        var user: UInt64 = 0
        var at = prefix.count
        while at < line.count, case let digit = unsafe line[at], digit >= 48, digit <= 57 {
            user = user &* 10 &+ UInt64(digit - 48)
            at += 1
        }
        return user == 0 ? nil : user
    }
}
