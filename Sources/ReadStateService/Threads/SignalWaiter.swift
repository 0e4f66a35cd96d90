// SIGTERM and SIGINT as something a loop can read, instead of a handler that may not do anything.
// Made on the main thread before any other thread exists: threads inherit the mask, so the signals
// stay pending until they are read here, whichever thread the kernel would have picked. A child
// process inherits the mask too: whoever starts one must give it an empty mask.

import CLinux
import Glibc

/// The signals that end this process, readable from a descriptor.
package struct SignalWaiter: ~Copyable, Sendable {
    package enum Signal: String, Sendable {
        case terminate = "SIGTERM"
        case interrupt = "SIGINT"
    }

    package let fileDescriptor: Int32

    /// Blocks both signals for this thread and those it starts, and ignores SIGPIPE: a peer that
    /// is gone is an error of the write, not the end of the process.
    package init() throws(SystemCallError) {
        var mask = sigset_t()
        // Locals that outlive the calls; the handlers' old values are not asked for.
        unsafe sigemptyset(&mask)
        unsafe sigaddset(&mask, SIGTERM)
        unsafe sigaddset(&mask, SIGINT)
        let code = unsafe pthread_sigmask(SIG_BLOCK, &mask, nil)
        if code != 0 { throw SystemCallError("pthread_sigmask", code: code) }
        _ = signal(SIGPIPE, SIG_IGN)
        let flags = Int32(SFD_NONBLOCK) | Int32(SFD_CLOEXEC)
        let descriptor = unsafe signalfd(-1, &mask, flags)
        if descriptor < 0 { throw .last("signalfd") }
        fileDescriptor = descriptor
    }

    deinit { close(fileDescriptor) }

    /// The next signal, if one has come.
    package borrowing func take() -> Signal? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        let descriptor = fileDescriptor
        // The kernel writes whole structures of this size.
        let count = retryingInterrupts { unsafe read(descriptor, &information, size) }
        guard count == size else { return nil }
        return information.ssi_signo == UInt32(SIGINT) ? .interrupt : .terminate
    }

    /// The next signal; nil if none comes within `timeoutMilliseconds` (-1: for ever).
    package borrowing func wait(timeoutMilliseconds: Int) -> Signal? {
        var waited = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
        // One local structure, and a count of one.
        _ = unsafe poll(&waited, 1, Int32(clamping: timeoutMilliseconds))
        return take()
    }
}
