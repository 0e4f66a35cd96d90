// Questions that cannot be answered yet: they wait for an offset, for a load, or only for their
// turn. Each has a ticket that the asker made up; the core never sees who asked or where the answer
// goes.

/// Names a question between asker and engine.
package struct Ticket: Hashable, Sendable {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The questions of one partition that wait.
struct WaitingQuestions: ~Copyable {
    struct Waiting {
        var question: Question
        /// Answer only once the log is applied up to and including this offset.
        var minOffset: Offset?
        /// When it ends, and whether that was asked for (then nobody waits for the answer any
        /// more).
        var deadline: Instant
        var isAsked: Bool
    }

    private(set) var waiting: [Ticket: Waiting] = [:]
    /// Those whose turn it is, oldest first.
    private var ready: [Ticket] = []
    private var readyHead = 0
    /// Those that wait for an offset: a binary heap, least offset first.
    private var byOffset: [(offset: Offset, ticket: Ticket)] = []

    var count: Int { waiting.count }
    var hasReady: Bool { readyHead < ready.count }
    var bookkeepingCount: Int { waiting.count + ready.count + byOffset.count }

    subscript(ticket: Ticket) -> Waiting? { waiting[ticket] }

    /// Takes a question in; it waits for its offset first, if that is not below `next`.
    mutating func add(_ ticket: Ticket, _ question: Waiting, next: Offset) {
        precondition(waiting.updateValue(question, forKey: ticket) == nil, "a ticket is used once")
        if let minOffset = question.minOffset, minOffset >= next {
            if byOffset.count > 2 * waiting.count + 64 { forgetEnded() }
            byOffset.append((minOffset, ticket))
            siftUp(byOffset.count - 1)
        } else {
            ready.append(ticket)
        }
    }

    /// Questions that waited for an offset below `next` have their turn.
    mutating func reached(_ next: Offset) {
        while let first = byOffset.first, first.offset < next {
            byOffset.swapAt(0, byOffset.count - 1)
            byOffset.removeLast()
            siftDown(0)
            makeReady(first.ticket)
        }
    }

    /// Puts a question in line; one that ended meanwhile is passed over when its turn comes.
    mutating func makeReady(_ ticket: Ticket) {
        ready.append(ticket)
    }

    /// The next ticket in line, if any.
    mutating func nextReady() -> Ticket? {
        guard readyHead < ready.count else {
            ready.removeAll(keepingCapacity: true)
            readyHead = 0
            return nil
        }
        readyHead += 1
        return ready[readyHead - 1]
    }

    mutating func remove(_ ticket: Ticket) {
        waiting[ticket] = nil
    }

    /// Tickets whose deadline is over.
    func expired(_ now: Instant) -> [Ticket] {
        waiting.filter { $0.value.deadline <= now }.map(\.key).sorted { $0.rawValue < $1.rawValue }
    }

    /// Empties it; the tickets in the order in which they were taken in.
    mutating func takeAll() -> [Ticket] {
        let tickets = waiting.keys.sorted { $0.rawValue < $1.rawValue }
        waiting.removeAll()
        ready.removeAll()
        readyHead = 0
        byOffset.removeAll()
        return tickets
    }

    /// Drops what ended before its offset was reached: an offset in the far future never is.
    private mutating func forgetEnded() {
        byOffset = byOffset.filter { waiting[$0.ticket] != nil }.sorted { $0.offset < $1.offset }
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard byOffset[child].offset < byOffset[parent].offset else { return }
            byOffset.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < byOffset.count {
                if byOffset[child].offset < byOffset[least].offset { least = child }
            }
            guard least != parent else { return }
            byOffset.swapAt(parent, least)
            parent = least
        }
    }
}
