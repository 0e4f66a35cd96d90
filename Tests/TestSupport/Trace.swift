// The real conversations that come with the tests (Tests/Data/README.md tells where they are from).

import Foundation

/// A log of real conversations: 300,000 events in the JSON form of the topic.
package enum Trace {
    package static let path = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Data/irc-300k.jsonl.gz").path

    /// Its events in order, one JSON form each; all of them, or the first `limit`.
    package static func lines(limit: Int = .max) throws -> [Substring] {
        let unpacked = try ChildProcess.run(["gzip", "-dc", path])
        guard unpacked.succeeded else {
            throw ChildProcess.CannotStart(description: "gzip -dc \(path): \(unpacked.errors)")
        }
        return Array(unpacked.output.split(separator: "\n").prefix(limit))
    }
}
