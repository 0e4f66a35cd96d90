// Folders of tests. Each goes away with its owner; what is still there when the process exits
// (owners that live as long as the process, such as the shared broker) goes away then.

import FoundationEssentials
import Glibc
import Synchronization

/// A fresh folder, deleted with everything in it when its owner lets go of it.
package final class TemporaryDirectory: Sendable {
    /// Short, so that the path of a unix socket (at most 107 bytes) fits into it.
    package let path: String

    package init(_ prefix: String = "readstates") {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/\(prefix)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            fatalError("no folder under \(base): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        Leftovers.add(folder: path)
    }

    deinit { close() }

    /// Deletes the folder now; later calls do nothing.
    package func close() {
        Leftovers.remove(folder: path)
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a file in this folder.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file into this folder and gives its path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        let path = file(name)
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }
}

/// What must not outlive the test process: its child processes and its folders.
enum Leftovers {
    private struct State {
        var folders: Set<String> = []
        var processes: Set<pid_t> = []
        var isRegistered = false
    }
    private static let state = Mutex(State())

    static func add(folder: String) { change { $0.folders.insert(folder) } }
    static func remove(folder: String) { change { $0.folders.remove(folder) } }
    static func add(process: pid_t) { change { $0.processes.insert(process) } }
    static func remove(process: pid_t) { change { $0.processes.remove(process) } }

    private static func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            if !state.isRegistered {
                state.isRegistered = true
                atexit { Leftovers.clear() }
            }
            body(&state)
        }
    }

    /// Processes first: they may still write into the folders.
    private static func clear() {
        let left = state.withLock { $0 }
        for process in left.processes { kill(process, SIGKILL) }
        for process in left.processes { waitpid(process, nil, 0) }
        for folder in left.folders { try? FileManager.default.removeItem(atPath: folder) }
    }
}
