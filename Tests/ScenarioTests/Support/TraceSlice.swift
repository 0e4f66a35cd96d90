// A part of the real conversations that is small enough for a scenario and still has nearly all of
// their users: every tenth event. What is left out was never sent, as far as the fold knows.

import TestSupport

enum TraceSlice {
    /// Some 30,000 events of 1,000 users.
    static func lines() throws -> [Substring] { try all.get() }

    private static let all = Result {
        try Trace.lines().enumerated().filter { $0.offset % 10 == 0 }.map(\.element)
    }
}
