// The one place where a thread waits. A loop registers each descriptor with a token of its own
// choosing, waits, and is told which tokens can be read or written. Level-triggered: what a turn
// leaves undone is reported again, so a loop may bound its turns without losing anything.

import CLinux
import Glibc

/// What a loop wants to hear of a descriptor.
package struct Interest: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let read = Interest(rawValue: EPOLLIN.rawValue | EPOLLRDHUP.rawValue)
    package static let write = Interest(rawValue: EPOLLOUT.rawValue)
}

/// What a wait found out about one descriptor.
package struct Readiness: Sendable {
    package let token: UInt64
    package let readable: Bool
    package let writable: Bool
    /// The other side is gone, or the descriptor is in error; reading tells more.
    package let hangup: Bool
}

/// Descriptors that are waited for together, by one thread. Safe: the C structures stay inside.
@safe package struct Epoll: ~Copyable {
    private let fileDescriptor: Int32
    private let batch: Int
    private var buffer: [epoll_event]

    /// `batch`: how many descriptors one wait reports at most.
    package init(batch: Int = 64) throws(SystemCallError) {
        precondition(batch > 0)
        self.batch = batch
        unsafe buffer = [epoll_event](repeating: epoll_event(), count: batch)
        let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        if descriptor < 0 { throw .last("epoll_create1") }
        fileDescriptor = descriptor
    }

    deinit { close(fileDescriptor) }

    package borrowing func add(
        _ descriptor: Int32, token: UInt64, _ interest: Interest = .read
    ) throws(SystemCallError) {
        try control(EPOLL_CTL_ADD, "epoll add", descriptor, token, interest)
    }

    package borrowing func modify(
        _ descriptor: Int32, token: UInt64, _ interest: Interest
    ) throws(SystemCallError) {
        try control(EPOLL_CTL_MOD, "epoll modify", descriptor, token, interest)
    }

    /// Stops hearing of a descriptor; one that is closed already is fine.
    package borrowing func remove(_ descriptor: Int32) {
        var event = unsafe epoll_event()
        // A local that outlives the call.
        _ = unsafe epoll_ctl(fileDescriptor, EPOLL_CTL_DEL, descriptor, &event)
    }

    /// Waits until something is ready, at most `timeoutMilliseconds` (-1: for ever), and replaces
    /// the content of `ready`. A signal ends the wait early, with nothing ready.
    package mutating func wait(into ready: inout [Readiness], timeoutMilliseconds: Int) {
        ready.removeAll(keepingCapacity: true)
        let timeout = Int32(clamping: timeoutMilliseconds)
        // The kernel writes at most `batch` events, for which the array has room.
        let count = unsafe epoll_wait(fileDescriptor, &buffer, Int32(batch), timeout)
        precondition(count >= 0 || errno == EINTR, "an owned epoll descriptor can be waited on")
        for index in 0..<max(0, Int(count)) {
            let events = unsafe buffer[index].events
            let gone = EPOLLHUP.rawValue | EPOLLERR.rawValue | EPOLLRDHUP.rawValue
            ready.append(
                Readiness(
                    // Every event was registered with its token in the union's 64-bit member.
                    token: unsafe buffer[index].data.u64,
                    readable: events & EPOLLIN.rawValue != 0,
                    writable: events & EPOLLOUT.rawValue != 0,
                    hangup: events & gone != 0))
        }
    }

    private borrowing func control(
        _ operation: Int32, _ name: String, _ descriptor: Int32, _ token: UInt64,
        _ interest: Interest
    ) throws(SystemCallError) {
        var event = unsafe epoll_event()
        unsafe event.events = interest.rawValue
        unsafe event.data.u64 = token
        // A local that outlives the call.
        if unsafe epoll_ctl(fileDescriptor, operation, descriptor, &event) != 0 {
            throw .last(name)
        }
    }
}
