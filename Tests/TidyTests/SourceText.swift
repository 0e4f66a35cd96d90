// Files of the repository as the tidy rules see them: lines, and the same lines with the contents
// of comments and strings blanked, so that a rule about code is not set off by prose.

import Foundation

/// A text file by its path from the repository's root.
struct SourceText {
    let path: String
    let lines: [String]
    /// As `lines`, with blanks for comments and for what is inside of string literals.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = Self.split(text)
        let isCode = ["swift", "c", "cpp", "h"].contains((path as NSString).pathExtension)
        code = isCode ? Self.split(Blanking.blank(text)) : lines
    }

    private static func split(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var name: String { (path as NSString).lastPathComponent }
    /// `Sources/X/…` and `Tests/X/…` belong to the target X.
    var target: String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" || parts[0] == "Tests" else { return nil }
        return String(parts[1])
    }
    var isTest: Bool { path.hasPrefix("Tests/") }
    var isShipped: Bool { path.hasPrefix("Sources/") }
}

extension SourceText {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// All text files of the repository, but those of builds and the data of tests.
    static func repository() throws -> [SourceText] {
        let kinds: Set = [
            "swift", "c", "cpp", "h", "md", "proto", "json", "yml", "yaml", "properties", "service",
            "modulemap", "lua", "tla", "cfg", "sh", "py", "txt", "",
        ]
        let skipped: Set = [".git", ".build", "dist", "Data"]
        let all = FileManager.default.enumerator(
            at: root, includingPropertiesForKeys: [.isRegularFileKey])
        var files: [SourceText] = []
        while let url = all?.nextObject() as? URL {
            let name = url.lastPathComponent
            if skipped.contains(name) || name.hasPrefix(".build") {
                all?.skipDescendants()
                continue
            }
            let isFile = try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile
            guard isFile == true, kinds.contains(url.pathExtension) else { continue }
            guard let text = try? String(contentsOf: url, encoding: .utf8) else { continue }
            let path = String(url.standardizedFileURL.path.dropFirst(root.path.count))
            files.append(
                SourceText(path: String(path.drop { $0 == "/" }), text: text))
        }
        return files.sorted { $0.path < $1.path }
    }
}

/// Replaces comments and the contents of string literals by blanks, keeping every line in its
/// place. Knows what Swift and C have in common plus Swift's `"""` and `#"…"#`; code inside of
/// `\(…)` counts as part of the string.
enum Blanking {
    static func blank(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var output = bytes
        var index = 0
        while index < bytes.count {
            let end = endOfHidden(bytes, from: index)
            guard let end else {
                index += 1
                continue
            }
            for place in index..<end where bytes[place] != newline { output[place] = space }
            index = end
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static let newline = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")
    private static let quote = UInt8(ascii: "\"")
    private static let slash = UInt8(ascii: "/")
    private static let hash = UInt8(ascii: "#")

    /// Where the comment or string that begins at `start` ends; nil if none begins there.
    private static func endOfHidden(_ bytes: [UInt8], from start: Int) -> Int? {
        guard bytes[start] == slash || bytes[start] == quote || bytes[start] == hash else {
            return nil
        }
        if matches(bytes, start, "//") {
            return bytes[start...].firstIndex(of: newline) ?? bytes.count
        }
        if matches(bytes, start, "/*") {
            return find("*/", in: bytes, from: start + 2)
        }
        let hashes = bytes[start...].prefix { $0 == hash }.count
        let open = start + hashes
        guard open < bytes.count, bytes[open] == quote else { return nil }
        let fence = String(repeating: "#", count: hashes)
        if matches(bytes, open, "\"\"\"") {
            return find("\"\"\"" + fence, in: bytes, from: open + 3)
        }
        return endOfString(bytes, from: open + 1, fence: fence)
    }

    private static func endOfString(_ bytes: [UInt8], from start: Int, fence: String) -> Int {
        var index = start
        while index < bytes.count, bytes[index] != newline {
            if fence.isEmpty, bytes[index] == UInt8(ascii: "\\") {
                index =
                    bytes[(index + 1)...].first == UInt8(ascii: "(")
                    ? endOfInterpolation(bytes, from: index + 2) : index + 2
            } else if matches(bytes, index, "\"" + fence) {
                return index + 1 + fence.utf8.count
            } else {
                index += 1
            }
        }
        return min(index, bytes.count)
    }

    /// Behind the parenthesis that closes `\(`; strings inside of it do not end the outer one.
    private static func endOfInterpolation(_ bytes: [UInt8], from start: Int) -> Int {
        var depth = 1
        var index = start
        while index < bytes.count, bytes[index] != newline {
            if bytes[index] == quote {
                index = endOfString(bytes, from: index + 1, fence: "")
                continue
            }
            if bytes[index] == UInt8(ascii: "(") { depth += 1 }
            if bytes[index] == UInt8(ascii: ")") { depth -= 1 }
            index += 1
            if depth == 0 { break }
        }
        return index
    }

    private static func matches(_ bytes: [UInt8], _ index: Int, _ text: String) -> Bool {
        bytes[min(index, bytes.count)...].starts(with: text.utf8)
    }

    private static func find(_ text: String, in bytes: [UInt8], from start: Int) -> Int {
        var index = start
        while index < bytes.count, !matches(bytes, index, text) { index += 1 }
        return min(index + text.utf8.count, bytes.count)
    }
}
