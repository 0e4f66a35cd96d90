import Foundation
import ReadStateCore
import TestSupport
import Testing

@Suite struct CacheModelTests {
    /// Steps of one test run; millions with READSTATES_MODEL_STEPS.
    static let steps =
        ProcessInfo.processInfo.environment["READSTATES_MODEL_STEPS"].flatMap { Int($0) } ?? 12_000

    @Test func theCacheCannotBeToldFromItsModel() {
        // Random operations on the cache and on plain dictionaries and arrays: same answers, same
        // orders, same changes to commit, invariants kept after every step, for windows and caches
        // small and large, and for capacities that evict after nearly every event.
        let shapes: [CacheModel.Shape] = [
            .init(window: 8, users: 3, channels: 2, rare: 30),
            .init(window: 0, users: 3, channels: 2, rare: 20),
            .init(window: 1, users: 2, channels: 2, rare: 20),
            .init(window: 2, users: 5, channels: 3, rare: 10),
            .init(window: 32, users: 2, channels: 1, rare: 4),
            .init(window: 1000, users: 2, channels: 2, rare: 1),
            .init(window: 8, users: 60, channels: 3, rare: 10),
            .init(window: 4, users: 2, channels: 150, rare: 10),
            .init(window: 8, users: 20, channels: 3, rare: 10, capacity: 1),
            .init(window: 2, users: 3, channels: 4, rare: 10, capacity: 2),
            .init(window: 32, users: 40, channels: 12, rare: 5, capacity: 30),
            .init(window: 4, users: 1_000_000, channels: 5, rare: 5, capacity: 40),
        ]
        let start =
            ProcessInfo.processInfo.environment["READSTATES_MODEL_SEED"].flatMap { UInt64($0) } ?? 1
        var seed = start
        var done = 0
        while done < Self.steps {
            let shape = shapes[Int(seed % UInt64(shapes.count))]
            var model = CacheModel(seed: seed, shape)
            // Most caches are young, since that is where sizes change; some get old.
            let length = seed % 13 == 0 ? 5000 : 500
            for step in 0..<length {
                model.step()
                model.cache.checkInvariants()
                if let difference = model.difference {
                    Issue.record("seed \(seed), \(shape), step \(step): \(difference)")
                    return
                }
            }
            done += length
            seed += 1
        }
        print("\(done) steps of the model, seeds \(start) to \(seed - 1)")
    }

    @Test(arguments: [0, 1, 2, 3, 8, 32, 1000])
    func theShortWaysDoWhatTheRulesSay(window: Int) {
        // Plain traffic on few channels, nothing but sends and reads, then with rarer events mixed
        // in: after each event the packed state is the one that the rules give.
        for seed in 0..<UInt64(max(6, Self.steps / 1000)) {
            let shape = CacheModel.Shape(
                window: window, users: 1, channels: 1, rare: [0, 2, 15][Int(seed % 3)])
            var model = CacheModel(seed: seed &* 7919 &+ UInt64(window), shape)
            for step in 0..<400 {
                model.applyEvent()
                if let difference = model.difference {
                    Issue.record("seed \(seed), window \(window), step \(step): \(difference)")
                    return
                }
            }
            model.cache.checkInvariants()
        }
    }

    @Test(arguments: [1, 64, 65, 10_000])
    func aUserMayHaveManyChannels(channels: Int) {
        // Every channel of a user is found, listed in order and dropped with it, whatever the form
        // of its block.
        var cache = ReadStateCache(window: 4)
        let user = UserID(77)
        let slot = cache.insert(user)
        let entries: [Entry] = []
        for round in 1...3 {
            for channel in 1...channels {
                let event = Event(
                    offset: .zero, user: user, channel: ChannelID(UInt64(channel) << 22), op: .none,
                    kind: .messageSent(
                        MessageID(UInt64(round) << 30), mention: false, own: false))
                let changed = cache.apply(event, entries: entries.span, to: slot)
                #expect(changed)
            }
        }
        #expect(cache.stateCount == channels)
        #expect(cache.totals(at: slot).unreadChannels == channels)
        var listed: [UInt64] = []
        cache.forEachSummary(at: slot, after: ChannelID(0), unreadOnly: true) {
            #expect($0.unreadCount == 3)
            listed.append($0.channel.rawValue)
            return true
        }
        #expect(listed == (1...channels).map { UInt64($0) << 22 })
        cache.checkInvariants()
        let charged = cache.chargedBytes
        cache.remove(slot)
        #expect(cache.stateCount == 0)
        #expect(cache.chargedBytes < charged)
        cache.checkInvariants()
    }

