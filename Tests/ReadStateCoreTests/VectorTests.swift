import ReadStateCore
import Testing

@Suite struct VectorTests {
    @Test func everyVectorHoldsForTheRules() throws {
        // A plain fold of each line's events gives the answers that the line expects.
        for vector in try Vector.all() {
            var states = PlainStates(window: vector.window)
            for event in vector.events { _ = states.apply(event, entries: vector.entries) }
            for expected in vector.expected {
                check(states.summary(expected.user, expected.channel), expected, vector)
            }
        }
    }

    @Test func everyVectorHoldsForTheCache() throws {
        // The same through the packed form, which agrees with the plain fold after every event.
        for vector in try Vector.all() {
            var states = PlainStates(window: vector.window)
            var cache = ReadStateCache(window: vector.window)
            for event in vector.events {
                let slot = cache.find(event.user) ?? cache.insert(event.user)
                let changed = cache.apply(event, entries: vector.entries.span, to: slot)
                #expect(changed == states.apply(event, entries: vector.entries), "\(vector.name)")
                let summary = cache.summary(event.channel, at: slot)
                #expect(summary == states.summary(event.user, event.channel), "\(vector.name)")
            }
            for expected in vector.expected {
                guard let slot = cache.find(expected.user) else { continue }
                check(cache.summary(expected.channel, at: slot), expected, vector)
            }
            cache.checkInvariants()
        }
    }

    @Test func aDuplicateOfEveryEventChangesNothing() throws {
        // Each event comes twice at different offsets: the answers are those of the single log.
        for vector in try Vector.all() {
            var states = PlainStates(window: vector.window)
            for event in vector.events {
                _ = states.apply(event, entries: vector.entries)
                _ = states.apply(event, entries: vector.entries)
            }
            for expected in vector.expected {
                check(states.summary(expected.user, expected.channel), expected, vector)
            }
        }
    }

    private func check(
        _ summary: ReadStateSummary, _ expected: Vector.Expectation, _ vector: Vector
    ) {
        let name = "\(vector.name), window \(vector.window), channel \(expected.channel.rawValue)"
        #expect(summary.lastRead == expected.lastRead, "\(name)")
        #expect(summary.lastMessage == expected.lastMessage, "\(name)")
        if let exact = expected.exact { #expect(summary.exact == exact, "\(name)") }
        if summary.exact {
            #expect(summary.unreadCount == expected.unreadCount, "\(name)")
            #expect(summary.mentionCount == expected.mentionCount, "\(name)")
        } else {
            #expect(summary.unreadCount >= expected.unreadCount, "\(name)")
            #expect(summary.mentionCount >= expected.mentionCount, "\(name)")
        }
    }
}
