// Who leaves when the cache is full.

import ReadStateCore
import Testing

/// A cache for a number of users, who only come, are used and leave.
private struct Crowd: ~Copyable {
    var cache = ReadStateCache(window: 4)
    let room: Int

    init(room: Int) { self.room = room }

    /// A user does something: true if it was there.
    mutating func use(_ number: Int) -> Bool {
        let user = UserID(UInt64(number))
        if let slot = cache.find(user) {
            cache.touch(slot)
            return true
        }
        _ = cache.insert(user)
        while cache.userCount > room, let slot = cache.chooseLeaving() { cache.remove(slot) }
        return false
    }
}

@Suite struct EvictionTests {
    @Test func whoeverComesOnceLeavesFirst() {
        // Most users who do a few things every day stay, however many others come once and never
        // again (an exact order of use would lose all of them every day). On the first day
        // everybody is a newcomer.
        var crowd = Crowd(room: 800)
        for _ in 0..<4 {
            for regular in 1...600 { _ = crowd.use(regular) }
        }
        var passing = 1000
        var missed = 0
        for day in 0..<20 {
            for _ in 0..<2000 {
                _ = crowd.use(passing)
                passing += 1
            }
            for regular in 1...600 {
                if !crowd.use(regular), day > 0 { missed += 1 }
                _ = crowd.use(regular)
            }
        }
        #expect(missed < 19 * 600 / 3)
        crowd.cache.checkInvariants()
    }

    @Test func whoeverIsNotUsedAnyMoreLeaves() {
        // When others come once a day instead, those who were there before make room, little by
        // little.
        var crowd = Crowd(room: 800)
        for user in 1...800 {
            for _ in 0..<5 { _ = crowd.use(user) }
        }
        for _ in 0..<50 {
            for user in 1001...1700 { _ = crowd.use(user) }
        }
        var missed = 0
        for user in 1001...1700 where !crowd.use(user) { missed += 1 }
        #expect(missed == 0)
        crowd.cache.checkInvariants()
    }

    @Test func aLeavingUserThatIsUsedStays() {
        // A use while a user is on its way out keeps it, and others are chosen before it.
        var cache = ReadStateCache(window: 4)
        for user in 1...10 { _ = cache.insert(UserID(UInt64(user))) }
        guard let back = cache.chooseLeaving() else {
            Issue.record("nobody leaves")
            return
        }
        cache.touch(back)
        let leaves = cache.isLeaving(back)
        #expect(!leaves)
        var left = 0
        while let slot = cache.chooseLeaving() {
            if slot == back { break }
            left += 1
        }
        #expect(left >= 8)
        cache.checkInvariants()
    }

    @Test func everybodyCanLeave() {
        // Newcomers, settled users and those in much use: asked often enough, the cache lets all
        // of them go, and then nobody.
        var cache = ReadStateCache(window: 4)
        for user in 1...500 {
            let slot = cache.insert(UserID(UInt64(user)))
            for _ in 0..<user % 5 { cache.touch(slot) }
        }
        var left = 0
        while cache.chooseLeaving() != nil { left += 1 }
        #expect(left == 500)
        cache.checkInvariants()
    }
}
