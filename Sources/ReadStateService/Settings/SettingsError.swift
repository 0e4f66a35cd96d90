/// Where a value was given. The error messages name it, listings show it.
package enum SettingSource: Hashable, Sendable, CustomStringConvertible {
    case flag
    case environment
    case file(String, line: Int)
    case byDefault

    package var description: String {
        switch self {
        case .flag: "command line"
        case .environment: "environment"
        case .file(let path, let line): "\(path):\(line)"
        case .byDefault: "default"
        }
    }
}

/// Wrong usage or configuration: exit code 2. Every problem that was found, one sentence each,
/// naming source, line and key.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    package var problems: [String]

    package init(_ problems: [String]) { self.problems = problems }

    package var description: String { problems.joined(separator: "\n") }
}

/// The words for a key that no setting has.
package func unknownKey(_ key: String, known: [String]) -> String {
    let guess = nearest(to: key, in: known)
    return "\(key): unknown" + (guess.map { "; did you mean \($0)?" } ?? "")
}
