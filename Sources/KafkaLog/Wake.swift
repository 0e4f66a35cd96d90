// A file descriptor that becomes readable when a queue of librdkafka goes from empty to not empty,
// so that a thread can wait for Kafka, Redis and timers in one epoll.

internal import CLinux
internal import Glibc

/// An eventfd, closed with its last reference. librdkafka writes to it from its own threads, so
/// whatever keeps a queue alive keeps this alive too.
final class Wake: Sendable {
    let fd: Int32

    init() {
        fd = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(fd >= 0, "out of file descriptors")
    }

    deinit { close(fd) }

    /// Forgets the wake-ups so far. To be called before the queue is looked at, never after.
    func clear() {
        var count: UInt64 = 0
        // Eight bytes into eight bytes; EAGAIN means that there was nothing to forget.
        _ = unsafe read(fd, &count, 8)
    }

    /// Counts one wake-up.
    func signal() {
        var one: UInt64 = 1
        // Eight bytes out of eight bytes.
        _ = unsafe write(fd, &one, 8)
    }

    /// Waits until it is signalled or the time is over.
    func wait(milliseconds: Int32) {
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        // One entry, as the count says.
        _ = unsafe Glibc.poll(&entry, 1, milliseconds)
    }
}

/// A moment after which nothing is waited for any more.
struct Deadline {
    private let end: ContinuousClock.Instant

    init(within duration: Duration) { end = .now + duration }

    var passed: Bool { ContinuousClock.now >= end }

    /// The end of the first of `count` equal parts of what is left.
    func share(of count: Int) -> Deadline {
        Deadline(within: max(ContinuousClock.now.duration(to: end), .zero) / count)
    }

    /// What is left, from 0 up to `limit`.
    func remainingMilliseconds(limit: Int32 = .max) -> Int32 {
        let left = ContinuousClock.now.duration(to: end) / .milliseconds(1)
        return Int32(min(max(left.rounded(.up), 0), Double(limit)))
    }
}
