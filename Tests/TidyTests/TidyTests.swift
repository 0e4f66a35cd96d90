// The repository keeps the rules of the house, and every rule can fail: beside the check of the
// real files stands a small file that breaks it.

import Foundation
import Testing

@Suite struct TidyTests {
    static let repository = Result { try SourceText.repository() }

    /// No file of the repository breaks a rule.
    @Test(arguments: Rule.all.map(\.name))
    func theRepositoryKeeps(rule name: String) throws {
        let rule = try #require(Rule.all.first { $0.name == name })
        let findings = try Self.repository.get().flatMap(rule.check)
        guard !findings.isEmpty else { return }
        Issue.record("\(findings.map(\.description).joined(separator: "\n"))")
    }

    /// There are files to check: a wrong root would make every rule hold.
    @Test func theRepositoryIsFound() throws {
        let files = try Self.repository.get()
        #expect(files.contains { $0.path == "Package.swift" })
        #expect(files.contains { $0.path == "Makefile" })
        #expect(files.contains { $0.path == "Sources/ReadStateCore/Event.swift" })
        #expect(files.count > 50)
    }

    /// Every folder under Sources and Tests is a target, and every Swift target has its import row.
    @Test func everyFolderIsATarget() throws {
        let files = try Self.repository.get()
        let package = try #require(files.first { $0.path == "Package.swift" })
        let text = package.lines.joined(separator: "\n")
        for target in Set(files.compactMap(\.target)) where target != "Data" {
            #expect(text.contains("\"\(target)\""), "\(target) is not in Package.swift")
        }
        for target in ImportTable.allowed.keys {
            #expect(text.contains("\"\(target)\""), "\(target) has a row but is no target")
        }
    }

    /// The README's table names every target under Sources.
    @Test func theReadmeNamesEveryTarget() throws {
        let files = try Self.repository.get()
        let readme = try #require(files.first { $0.path == "README.md" })
        let table = readme.lines.filter { $0.hasPrefix("|") }.joined(separator: "\n")
        for target in Set(files.filter(\.isShipped).compactMap(\.target)) {
            #expect(table.contains("`\(target)`"), "README.md does not tell what \(target) is")
        }
    }

