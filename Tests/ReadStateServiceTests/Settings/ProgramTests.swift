import Foundation
import ReadStateService
import TestSupport
import Testing

/// The built executable, as an operator meets it.
@Suite struct ProgramTests {
    /// Wrong usage and wrong configuration end with exit code 2 and name the key, on standard
    /// error.
    @Test(
        arguments: [
            ([], "no command given"), (["wroker"], "did you mean worker?"),
            (["worker"], "--kafka is missing"),
            (["worker", "--windw", "3"], "did you mean --window?"),
            (["get", "7"], "CHANNEL is missing"), (["help", "wroker"], "did you mean worker?"),
            (
                ["totals", "7", "--redis", "redis://h", "--timeout", "5"],
                "--timeout: \"5\" is not a duration"
            ),
        ] as [([String], String)])
    func misuse(arguments: [String], sentence: String) throws {
        let result = try ReadStatesProgram.run(arguments)
        #expect(result.ending == .exit(2))
        #expect(result.errors.contains(sentence))
        #expect(result.errors.hasPrefix("readstates: "))
        #expect(result.output == "")
    }

    /// The environment is read: a wrong variable ends with exit code 2, naming it.
    @Test func wrongEnvironment() throws {
        let result = try ReadStatesProgram.run(
            ["totals", "7", "--redis", "redis://h"], environment: ["READSTATES_WINDOW": "many"])
        #expect(result.ending == .exit(2))
        #expect(result.errors.contains("environment: READSTATES_WINDOW: \"many\" is not"))
    }

    /// Help and version go to standard output and end with 0, whatever the environment holds.
    @Test func help() throws {
        let wrong = ["READSTATES_WINDOW": "many"]
        for arguments in [["help"], ["--help"], ["help", "worker"], ["worker", "--help"]] {
            let result = try ReadStatesProgram.run(arguments, environment: wrong)
            #expect(result.succeeded && result.errors == "")
            #expect(result.output.contains("usage: readstates"))
        }
        let version = try ReadStatesProgram.run(["--version"], environment: wrong)
        #expect(version.output == "readstates \(programVersion)\n")
        #expect(try ReadStatesProgram.run(["version"]).output == version.output)
    }

    /// The allocator is jemalloc, and keeps freed memory for a second: glibc's would make shards
    /// and librdkafka's threads wait for one lock.
    @Test func allocator() throws {
        let result = try ReadStatesProgram.run(
            ["version"], environment: ["MALLOC_CONF": "stats_print:true"])
        #expect(result.errors.contains("opt.dirty_decay_ms: 1000 "))
    }

    /// A command's help page has all its settings, and no other command's; hidden commands are on
    /// no list.
    @Test func helpIsWhole() {
        for command in Command.allCases {
            let page = helpPage(command)
            for setting in Setting.all {
                let isThere =
                    page.contains("  \(setting.flag)\n") || page.contains("  \(setting.flag) ")
                #expect(isThere == setting.commands.contains(command), "\(command) \(setting.name)")
            }
            #expect(overviewPage().contains("  \(command.rawValue)") == !command.isHidden)
        }
    }

    /// The configuration reference in docs/ is the one that the program writes today.
    @Test func referenceIsUpToDate() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let stored = try String(
            contentsOf: root.appending(path: "docs/configuration.md"), encoding: .utf8)
        let isUpToDate = stored == settingsPage()
        #expect(isUpToDate, "run: readstates help settings > docs/configuration.md")
    }

    /// Output that nobody takes is a failure, not a crash and not a success.
    @Test func fullDisk() throws {
        let script = "'\(ReadStatesProgram.path)' help settings > /dev/full"
        #expect(try ChildProcess.run(["sh", "-c", script]).ending == .exit(1))
    }
}
