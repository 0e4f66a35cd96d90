// What a partition's engine is fed with: a run of events of one partition in the order of the log.
// A batch is allocated once per shard and reused for ever; filling it costs a store per event. Two
// thirds of the cache's speed come from looking ahead in it (docs/cache.md).

/// A reusable run of events of one partition. Safe: every access is checked against `count`.
@safe package struct EventBatch: ~Copyable {
    /// Owned: allocated in `init`, freed in `deinit`; only [0, count) is initialised.
    private let storage: UnsafeMutablePointer<Event>
    package let capacity: Int
    package private(set) var count = 0
    /// The lists of the batch's events, end to end.
    package var entries: [Entry] = []

    /// A batch of at most `capacity` events, 1 or more.
    package init(capacity: Int) {
        precondition(capacity > 0)
        unsafe storage = UnsafeMutablePointer<Event>.allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { unsafe storage.deallocate() }

    package var isFull: Bool { count == capacity }
    package var isEmpty: Bool { count == 0 }

    /// Adds an event; the batch must not be full.
    package mutating func append(_ event: Event) {
        precondition(count < capacity, "a batch takes what it was made for")
        unsafe (storage + count).initialize(to: event)
        count += 1
    }

    package mutating func removeAll() {
        count = 0
        entries.removeAll(keepingCapacity: true)
    }

    /// The event at an index below `count` that the caller has checked: two comparisons less, which
    /// is a tenth of what an ordinary event takes.
    @inline(__always)
    @unsafe subscript(unchecked index: Int) -> Event {
        assert(index >= 0 && index < count)
        // In bounds and initialised, says the caller.
        return unsafe storage[index]
    }

    package subscript(index: Int) -> Event {
        precondition(index >= 0 && index < count)
        // In bounds by the line above, and initialised because it is below `count`.
        return unsafe storage[index]
    }

    /// The events, for as long as the batch is not changed.
    package var events: Span<Event> {
        @_lifetime(borrow self)
        borrowing get {
            // The first `count` events are initialised, and `self` owns them while it is borrowed.
            let span = unsafe Span(_unsafeStart: storage, count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
}
