// Events that came while their user was being loaded. They wait in the order of the log, in one
// ring for the whole partition; each knows the next event of the same user, so that a loaded user's
// events are replayed without searching.
//
//     head ─▶ [a 17]──┐ [b 18]──┐ [a 19]◀─┘ …  [c 25] ◀─ tail
//                     └─────────────▲
//
// The ring gives the partition's position for free: its head is the oldest event that is not
// applied yet. An event whose user is done stays as a gap until the head passes it.

/// The events of one user in the ring: a linked list of places.
package struct ParkedList: Sendable {
    var first = ParkedEvents.nowhere
    var last = ParkedEvents.nowhere
    package var isEmpty: Bool { first == ParkedEvents.nowhere }
    package init() {}
}

/// A partition's parked events, oldest first.
package struct ParkedEvents: ~Copyable {
    /// A place in the ring: counts up for ever, its slot is the place modulo the ring's size.
    typealias Place = UInt64
    static let nowhere = Place.max

    private struct Parked {
        var event: Event
        var next: Place
        var waiting: Bool
    }

    private var ring: [Parked] = []
    private var head: Place = 0
    private var tail: Place = 0
    /// The lists of the few events that have one.
    private var lists: [Place: [Entry]] = [:]
    private var entryCount = 0

    package init() {}

    /// Places in use, gaps included, and entries of lists: what the bound is about.
    package var weight: Int { Int(tail - head) + entryCount }

    /// The oldest event that still waits.
    package var oldestOffset: Offset? { head == tail ? nil : ring[slot(head)].event.offset }

    /// Adds an event behind the others of its user. `entries` are the batch's, the event names its
    /// range of them.
    package mutating func park(_ event: Event, entries: Span<Entry>, in list: inout ParkedList) {
        if Int(tail - head) == ring.count { grow(like: event) }
        let place = tail
        tail += 1
        ring[slot(place)] = Parked(event: event, next: Self.nowhere, waiting: true)
        if let range = event.entryRange {
            var copy: [Entry] = []
            copy.reserveCapacity(Int(range.count))
            for i in 0..<Int(range.count) { copy.append(entries[Int(range.start) + i]) }
            entryCount += copy.count
            lists[place] = copy
            ring[slot(place)].event = event.withEntries(at: 0)
        }
        if list.isEmpty {
            list.first = place
        } else {
            ring[slot(list.last)].next = place
        }
        list.last = place
    }

    /// Takes the oldest event of a user, with its own entries; nil when there is none left.
    package mutating func take(from list: inout ParkedList) -> (Event, [Entry])? {
        guard !list.isEmpty else { return nil }
        let place = list.first
        let parked = ring[slot(place)]
        precondition(parked.waiting, "an event is replayed once")
        ring[slot(place)].waiting = false
        list.first = parked.next
        if list.first == Self.nowhere { list.last = Self.nowhere }
        // Hardly any event has a list, and the dictionary would hash the place even while empty.
        let hasList = parked.event.entryRange != nil
        let entries = hasList ? lists.removeValue(forKey: place) ?? [] : []
        entryCount -= entries.count
        while head != tail, !ring[slot(head)].waiting { head += 1 }
        return (parked.event, entries)
    }

    package mutating func removeAll() {
        head = tail
        lists.removeAll()
        entryCount = 0
    }

    private func slot(_ place: Place) -> Int { Int(truncatingIfNeeded: place) & (ring.count - 1) }

    /// Doubles the ring (its size is a power of two). It never grows beyond twice its bound,
    /// because the partition is not read while the bound is exceeded.
    private mutating func grow(like event: Event) {
        let filler = Parked(event: event, next: Self.nowhere, waiting: false)
        var larger = [Parked](repeating: filler, count: max(64, ring.count * 2))
        let mask = UInt64(larger.count - 1)
        var place = head
        while place != tail {
            larger[Int(place & mask)] = ring[slot(place)]
            place += 1
        }
        ring = larger
    }
}

extension Event {
    /// The same event with its list beginning at `start`.
    func withEntries(at start: UInt32) -> Event {
        var copy = self
        switch kind {
        case .markedUnread(let id, let range, let older, let mentions):
            copy.kind = .markedUnread(
                id, unread: EntryRange(start: start, count: range.count), older: older,
                olderMentions: mentions)
        case .messageDeleted(let range):
            copy.kind = .messageDeleted(EntryRange(start: start, count: range.count))
        case .readMany(let range):
            copy.kind = .readMany(EntryRange(start: start, count: range.count))
        case .messageSent, .messageRead, .mentionChanged, .channelJoined, .channelLeft, .userErased:
            break
        }
        return copy
    }
}