    @Test func aMessageThatIsNeitherReadNorCountedCountsWhenItComesAgain() {
        // A mark-unread that lists nothing leaves the newest message above last read and in no
        // window: its repetition is the first that the window sees of it.
        var cache = ReadStateCache(window: 1)
        let slot = cache.insert(UserID(1))
        func apply(_ kind: Event.Kind) -> Bool {
            let entries: [Entry] = []
            let event = Event(
                offset: .zero, user: UserID(1), channel: ChannelID(7), op: .none, kind: kind)
            return cache.apply(event, entries: entries.span, to: slot)
        }
        let message = Event.Kind.messageSent(MessageID(100), mention: false, own: false)
        let nothing = EntryRange(start: 0, count: 0)
        #expect(apply(message))
        #expect(!apply(message))
        #expect(apply(.messageRead(MessageID(100))))
        #expect(!apply(message))
        #expect(apply(.markedUnread(MessageID(100), unread: nothing, older: 0, olderMentions: 0)))
        #expect(apply(message))
        #expect(cache.totals(at: slot).unreadChannels == 1)
    }

    @Test func aMarkUnreadWithoutAnOpIsInOrder() {
        // It came after the user's own message, which does not undo it; one that was accepted
        // before that message is undone.
        for (op, unread) in [(MessageID(0), 1), (MessageID(101), 1), (MessageID(99), 0)] {
            var cache = ReadStateCache(window: 4)
            let slot = cache.insert(UserID(1))
            func apply(_ kind: Event.Kind, op: MessageID, _ entries: [Entry] = []) {
                let event = Event(
                    offset: .zero, user: UserID(1), channel: ChannelID(7), op: op, kind: kind)
                _ = cache.apply(event, entries: entries.span, to: slot)
            }
            apply(.messageSent(MessageID(90), mention: false, own: false), op: .none)
            apply(.messageSent(MessageID(100), mention: false, own: true), op: .none)
            let listed = EntryRange(start: 0, count: 1)
            apply(
                .markedUnread(MessageID(90), unread: listed, older: 0, olderMentions: 0), op: op,
                [Entry(90, 0)])
            let totals = cache.totals(at: slot)
            #expect(totals.unreadChannels == unread, "op \(op)")
        }
    }

    @Test func aUserHasAsManyStatesAsItMay() {
        // One channel more than a user may have changes nothing and is counted; the others go on.
        var cache = ReadStateCache(window: 4, statesLimit: 3)
        let user = UserID(5)
        let slot = cache.insert(user)
        let entries: [Entry] = []
        for round in 1...2 {
            for channel in 1...4 {
                let kind = Event.Kind.messageSent(
                    MessageID(UInt64(round)), mention: false, own: false)
                let event = Event(
                    offset: .zero, user: user, channel: ChannelID(UInt64(channel)), op: .none,
                    kind: kind)
                let changed = cache.apply(event, entries: entries.span, to: slot)
                #expect(changed == (channel < 4))
            }
        }
        #expect(cache.stateCount == 3)
        #expect(cache.refusedStates == 2)
        #expect(cache.totals(at: slot).unreadChannels == 3)
        let beyond = cache.summary(ChannelID(4), at: slot)
        #expect(beyond.unreadCount == 0)
        cache.checkInvariants()
    }

