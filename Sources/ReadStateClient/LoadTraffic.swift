// Synthetic traffic: an endless list of events that is the same for the same seed, so that two runs
// can be compared and a third one repeated. Users are drawn by a Zipf distribution (a few are very
// busy), channels of a user evenly. Message ids grow with every event and from seed to seed: the
// ids of seed s begin at s * 2^40, so a run with a larger seed is newer traffic and not a
// repetition.
//
// A read goes up to the newest id there is, as when a user opens a channel; a read of an id that
// the user has not been sent is legal.

package import ReadStateCore
package import ReadStateWire

/// What traffic should look like.
package struct LoadShape: Hashable, Sendable {
    /// 1 or more.
    package var users: Int
    /// Channels of each user, 1 or more.
    package var channels: Int
    /// Which part of the events are reads, 0 to 1.
    package var readRatio: Double
    /// Which part of the messages mention the user, 0 to 1.
    package var mentionRatio: Double
    /// Zipf exponent of the users, 0 (evenly) or more.
    package var skew: Double
    /// 0 to 2^22, so that ids stay below 2^63.
    package var seed: UInt64

    package init(
        users: Int, channels: Int, readRatio: Double, mentionRatio: Double, skew: Double,
        seed: UInt64
    ) {
        precondition(users > 0 && channels > 0 && skew >= 0 && seed <= Self.seedLimit)
        self.users = users
        self.channels = channels
        self.readRatio = readRatio
        self.mentionRatio = mentionRatio
        self.skew = skew
        self.seed = seed
    }

    /// The largest seed.
    package static let seedLimit: UInt64 = 1 << 22
}

/// An endless list of events.
package struct LoadTraffic: Sendable {
    private let shape: LoadShape
    private let ranks: Zipf
    private var random: SplitMix
    private var message: UInt64

    package init(_ shape: LoadShape) {
        self.shape = shape
        ranks = Zipf(count: shape.users, exponent: shape.skew)
        random = SplitMix(state: shape.seed)
        message = shape.seed << 40
    }

    /// The next event.
    package mutating func next() -> EventFields {
        let (user, channel) = nextPlace()
        message += 1
        var event = EventFields(listStart: 0)
        event.user = user.rawValue
        event.channel = channel.rawValue
        event.message = message
        if random.fraction() < shape.readRatio {
            event.kind = .messageRead
            event.op = message
        } else {
            event.kind = .messageSent
            event.mention = random.fraction() < shape.mentionRatio ? 1 : 0
        }
        return event
    }

    /// A user and one of their channels, with the same frequencies as in events: for queries.
    package mutating func nextPlace() -> (UserID, ChannelID) {
        let user = UInt64(ranks.next(&random))
        let channel = random.next() % UInt64(shape.channels) + 1
        return (UserID(user), ChannelID(channel))
    }
}

/// A small generator of pseudo-random numbers (Steele, Lea, Flood: SplitMix64).
struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// At least 0 and below 1.
    mutating func fraction() -> Double { Double(next() >> 11) / Double(1 << 53) }
}
