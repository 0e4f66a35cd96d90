// A thread of our own: a shard owns its partitions because exactly one thread runs its loop, so it
// must not be moved between threads of a pool, and may block in epoll for as long as it likes. The
// body is `sending`: state that is not Sendable is made outside, handed over, and out of reach of
// whoever made it.

import CLinux
import Glibc

/// One thread, owned by whoever started it; to be joined by them.
package struct OSThread: ~Copyable {
    private let thread: pthread_t

    /// Starts a thread. `name` shows in `top -H` (15 bytes).
    package init(
        name: String, _ body: sending @escaping () -> Void
    ) throws(SystemCallError) {
        let start = ThreadStart(name: name, body: body)
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

    /// A thread that nobody joins runs on by itself.
    deinit { pthread_detach(thread) }
}

/// What a new thread is given.
private final class ThreadStart {
    let name: String
    let body: () -> Void

    init(name: String, body: @escaping () -> Void) {
        self.name = name
        self.body = body
    }

    func run() {
        // Swift's bridging gives a NUL-terminated string that lives for the call.
        unsafe clinux_name_thread(name)
        body()
    }
}

/// How many cores this process may run on.
package func usableCores() -> Int { Int(clinux_usable_cores()) }
