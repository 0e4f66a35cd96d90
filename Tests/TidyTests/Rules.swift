// The rules of the house that a machine can check, each a function from a file to what is wrong in
// it. A rule that cannot be checked does not belong here; one that nobody needs is deleted, not
// switched off.

import Foundation

/// Something that is wrong, with its place.
struct Finding: CustomStringConvertible {
    let path: String
    let line: Int
    let text: String
    var description: String { "\(path):\(line): \(text)" }
}

struct Rule: Sendable {
    let name: String
    let check: @Sendable (SourceText) -> [Finding]

    static let all = [
        imports, functionLength, fileLength, lineLength, bannedCalls, typeNames, fileHeads,
        uncheckedClaims, testSentences, machinePaths, passagesTwice,
    ]

    /// Files longer than the limit, with their length; may only shrink, and go when they fit.
    static let longFiles: [String: Int] = [:]
}

/// A rule that is a pattern in the code of some files, with the reason.
private struct Ban: Sendable {
    let pattern: String
    let reason: String
    let applies: @Sendable (SourceText) -> Bool

    init(
        _ pattern: String, _ reason: String,
        where applies: @escaping @Sendable (SourceText) -> Bool
    ) {
        self.pattern = pattern
        self.reason = reason
        self.applies = applies
    }
}

extension Rule {
    static let imports = Rule(name: "imports") { file in
        guard file.isSwift, let target = file.target, file.isShipped || target == "TestSupport"
        else { return [] }
        guard let allowed = ImportTable.allowed[target] else {
            return [Finding(path: file.path, line: 1, text: "\(target) has no row in ImportTable")]
        }
        let pattern =
            #/^\s*(?:@\S+\s+)*(package|public|internal|private|fileprivate)?\s*import\s+(?:(?:struct|class|enum|func|var|let|protocol|typealias)\s+)?(\w+)/#
        return file.code.enumerated().compactMap { index, line in
            guard line.contains("import"), let match = line.firstMatch(of: pattern) else {
                return nil
            }
            let module = String(match.output.2)
            if !allowed.contains(module) {
                return file.finding(index, "\(target) may not import \(module)")
            }
            let leaks = match.output.1 == "package" || match.output.1 == "public"
            return leaks && module.hasPrefix("C")
                ? file.finding(index, "\(module) must stay behind \(target)") : nil
        }
    }

    static let functionLength = Rule(name: "function length") { file in
        guard file.isSwift else { return [] }
        return Functions.find(in: file).filter { $0.lines > 70 }.map {
            Finding(path: file.path, line: $0.firstLine, text: "\($0.lines) lines, at most 70")
        }
    }

    static let fileLength = Rule(name: "file length") { file in
        guard file.isShipped || file.isTest else { return [] }
        let limit = longFiles[file.path] ?? 600
        guard file.lines.count > limit else { return [] }
        return [
            Finding(
                path: file.path, line: limit,
                text: "\(file.lines.count) lines, at most \(limit): what second thing moved in?")
        ]
    }

    static let lineLength = Rule(name: "line length") { file in
        let isCode = [".swift", ".c", ".cpp", ".h"].contains { file.path.hasSuffix($0) }
        guard isCode else { return [] }
        return file.lines.enumerated().compactMap { index, line in
            // A regular expression is one word.
            guard line.utf8.count > 100, line.count > 100, !line.contains("#/") else { return nil }
            return file.finding(index, "\(line.count) columns, at most 100")
        }
    }

    private static let waiting = "Tests/TestSupport/Waiting.swift"
    private static let commands: Set = [
        "readstates", "readstates-bench", "readstates-bench-worker", "readstates-simulate",
    ]

