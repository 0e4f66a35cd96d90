// Reads what is to be published line by line: a file may be larger than the memory there is, and
// standard input may never end. A line has a limit, so that a file without line feeds is an error
// and not a process that grows until it is killed. Bytes are read in large pieces and each is
// looked at once.

import Glibc
import ReadStateService

/// The lines of a file or of standard input, one after the other, with bounded memory.
struct LineReader: ~Copyable {
    /// Longest line: far above the largest event (1 MiB), since JSON may be spelled at length.
    static let limit = 16 << 20

    enum Line {
        case bytes([UInt8])
        case end
        case tooLong
        case unreadable(Int32)
    }

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    /// What lies before is read already.
    private var start = 0
    /// What lies between is known to hold no line feed.
    private var searched = 0
    private var hasEnded = false

    /// Opens a file; nil or `-` is standard input.
    init(_ path: String?) throws(SystemCallError) {
        guard let path, path != "-" else {
            descriptor = STDIN_FILENO
            return
        }
        // A NUL-terminated copy of the path that lives through the call.
        let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if opened < 0 { throw SystemCallError(path, code: errno) }
        descriptor = opened
    }

    deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

    /// The next line without its end (`\n` or `\r\n`).
    mutating func next() -> Line {
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { (start, searched) = (end + 1, end + 1) }
                return .bytes(line(upTo: end))
            }
            searched = buffer.count
            if hasEnded {
                if start == buffer.count { return .end }
                defer { start = buffer.count }
                return .bytes(line(upTo: buffer.count))
            }
            if buffer.count - start > Self.limit { return .tooLong }
            if let code = fill() { return .unreadable(code) }
        }
    }

    private func line(upTo end: Int) -> [UInt8] {
        let line = buffer[start..<end]
        return Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
    }

    /// Reads on; an errno value if that fails.
    private mutating func fill() -> Int32? {
        buffer.removeSubrange(..<start)
        searched -= start
        start = 0
        let size = 1 << 16
        let used = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: size))
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            // The last `size` bytes of the buffer.
            unsafe read(descriptor, bytes.baseAddress! + used, size)
        }
        buffer.removeLast(size - max(count, 0))
        if count < 0, errno != EINTR { return errno }
        if count == 0 { hasEnded = true }
        return nil
    }
}
