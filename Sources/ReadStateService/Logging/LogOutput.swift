// Where log lines go: a descriptor that all loggers of a process share. Whoever reads it may stop
// to, and a pipe that is full holds up who writes to it: a shard would stand still, for all of its
// partitions, because of a line. So it is asked first whether it takes anything, and a line that it
// does not take is dropped. The next one that it takes ends with `dropped_lines`.
//
// Not O_NONBLOCK: that would be set for every process that has the same pipe or terminal. What a
// pipe takes without blocking after poll(2) has said so is `PIPE_BUF` bytes, if nobody else writes
// in between; among our threads the lock sees to that, and to lines that never mix.

import Glibc
import Synchronization

/// A descriptor for lines, never waited for.
final class LogOutput: Sendable {
    private struct State {
        /// Lines that were not taken, wholly or in part, since the last one that was.
        var dropped = 0
        /// The last line was taken in part: its end is missing.
        var isTorn = false
    }

    /// What a pipe takes as a whole (`PIPE_BUF`).
    private static let pieceLimit = 4_096

    private let descriptor: Int32
    private let state = Mutex(State())

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Writes a line, or drops it.
    func write(_ line: LogLine) {
        state.withLock { state in
            var line = line
            if state.dropped > 0 { line.add("dropped_lines", .number(Int64(state.dropped))) }
            let bytes = (state.isTorn ? [UInt8(ascii: "\n")] : []) + line.finished()
            let count = written(of: bytes)
            if count == bytes.count {
                state = State()
            } else {
                state.dropped += 1
                if count > 0 { state.isTorn = true }
            }
        }
    }

    /// How many bytes are taken at once.
    private func written(of bytes: [UInt8]) -> Int {
        var done = 0
        while done < bytes.count, takesMore {
            let piece = Array(bytes[done...].prefix(Self.pieceLimit))
            // The array lives through the call, which reads its bytes only.
            let count = retryingInterrupts { unsafe Glibc.write(descriptor, piece, piece.count) }
            guard count > 0 else { break }
            done += count
        }
        return done
    }

    private var takesMore: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // One entry, which outlives the call.
        let count = retryingInterrupts { Int(unsafe poll(&entry, 1, 0)) }
        return count == 1 && Int32(entry.revents) & POLLOUT != 0
    }
}
