import CLinux
import Glibc

/// A timer that epoll can see, on the clock that never goes back.
package struct TimerFD: ~Copyable, Sendable {
    package let fileDescriptor: Int32

    package init() throws(SystemCallError) {
        let descriptor = timerfd_create(
            CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
        if descriptor < 0 { throw .last("timerfd_create") }
        fileDescriptor = descriptor
    }

    deinit { close(fileDescriptor) }

    /// Fires after `milliseconds` (1 or more) and then, if `repeats`, as often again.
    package borrowing func arm(milliseconds: Int64, repeats: Bool = false) {
        precondition(milliseconds > 0)
        let interval = timespec(
            tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
        set(itimerspec(it_interval: repeats ? interval : timespec(), it_value: interval))
    }

    /// Does not fire any more until it is armed again.
    package borrowing func disarm() { set(itimerspec()) }

    /// Makes the descriptor unreadable again; how often the timer fired since it was last cleared.
    @discardableResult
    package borrowing func clear() -> Int {
        var count: UInt64 = 0
        let descriptor = fileDescriptor
        // Eight bytes into a local of eight bytes.
        let size = retryingInterrupts { unsafe read(descriptor, &count, 8) }
        return size == 8 ? Int(count) : 0
    }

    private borrowing func set(_ specification: itimerspec) {
        var specification = specification
        // A local that outlives the call; no old value is asked for.
        let result = unsafe timerfd_settime(fileDescriptor, 0, &specification, nil)
        precondition(result == 0, "an owned timer takes any valid time")
    }
}
