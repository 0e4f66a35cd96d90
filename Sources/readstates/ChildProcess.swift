// A program that the demo starts and ends: found on the PATH, its output in a file.

import Glibc

/// A child process; it is ended when its owner lets it go.
struct ChildProcess: ~Copyable {
    private let id: pid_t
    private var exit: Int32?

    /// Starts `words[0]` with the others as arguments. Its output and errors go to the file
    /// `output`, or where ours go. Nil if there is no such program.
    init?(_ words: [String], output: String? = nil) {
        var id: pid_t = 0
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        if let output {
            // Opened in the child; the path is copied.
            unsafe posix_spawn_file_actions_addopen(
                &actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            unsafe posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        }
        // The demo waits for signals, a child is to be ended by them.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        // Freed here, after the call that copies them.
        defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
        // Null-terminated, as the call wants it; `environ` is not changed by this program.
        let code = unsafe posix_spawnp(
            &id, words[0], &actions, &attributes, &arguments, environ)
        guard code == 0 else { return nil }
        self.id = id
    }

    deinit {
        guard exit == nil else { return }
        kill(id, SIGTERM)
        // Nobody asks how it ended.
        waitpid(id, nil, 0)
    }

    /// Whether it runs still.
    mutating func isRunning() -> Bool {
        if exit == nil { reap(WNOHANG) }
        return exit == nil
    }

    /// Waits for its end; its exit code, or 128 and the signal that ended it.
    mutating func wait() -> Int32 {
        while exit == nil { reap(0) }
        return exit!
    }

    /// SIGTERM, and its exit code.
    mutating func stop() -> Int32 {
        if isRunning() { kill(id, SIGTERM) }
        return wait()
    }

    private mutating func reap(_ options: Int32) {
        var status: Int32 = 0
        // A local that outlives the call.
        guard unsafe waitpid(id, &status, options) == id else { return }
        let signal = status & 0x7f
        exit = signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}
