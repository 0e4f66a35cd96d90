// A thread of our own: a shard owns its partitions because exactly one thread runs its loop, so it
// must not be moved between threads of a pool, and may block in epoll for as long as it likes. The
// body is `sending`: state that is not Sendable is made outside, handed over, and out of reach of
// whoever made it. Pinning to a core keeps a shard's cache lines where they are.

import CLinux
import Glibc

/// One thread, owned by whoever started it; to be joined by them.
package struct OSThread: ~Copyable {
    private let thread: pthread_t

    /// Starts a thread. `name` shows in `top -H` (15 bytes); `cpu` pins it to a core where given
    /// and where the process may use it.
    package init(
        name: String, cpu: Int? = nil, _ body: sending @escaping () -> Void
    ) throws(SystemCallError) {
        let start = ThreadStart(name: name, cpu: cpu, body: body)
        // The retain is balanced by the thread, or below when there is no thread.
        let argument = unsafe Unmanaged.passRetained(start)
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                // The one reference that `passRetained` made is taken back exactly here.
                let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument!).takeRetainedValue()
                start.run()
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            unsafe argument.release()
            throw SystemCallError("pthread_create", code: code)
        }
        self.thread = thread
    }

    /// Waits for the thread's body to return.
    package consuming func join() {
        // Joined once: joining consumes the owner.
        let code = pthread_join(thread, nil)
        precondition(code == 0, "a thread is joined once, and not by itself")
        discard self
    }

    /// A thread that nobody joined runs on by itself; only an error on the way to `join` leads
    /// here.
    deinit { pthread_detach(thread) }
}

/// What a new thread is given.
private final class ThreadStart {
    let name: String
    let cpu: Int?
    let body: () -> Void

    init(name: String, cpu: Int?, body: @escaping () -> Void) {
        self.name = name
        self.cpu = cpu
        self.body = body
    }

    func run() {
        // Swift's bridging gives a NUL-terminated string that lives for the call.
        unsafe clinux_name_thread(name)
        // A core the process may not use leaves the thread where the kernel puts it: slower at
        // worst.
        if let cpu { _ = clinux_pin_thread(Int32(cpu)) }
        body()
    }
}

/// How many cores this process may run on.
package func usableCores() -> Int { Int(clinux_usable_cores()) }
