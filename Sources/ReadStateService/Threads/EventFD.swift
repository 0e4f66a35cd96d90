import CLinux
import Glibc

/// A wake-up that epoll can see: any thread signals, the owner's loop clears.
package struct EventFD: ~Copyable, Sendable {
    package let fileDescriptor: Int32

    package init() throws(SystemCallError) {
        let descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        if descriptor < 0 { throw .last("eventfd") }
        fileDescriptor = descriptor
    }

    deinit { close(fileDescriptor) }

    /// Makes the descriptor readable until it is cleared.
    package borrowing func signal() {
        var one: UInt64 = 1
        let descriptor = fileDescriptor
        // Eight bytes of a local; a full counter (EAGAIN) is readable already, which is all we
        // want.
        _ = retryingInterrupts { unsafe write(descriptor, &one, 8) }
    }

    /// Forgets the signals so far; true if there were any.
    @discardableResult
    package borrowing func clear() -> Bool {
        var count: UInt64 = 0
        let descriptor = fileDescriptor
        // Eight bytes into a local of eight bytes.
        return retryingInterrupts { unsafe read(descriptor, &count, 8) } == 8
    }
}