    /// Whatever the documents tell people to `make`, and whatever the Makefile itself lists or
    /// calls, has a rule there. Make takes a name of `.PHONY` without a rule for done.
    @Test func whatIsToBeMadeHasARule() throws {
        let files = try Self.repository.get()
        let makefile = try #require(files.first { $0.path == "Makefile" })
        let rules = Set(makefile.lines.compactMap { $0.wholeMatch(of: #/([a-z-]+):.*/#)?.1 })
        var named: Set<Substring> = []
        for file in files where file.path.hasSuffix(".md") || file.path == "Makefile" {
            let text = file.lines.joined(separator: "\n")
            named.formUnion(text.matches(of: #/(?:`|\n    )make ([a-z-]+)/#).map(\.1))
        }
        let text = makefile.lines.joined(separator: "\n").replacing("\\\n", with: "")
        named.formUnion(text.matches(of: #/\$\(MAKE\) (?:--\S+ )*([a-z-]+)/#).map(\.1))
        let phony = try #require(text.firstMatch(of: #/\.PHONY:(.*)/#))
        named.formUnion(phony.1.split(separator: " "))
        #expect(named.isSuperset(of: ["demo", "test", "chaos", "simulate"]))
        #expect(named.subtracting(rules).sorted() == [])
    }

    // MARK: Every rule can fail

    struct Broken: CustomTestStringConvertible {
        let rule: String
        let path: String
        let text: String
        var testDescription: String { "\(rule): \(text.prefix { $0 != "\n" })" }
    }

    private static let long = String(repeating: "        x += 1\n", count: 70)

    static let broken = [
        Broken(rule: "imports", path: "Sources/ReadStateCore/A.swift", text: "import Glibc"),
        Broken(rule: "imports", path: "Sources/Unknown/A.swift", text: "import Glibc"),
        Broken(
            rule: "imports", path: "Sources/KafkaLog/A.swift",
            text: "@preconcurrency package import CRdkafka"),
        Broken(
            rule: "imports", path: "Tests/TestSupport/A.swift", text: "import struct Core.Event"),
        Broken(
            rule: "function length", path: "Sources/X/A.swift",
            text: "struct S {\n    func f(a: () -> Void = {}) {\n\(long)    }\n}"),
        Broken(
            rule: "function length", path: "Sources/X/A.swift",
            text: "struct S {\n    init?(\n        a: Int\n    ) {\n\(long)    }\n}"),
        Broken(
            rule: "function length", path: "Sources/X/A.swift",
            text: "struct S {\n    var all: Int {\n\(long)    }\n}"),
        Broken(
            rule: "file length", path: "Sources/X/A.swift",
            text: String(repeating: "\n", count: 601)),
        Broken(
            rule: "line length", path: "Sources/X/a.c",
            text: "/* " + String(repeating: "x", count: 98)),
        Broken(
            rule: "banned calls", path: "Tests/X/A.swift",
            text: "try await Task.sleep(for: .zero)"),
        Broken(rule: "banned calls", path: "Tests/X/A.swift", text: "    usleep(5)"),
        Broken(
            rule: "banned calls", path: "Sources/ReadStateCore/A.swift",
            text: "let now = ContinuousClock.now"),
        Broken(
            rule: "banned calls", path: "Sources/ReadStateCore/A.swift",
            text: "let x = Int.random(in: 1...2)"),
        Broken(rule: "banned calls", path: "Sources/X/A.swift", text: "let x = try! f()"),
        Broken(rule: "banned calls", path: "Sources/X/A.swift", text: "import Foundation"),
        Broken(rule: "banned calls", path: "Sources/RedisLink/A.swift", text: "print(x)"),
        Broken(rule: "type names", path: "Sources/X/A.swift", text: "final class CacheManager {}"),
        Broken(rule: "type names", path: "Tests/X/A.swift", text: "enum Utilities {}"),
        Broken(
            rule: "file heads", path: "Sources/X/A.swift",
            text: "import A" + String(repeating: "\n", count: 61)),
        Broken(
            rule: "unchecked claims", path: "Sources/X/A.swift",
            text: "import A\n\nfinal class B: @unchecked Sendable {}"),
        Broken(
            rule: "test sentences", path: "Tests/X/A.swift",
            text: "\n    @Test func something() {\n        #expect(true)\n    }"),
        Broken(
            rule: "machine paths", path: "README.md", text: "see /" + "home/me/readstates for it"),
        Broken(
            rule: "passages twice", path: "docs/a.md",
            text: "## Measured\n\nold\n\n## Measured\n\nnew"),
    ]

    /// Each rule finds what breaks it.
    @Test(arguments: broken)
    func aBrokenRuleIsFound(_ broken: Broken) throws {
        let rule = try #require(Rule.all.first { $0.name == broken.rule })
        #expect(!rule.check(SourceText(path: broken.path, text: broken.text)).isEmpty)
    }

    /// Every rule has a file that breaks it.
    @Test func everyRuleCanFail() {
        #expect(Set(Self.broken.map(\.rule)) == Set(Rule.all.map(\.name)))
    }

    /// No rule is set off by comments, strings, or names that only look alike.
    @Test func whatIsAllowedIsNotFound() {
        let core = SourceText(
            path: "Sources/ReadStateCore/A.swift",
            text: """
                // import Glibc, try! and Task.sleep() are banned here; print(x) too.
                import CMemory
                /* Date() */
                let a = "try! \\(b("print(x)")) ContinuousClock"
                let c = #"a "quoted" usleep(1)"#
                func blueprint(x: Int) { self.print(x) }
                """)
        let test = SourceText(
            path: "Tests/X/A.swift",
            text: """
                /// A sentence.
                @Test func a() { thread.oversleep() }
                """)
        for rule in Rule.all {
            #expect(rule.check(core).map(\.description) == [], "\(rule.name)")
            #expect(rule.check(test).map(\.description) == [], "\(rule.name)")
        }
    }

    /// A function of exactly 70 lines is found as such, and passes; so does a closure in a
    /// parameter.
    @Test func seventyLinesPass() {
        let body = String(repeating: "        x += 1\n", count: 68)
        let file = SourceText(
            path: "Sources/X/A.swift",
            text: "struct S {\n    func f(a: () -> Void = {}) {\n\(body)    }\n}")
        #expect(Functions.find(in: file).map(\.lines) == [70])
        #expect(Rule.functionLength.check(file).isEmpty)
    }
}
