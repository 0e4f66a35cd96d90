// Finds functions and how long they are, by braces; swift-format has seen to it that these are
// regular.

/// A function, initialiser, subscript or computed property with a body.
struct Functions {
    let firstLine: Int
    let lines: Int

    static func find(in file: SourceText) -> [Functions] {
        var found: [Functions] = []
        for (index, line) in file.code.enumerated() where isOpening(line) {
            guard let last = lastLine(of: index, in: file.code) else { continue }
            found.append(Functions(firstLine: index + 1, lines: last - index + 1))
        }
        return found
    }

    private static let words = ["func ", "init", "subscript", "var "]

    private static func isOpening(_ line: String) -> Bool {
        // Cheap first: most lines open nothing, and expressions are slow in a debug build.
        guard words.contains(where: line.contains) else {
            return false
        }
        if line.contains(#/\b(func\s+\S|deinit\s*\{|subscript\s*[(<])/#) { return true }
        if line.contains(#/(^|\s)init[?!]?\s*[(<]/#) { return true }
        return line.contains(#/\bvar\s+\w+\s*:[^=]*\{\s*$/#)
    }

    /// The line with the brace that closes the body; nil where there is no body.
    private static func lastLine(of first: Int, in code: [String]) -> Int? {
        var parentheses = 0
        var braces = 0
        for index in first..<code.count {
            if index > first, braces == 0, parentheses == 0, isOpening(code[index]) { return nil }
            for character in code[index] {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{" where parentheses == 0 || braces > 0: braces += 1
                case "}" where braces > 0:
                    braces -= 1
                    if braces == 0 { return index }
                case "}" where parentheses == 0: return nil
                default: break
                }
            }
        }
        return nil
    }
}
