// Commits spread over time. Many users who became dirty together are due together, and written at
// once they would keep the store, and everybody who asks it, busy for a while. So they are
// committed earlier, in full commits only, at the smallest rate that has all of them stored in
// time (`DirtyAges.rate`). Nobody is ever committed later for it.

/// How many users may be committed before they are due.
struct FlushPace {
    /// Users a millisecond; 0 while nothing is to be spread.
    private(set) var rate = 0.0
    /// Users that the rate has allowed since the last commit.
    private(set) var credit = 0.0
    private var counted = Instant(milliseconds: 0)
    private var looked = Instant(milliseconds: 0)

    /// Counts the time since it was last asked, for at most `most` users.
    mutating func advance(to now: Instant, most: Int) {
        guard counted < now else { return }
        let passed = now.milliseconds - counted.milliseconds
        credit = min(credit + rate * Double(passed), Double(most))
        counted = now
    }

    /// Whether the rate is to be worked out anew: some 500 times in a flush interval.
    func isOld(at now: Instant, of interval: Int64) -> Bool {
        looked.advanced(byMilliseconds: interval / 512) <= now
    }

    mutating func set(_ rate: Double, at now: Instant) {
        self.rate = rate
        looked = now
    }

    mutating func take(_ users: Int) { credit = max(0, credit - Double(users)) }

    /// When the rate will have allowed so many users; nil while nothing is to be spread.
    func moment(allowing users: Int) -> Instant? {
        guard rate > 0 else { return nil }
        let missing = max(0, Double(users) - credit)
        return counted.advanced(byMilliseconds: Int64((missing / rate).rounded(.up)))
    }

    /// Nothing is to be spread.
    mutating func stop() {
        rate = 0
        credit = 0
    }
}
