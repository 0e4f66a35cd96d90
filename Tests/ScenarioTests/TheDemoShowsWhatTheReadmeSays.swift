// Rule: `readstates demo` needs nothing running, prints what README.md shows, to the last word, and
// leaves nothing behind, also where it is told to end halfway.

import Foundation
import TestSupport
import Testing

@Suite(.ownThreads) struct TheDemoShowsWhatTheReadmeSays {
    private static let readme = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "README.md")

    /// What differs from run to run: a port, and the name of a folder.
    private func withoutNames(_ text: some StringProtocol) -> String {
        String(text).replacing(/127\.0\.0\.1:\d+/, with: "ADDRESS")
            .replacing(/readstates-demo-\w+/, with: "FOLDER")
            .trimmingCharacters(in: .newlines)
    }

    private func place(in output: String) -> String? {
        output.firstMatch(of: /\/tmp\/readstates-demo-\w+/).map { String($0.output) }
    }

    /// Whether some process has the folder in its command line.
    private func isUsed(_ folder: String) throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").contains { process in
            let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline")
            return line.map { String(decoding: $0, as: UTF8.self).contains(folder) } ?? false
        }
    }

    /// The first block of README.md.
    @Test func itPrintsTheBlock() throws {
        let text = try String(contentsOf: Self.readme, encoding: .utf8)
        let block = try #require(text.firstMatch(of: /```\n((?s).*?)```/)?.output.1)
        let demo = try ReadStatesProgram.run(["demo"])
        #expect(demo.ending == .exit(0), "\(demo)")
        #expect(withoutNames(demo.output) == withoutNames(block))
        let folder = try #require(place(in: demo.output))
        #expect(!FileManager.default.fileExists(atPath: folder))
        #expect(try !isUsed(folder))
    }

    /// SIGTERM as soon as its servers run.
    @Test func itEndsWhatItStarted() throws {
        let demo = try ReadStatesProgram(["demo"])
        try waitUntil("the folder of the demo", seen: demo.process.tail) {
            place(in: demo.process.output) != nil
        }
        let folder = try #require(place(in: demo.process.output))
        demo.process.terminate()
        #expect(try demo.process.wait() == .exit(1))
        #expect(demo.process.errors.contains("ended by SIGTERM"))
        #expect(!FileManager.default.fileExists(atPath: folder))
        #expect(try !isUsed(folder))
    }
}
