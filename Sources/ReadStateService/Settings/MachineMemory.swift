// How much memory this process may use: what the machine has, or what its cgroup (container)
// allows, whichever is smaller. A limit can stand on any level above the process's own cgroup, so
// all levels are looked at; both versions of cgroups are.

import Glibc

/// Bytes of memory there are for this process. `root` is where the file system begins (tests).
package func machineMemory(root: String = "") -> Int {
    var limit = totalMemory(root: root) ?? 1 << 30
    let memberships = readFile(root + "/proc/self/cgroup").map(lines) ?? []
    for membership in memberships {
        // `hierarchy:controllers:path`; version 2 has neither number nor controllers.
        let parts = membership.split(
            separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { continue }
        let mount: String
        let file: String
        if parts[0] == "0" && parts[1].isEmpty {
            (mount, file) = ("/sys/fs/cgroup", "memory.max")
        } else if parts[1].split(separator: ",").contains("memory") {
            (mount, file) = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue
        }
        for level in levels(of: parts[2]) {
            guard let text = readFile(root + mount + level + "/" + file) else { continue }
            // `max` in version 2, an enormous number in version 1: no limit on this level.
            if let bytes = Int(trimmed(text)) { limit = min(limit, bytes) }
        }
    }
    return limit
}

private func totalMemory(root: String) -> Int? {
    let line = readFile(root + "/proc/meminfo").map(lines)?.first { $0.hasPrefix("MemTotal:") }
    let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return kilobytes.map { $0 * 1024 }
}

/// `/a/b` as `/a/b`, `/a` and the root itself.
private func levels(of path: Substring) -> [String] {
    var levels = [""]
    for part in path.split(separator: "/") { levels.append(levels.last! + "/" + part) }
    return levels.reversed()
}

private func lines(_ text: String) -> [Substring] { text.split(whereSeparator: \.isNewline) }

/// A text without white space at its ends.
package func trimmed(_ text: some StringProtocol) -> String {
    var rest = Substring(text)
    rest = rest.drop(while: \.isWhitespace)
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
}

/// A whole file as text; nil if it cannot be read (errno says why) or is not UTF-8 (errno is
/// EILSEQ).
package func readFile(_ path: String) -> String? {
    // The path is a NUL-terminated copy that lives through the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
        let capacity = chunk.count
        // The kernel writes at most `capacity` bytes, the length of the array.
        let count = retryingInterrupts { unsafe read(descriptor, &chunk, capacity) }
        if count < 0 { return nil }
        if count == 0 { break }
        bytes += chunk[..<count]
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        errno = EILSEQ
        return nil
    }
    return text
}
