// Redis answers in the order of the requests. So a connection's replies are understood by a plain
// queue of what was asked.

/// What the replies of one connection belong to, oldest first.
struct Expectations<Expected>: ~Copyable {
    private var items: [Expected] = []
    private var head = 0

    var count: Int { items.count - head }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ item: Expected) { items.append(item) }

    /// What the reply at hand belongs to.
    mutating func next() -> Expected {
        precondition(head < items.count, "a reply belongs to a request")
        let item = items[head]
        head += 1
        if head == items.count {
            removeAll()
        } else if head > 256, head > items.count / 2 {
            items.removeFirst(head)
            head = 0
        }
        return item
    }

    /// The connection is gone, and all replies with it: what was waited for.
    mutating func takeAll() -> [Expected] {
        defer { removeAll() }
        return Array(items[head...])
    }

    private mutating func removeAll() {
        items.removeAll(keepingCapacity: true)
        head = 0
    }
}
