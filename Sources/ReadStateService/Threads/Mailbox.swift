// How threads talk to a loop: senders append under a lock that is held for a few nanoseconds, the
// loop takes everything at once by swapping arrays. The descriptor is signalled only when the box
// was empty, since a sleeping core costs about 20 µs to wake and one wake-up serves all items.
//
// The loop clears the descriptor before it takes the items. In the other order an item posted in
// between would have its wake-up cleared and wait until the next one.

import Synchronization

/// Items sent to one loop by any thread; they arrive in the order each thread posted them.
package final class Mailbox<Item: Sendable>: Sendable {
    private let items = Mutex<[Item]>([])
    private let wake: EventFD

    package init() throws(SystemCallError) { wake = try EventFD() }

    /// Readable while there may be items; for the loop's epoll.
    package var fileDescriptor: Int32 { wake.fileDescriptor }

    /// Adds an item and wakes the loop if it had none.
    package func post(_ item: Item) {
        let wasEmpty = items.withLock { items in
            items.append(item)
            return items.count == 1
        }
        if wasEmpty { wake.signal() }
    }

    /// Takes everything: replaces the content of `taken`, whose memory is kept for the next turn.
    package func drain(into taken: inout [Item]) {
        taken.removeAll(keepingCapacity: true)
        wake.clear()
        items.withLock { swap(&$0, &taken) }
    }
}