    @Test func aSmallerWindowHoldsWhatWasStoredWithALargerOne() {
        // After a restart with smaller windows, states come back with larger ones: they are cut as
        // an event would cut them, nothing is counted less, and they stay within the limit.
        var cache = ReadStateCache(window: 32)
        let (user, channel) = (UserID(7), ChannelID(9))
        let entries: [Entry] = []
        var state = ReadState()
        func event(_ id: UInt64) -> Event {
            Event(
                offset: .zero, user: user, channel: channel, op: .none,
                kind: .messageSent(MessageID(id), mention: id % 7 == 0, own: false))
        }
        for id in 1...40 as ClosedRange<UInt64> {
            _ = state.apply(event(id), entries: entries.span, window: 1000)
        }
        let slot = cache.insert(user)
        cache.load(state, channel: channel, into: slot)
        for id in 41...2000 as ClosedRange<UInt64> {
            var held = ReadState()
            cache.forEachState(at: slot) { held = copy $1 }
            #expect(held.window.count <= 32 && held.exact)
            #expect(held.unreadCount == Int(id) - 1 && held.mentionCount == (Int(id) - 1) / 7)
            _ = cache.apply(event(id), entries: entries.span, to: slot)
        }
    }

    @Test func theIndexGrowsWhileItIsUsed() {
        // Users come and go while the index moves to larger tables; all that stay are found.
        var random = SeededNumbers(seed: 4)
        var cache = ReadStateCache(window: 1)
        var users: [UInt64] = []
        for step in 0..<30_000 {
            if random.chance(25), !users.isEmpty {
                let user = users.remove(at: random.below(users.count))
                guard let slot = cache.find(UserID(user)) else {
                    Issue.record("user \(user) was lost at step \(step)")
                    return
                }
                cache.remove(slot)
                let gone = cache.find(UserID(user)) == nil
                #expect(gone)
            } else {
                let user = random.chance(50) ? UInt64(step) + 1 : random.next() >> 1
                guard cache.find(UserID(user)) == nil else { continue }
                _ = cache.insert(UserID(user))
                users.append(user)
            }
            if step % 3000 == 0 { cache.checkInvariants() }
        }
        for user in users {
            let found = cache.find(UserID(user)) != nil
            #expect(found)
        }
        cache.checkInvariants()
    }

    @Test func aUserWithManyWindowsMovesWhole() {
        // Records move when others leave; side blocks learn it little by little, and meanwhile
        // blocks move, grow and go, and the one that moves may itself leave.
        var random = SeededNumbers(seed: 21)
        for round in 0..<2 {
            var cache = ReadStateCache(window: 8)
            var counts: [UInt64: Int] = [:]
            var message: UInt64 = 1 << 30
            func send(to user: UInt64, _ channel: Int) {
                let entries: [Entry] = []
                let slot = cache.find(UserID(user)) ?? cache.insert(UserID(user))
                message += 1 + random.next() % (1 << 40)
                let kind = Event.Kind.messageSent(MessageID(message), mention: false, own: false)
                let event = Event(
                    offset: .zero, user: UserID(user), channel: ChannelID(UInt64(channel + 1)),
                    op: .none, kind: kind)
                let changed = cache.apply(event, entries: entries.span, to: slot)
                #expect(changed)
                counts[user, default: 0] += 1
            }
            for user in 1...40 {
                for channel in 0..<300 { send(to: UInt64(user), channel % 100) }
            }
            while counts.count > 4 {
                let users = counts.keys.sorted()
                let gone = users[random.chance(50) ? random.below(users.count) : users.count - 1]
                guard let slot = cache.find(UserID(gone)) else { break }
                cache.remove(slot)
                counts[gone] = nil
                for user in users.prefix(3) where user != gone { send(to: user, random.below(110)) }
                if round == 0 { send(to: UInt64(100 + random.below(3)), 1) }
                cache.checkInvariants()
            }
            for (user, count) in counts {
                guard let slot = cache.find(UserID(user)) else {
                    Issue.record("user \(user) is lost")
                    return
                }
                var unread = 0
                cache.forEachState(at: slot) { unread += $1.unreadCount }
                #expect(unread == count)
            }
        }
    }

