// A file of settings in the `.properties` way of the Kafka world: `key = value` lines and `#`
// comments on lines of their own. The value is everything behind the first `=` without the white
// space at its ends, taken as it stands: no escapes, no quotes, no continued lines, so that a
// password is written as it is.

/// One line of a file.
struct PropertyLine: Hashable {
    var key: String
    var value: String
    var line: Int
}

/// Reads a file's lines; a line that is neither a comment nor `key = value`, and a key that stands
/// twice, are problems.
func parseProperties(_ text: String, path: String) -> (lines: [PropertyLine], problems: [String]) {
    var found: [PropertyLine] = []
    var firstLines: [String: Int] = [:]
    var problems: [String] = []
    let content = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
    let lines = content.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
        let number = index + 1
        let bare = trimmed(line)
        if bare.isEmpty || bare.hasPrefix("#") { continue }
        guard let equals = bare.firstIndex(of: "=") else {
            // The line is not repeated: it may be a secret that lost its key.
            problems.append("\(path):\(number): not a `key = value` line")
            continue
        }
        let key = trimmed(bare[..<equals])
        let value = trimmed(bare[bare.index(after: equals)...])
        if let first = firstLines[key] {
            problems.append("\(path):\(number): \(key): set twice, first in line \(first)")
            continue
        }
        firstLines[key] = number
        found.append(PropertyLine(key: key, value: value, line: number))
    }
    return (found, problems)
}
