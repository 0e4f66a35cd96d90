// What a question's answer needs of its request: id, reply list and encoding, kept under the ticket
// that the engine knows the question by. The requests' own bytes are kept too, as long as the
// question may have to go back to its list (when the partition is taken away before it is
// answered).

import ReadStateCore
import ReadStateWire

/// Requests that wait in a shard's engines.
struct PendingRequests {
    struct Pending {
        var address: ReplyAddress
        /// The request as it was popped.
        var bytes: [UInt8]
        /// Nanoseconds on the monotonic clock when it was popped.
        var since: UInt64
    }

    private var waiting: [Ticket: Pending] = [:]
    private var nextTicket: UInt64 = 0
    private(set) var byteCount = 0

    var count: Int { waiting.count }

    mutating func add(_ pending: Pending) -> Ticket {
        let ticket = Ticket(nextTicket)
        nextTicket += 1
        byteCount += pending.bytes.count
        waiting[ticket] = pending
        return ticket
    }

    mutating func take(_ ticket: Ticket) -> Pending {
        guard let pending = waiting.removeValue(forKey: ticket) else {
            preconditionFailure("a ticket is answered once")
        }
        byteCount -= pending.bytes.count
        return pending
    }
}
