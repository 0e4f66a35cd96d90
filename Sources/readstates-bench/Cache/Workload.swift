// The traffic that the cache is measured with, the same in every run: users by Zipf's law (0.99),
// channels per user by Pareto's (4/3; mean 10.7, median 5, at most 4096), 85 % messages (one in
// twenty a mention) and 15 % reads of everything in a channel, nearly 2 % of the events in a
// channel that is new to the user, ids as snowflakes, 200,000 events a second of simulated time.
//
// It is made in pieces of 256 batches between the measured stretches, so that making it costs the
// measured code nothing but what the processor's caches forget.

import ReadStateCore

/// SplitMix64: small, fast, the same everywhere.
struct Random {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    /// In [0, 1).
    mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }
}

/// Users by rank, the first rank most often: the inverse of Zipf's law in closed form.
struct Zipf {
    private let count: Double
    private let exponent: Double
    private let top: Double

    init(count: Int, exponent: Double = 0.99) {
        self.count = Double(count)
        self.exponent = 1 - exponent
        top = power(Double(count) + 1, 1 - exponent) - 1
    }

    func rank(_ unit: Double) -> Int {
        let rank = power(1 + unit * top, 1 / exponent) - 1
        return min(Int(rank), Int(count) - 1)
    }
}

/// Who there is, and a stream of what they do.
struct Workload: ~Copyable {
    /// Events a second, in simulated time.
    static let rate = 200_000
    static let batchSize = 1024

    let userCount: Int
    /// The first of each user's states in the numbering of all states; one more at the end.
    private let firstState: [UInt32]
    /// How many channels each user is in by now.
    private var channels: [UInt16]
    /// The newest message of each channel; also where a missing user is loaded from.
    private var newest: [UInt64]
    private let zipf: Zipf
    private var random: Random
    /// Multiplier and addend that spread the ranks over the users.
    private let scramble: (factor: Int, addend: Int)
    private(set) var offset: Int64 = 0

    init(users: Int, seed: UInt64 = 1) {
        userCount = users
        var random = Random(seed: seed)
        var first: [UInt32] = []
        first.reserveCapacity(users + 1)
        var channels: [UInt16] = []
        channels.reserveCapacity(users)
        var total: UInt32 = 0
        for _ in 0..<users {
            first.append(total)
            let count = min(4096, Int(2.75 / power(1 - random.unit(), 0.75)))
            channels.append(UInt16(count))
            // Room for the channels that are new while it runs.
            total += UInt32(count + count / 4 + 2)
        }
        first.append(total)
        firstState = first
        self.channels = channels
        newest = [UInt64](repeating: 0, count: Int(total))
        zipf = Zipf(count: users)
        self.random = random
        scramble = (factor: 0x9E37_79B1 | 1, addend: 12_345)
    }

    func channelCount(_ user: Int) -> Int { Int(channels[user]) }

    static func userID(_ user: Int) -> UserID { UserID(UInt64(user) &* 0x2_0000_0001 + 1_000_003) }
    static func user(_ id: UserID) -> Int { Int((id.rawValue - 1_000_003) & 0xFFFF_FFFF) }

    /// A channel's id is its number, spread over 62 bits.
    func channelID(_ user: Int, _ index: Int) -> ChannelID {
        let state = UInt64(firstState[user]) + UInt64(index) + 1
        return ChannelID(state &* 0x9E37_79B9_7F4A_7C15 & (1 << 62 - 1) | 1 << 62)
    }

    var now: Instant { Instant(milliseconds: 1_000_000 + offset * 1000 / Int64(Self.rate)) }

    /// A message id of this moment.
    private var snowflake: UInt64 {
        UInt64(360_000_000_000 + now.milliseconds) << 22 | UInt64(offset) & 0x3F_FFFF
    }

    /// The newest message of a user's channel by the time it is asked, none before the first.
    func newestMessage(_ user: Int, _ index: Int) -> UInt64 {
        newest[Int(firstState[user]) + index]
    }

    /// An id of before the stream began, with which the states are filled in.
    mutating func prefillMessage(_ user: Int, _ index: Int) -> MessageID {
        let age = UInt64(random.next() % 86_400_000)
        let id = (359_900_000_000 - age) << 22 | UInt64(index) & 0x3F_FFFF
        newest[Int(firstState[user]) + index] = id
        return MessageID(id)
    }

    mutating func fill(_ batch: inout EventBatch) {
        batch.removeAll()
        while !batch.isFull { batch.append(next()) }
    }

    private mutating func next() -> Event {
        let rank = zipf.rank(random.unit())
        let user = (rank &* scramble.factor &+ scramble.addend) % userCount
        let bits = random.next()
        var index = Int(truncatingIfNeeded: bits >> 40) % Int(channels[user])
        let room = Int(firstState[user + 1] - firstState[user])
        if bits & 0x3FF < 19, Int(channels[user]) < room {
            index = Int(channels[user])
            channels[user] += 1
        }
        offset += 1
        let place = Int(firstState[user]) + index
        let kind: Event.Kind
        if bits >> 10 & 0x3FF < 154 {
            kind = .messageRead(MessageID(max(newest[place], 1)))
        } else {
            let id = snowflake
            newest[place] = id
            kind = .messageSent(MessageID(id), mention: bits >> 20 & 0x3FF < 51, own: false)
        }
        return Event(
            offset: Offset(offset), user: Self.userID(user), channel: channelID(user, index),
            op: .none, kind: kind)
    }
}