    @Test(arguments: [257, 300, 378, 511, 600, 640, 1000])
    func aUserWithManyWindowsLeavesWhole(channels: Int) {
        // A user's side blocks lie side by side and go with it in any number; others keep theirs,
        // and who comes then gets none that somebody has.
        var cache = ReadStateCache(window: 8)
        var message: UInt64 = 1 << 30
        func sendTwice(to user: UInt64, channels: Int) {
            let entries: [Entry] = []
            let slot = cache.insert(UserID(user))
            for channel in 1...channels {
                for _ in 0..<2 {
                    message += 1
                    let kind = Event.Kind.messageSent(
                        MessageID(message), mention: false, own: false)
                    let event = Event(
                        offset: .zero, user: UserID(user), channel: ChannelID(UInt64(channel)),
                        op: .none, kind: kind)
                    let changed = cache.apply(event, entries: entries.span, to: slot)
                    #expect(changed)
                }
            }
        }
        func isWhole(_ user: UInt64) -> Bool {
            guard let slot = cache.find(UserID(user)) else { return false }
            var isWhole = true
            cache.forEachState(at: slot) {
                isWhole = isWhole && $1.window.count == 2 && $1.lastMessage == $1.window[1].id
            }
            return isWhole
        }
        sendTwice(to: 1, channels: 5)
        for round in UInt64(1)...3 {
            sendTwice(to: 2, channels: channels)
            cache.remove(cache.find(UserID(2))!)
            cache.checkInvariants()
            sendTwice(to: 100 + round, channels: channels)
            cache.checkInvariants()
            #expect(isWhole(1) && isWhole(100 + round))
        }
    }

    @Test func manyWindowsOfOneUserGrow() {
        // A window that outgrows its block leaves a hole, and the blocks that move are those of the
        // same user's other channels, whose numbers differ by 256 and more.
        var cache = ReadStateCache(window: 40)
        var random = SeededNumbers(seed: 5)
        let slot = cache.insert(UserID(1))
        var unread = [Int](repeating: 0, count: 1_100)
        let entries: [Entry] = []
        for step in 0..<30_000 {
            let channel = random.below(unread.count)
            unread[channel] = min(unread[channel] + 1, 40)
            let kind = Event.Kind.messageSent(
                MessageID(UInt64(1 << 30 + step)), mention: false, own: false)
            let event = Event(
                offset: .zero, user: UserID(1), channel: ChannelID(UInt64(channel + 1)),
                op: .none, kind: kind)
            let changed = cache.apply(event, entries: entries.span, to: slot)
            #expect(changed)
            if step % 500 == 0 { cache.checkInvariants() }
        }
        cache.checkInvariants()
        cache.forEachState(at: slot) {
            #expect($1.window.count == unread[Int($0.rawValue) - 1])
        }
    }

    @Test func whatIsChargedIsGivenBack() {
        // A cache that was filled and emptied is charged for its index only, and removeAll brings
        // it back to where it began.
        var cache = ReadStateCache(window: 32)
        let empty = cache.chargedBytes
        var mix = EventMix(seed: 9, users: 500, channels: 20, rare: 10)
        for _ in 0..<20_000 {
            let event = mix.next()
            let slot = cache.find(event.user) ?? cache.insert(event.user)
            _ = cache.apply(event, entries: mix.entries.span, to: slot)
        }
        cache.checkInvariants()
        let full = cache.chargedBytes
        var left = cache.userCount
        while let slot = cache.chooseLeaving() {
            cache.remove(slot)
            left -= 1
            if left % 50 == 0 { cache.checkInvariants() }
        }
        cache.checkInvariants()
        #expect(cache.stateCount == 0 && cache.userCount == 0)
        #expect(cache.chargedBytes < full / 20)
        cache.removeAll()
        #expect(cache.chargedBytes == empty)
    }
}
