// Offsets that hold the position back until somebody says they are done: dead letters on their way
// to their topic. They are opened in the order of the log and closed in any order.

/// Open offsets, oldest first.
package struct OffsetLedger: ~Copyable {
    private var open: [(offset: Offset, closed: Bool)] = []
    private var head = 0

    package init() {}

    package var count: Int { open.count - head }
    package var oldest: Offset? { head < open.count ? open[head].offset : nil }

    /// Opens an offset. One that is not above all that are open was delivered again, and is open or
    /// closed already.
    package mutating func open(_ offset: Offset) {
        if head == open.count {
            open.removeAll(keepingCapacity: true)
            head = 0
        } else if offset <= open[open.count - 1].offset {
            return
        }
        open.append((offset, false))
    }

    /// Closes an offset; one that is not open is none of ours (it was opened before a restart).
    package mutating func close(_ offset: Offset) {
        var low = head
        var high = open.count
        while low < high {
            let middle = (low + high) / 2
            if open[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        guard low < open.count, open[low].offset == offset else { return }
        open[low].closed = true
        while head < open.count, open[head].closed { head += 1 }
        if head > 1_024, head > open.count / 2 {
            open.removeFirst(head)
            head = 0
        }
    }

    package mutating func removeAll() {
        open.removeAll(keepingCapacity: true)
        head = 0
    }
}