    private static let bans = [
        Ban(
            #"\b(Task\.sleep|Thread\.sleep|sleep|usleep|nanosleep|clock_nanosleep)\s*\("#,
            "wait on a condition with a deadline (waitUntil, eventually)",
            where: { $0.isTest && $0.path != waiting }),
        Ban(
            #"\b(ContinuousClock|SuspendingClock|Date\s*\(|clock_gettime|gettimeofday)"#,
            "the core has no clock: time is an argument",
            where: { $0.target == "ReadStateCore" }),
        Ban(
            #"\b(SystemRandomNumberGenerator|\w+\.random\s*\(|getenv)"#,
            "the core is a pure function of its input",
            where: { $0.target == "ReadStateCore" }),
        Ban(#"\btry!"#, "an error is handled or thrown on", where: \.isShipped),
        Ban(#"\bimport Foundation\b"#, "shipped targets do without Foundation", where: \.isShipped),
        Ban(
            #"(?<![\w.])(print|debugPrint|dump)\s*\("#, "libraries do not print",
            where: { $0.isShipped && !commands.contains($0.target ?? "") }),
    ]

    static let bannedCalls = Rule(name: "banned calls") { file in
        guard file.isSwift else { return [] }
        return bans.filter { $0.applies(file) }.flatMap { ban in
            file.findings(of: ban.pattern) { "\($0): \(ban.reason)" }
        }
    }

    static let typeNames = Rule(name: "type names") { file in
        guard file.isSwift else { return [] }
        let pattern =
            #"\b(struct|class|enum|protocol|actor|typealias)\s+\w*(Manager|Helper|Util)\w*"#
        return file.findings(of: pattern) { "\($0): say what it is" }
    }

    static let fileHeads = Rule(name: "file heads") { file in
        guard file.isSwift, file.isShipped, file.lines.count > 60 else { return [] }
        return file.lines[0].hasPrefix("//")
            ? [] : [file.finding(0, "a file of this size opens with its idea in plain words")]
    }

    static let uncheckedClaims = Rule(name: "unchecked claims") { file in
        guard file.isSwift, file.isShipped else { return [] }
        return file.code.enumerated().compactMap { index, line in
            guard line.contains("nonisolated(unsafe)") || line.contains("@unchecked Sendable")
            else { return nil }
            // In the same line, or above the group of declarations that it belongs to.
            let group = file.lines[...index].reversed().prefix { !$0.isEmpty }.prefix(4)
            return group.contains { $0.contains("//") }
                ? nil : file.finding(index, "name the owner or the guarantee in a comment")
        }
    }

    static let testSentences = Rule(name: "test sentences") { file in
        guard file.isSwift, file.isTest else { return [] }
        // A scenario is a file of its own, headed by its rule.
        if file.target == "ScenarioTests", file.lines.first?.hasPrefix("//") == true { return [] }
        return file.code.enumerated().compactMap { index, line in
            guard line.contains("@Test") else { return nil }
            let isTold =
                file.lines[max(0, index - 1)].contains("//")
                || file.lines[index...].prefix(2).contains { $0.contains("\"") }
                || file.lines[index...].dropFirst().prefix(4).contains {
                    $0.trimmingCharacters(in: .whitespaces).hasPrefix("//")
                }
            return isTold
                ? nil : file.finding(index, "a test opens with its property in a sentence")
        }
    }

    static let machinePaths = Rule(name: "machine paths") { file in
        // Spelled in two halves, so that this line is not one of them.
        let pattern = #"(?<![\w.$}])/(wo"# + #"rk|ho"# + #"me|ro"# + #"ot|Us"# + #"ers)/"#
        return file.findings(of: pattern, in: file.lines) { "\($0)… exists on one machine only" }
    }

    /// Part of a document was pasted where it stood already: its old figures beside its new ones.
    static let passagesTwice = Rule(name: "passages twice") { file in
        guard file.path.hasSuffix(".md") else { return [] }
        var seen: Set<String> = []
        return file.lines.enumerated().compactMap { index, line in
            guard line.hasPrefix("#") || line.utf8.count > 60 else { return nil }
            return seen.insert(line).inserted ? nil : file.finding(index, "stands here twice")
        }
    }
}

extension SourceText {
    fileprivate func finding(_ index: Int, _ text: String) -> Finding {
        Finding(path: path, line: index + 1, text: text)
    }

    fileprivate func findings(
        of pattern: String, in lines: [String]? = nil, _ text: (String) -> String
    ) -> [Finding] {
        // Whole texts, not lines: a line each would take longer than all the other tests.
        let whole = (lines ?? code).joined(separator: "\n") as NSString
        guard let expression = try? NSRegularExpression(pattern: pattern) else {
            return [finding(0, "not a regular expression: \(pattern)")]
        }
        let all = NSRange(location: 0, length: whole.length)
        return expression.matches(in: whole as String, range: all).map { match in
            let before = whole.substring(to: match.range.location)
            let line = before.utf8.count { $0 == UInt8(ascii: "\n") }
            return finding(line, text(whole.substring(with: match.range)))
        }
    }
}
