/// One setting: a line of the table from which flags, environment variables, keys of files, help
/// pages and the configuration reference all come.
package struct Setting: Sendable {
    /// What holds where nothing is given.
    package enum Default: Sendable {
        /// As it would be written.
        case value(String)
        /// Found out from the machine at the start; the text says how.
        case derived(String, @Sendable () -> SettingValue)
        /// Nothing; the text says what that means.
        case absent(String)
    }

    /// The part of the reference in which a setting stands.
    package enum Section: String, CaseIterable, Sendable {
        case connections = "Connections"
        case cache = "Cache and commits"
        case process = "The process"
        case queries = "Queries from the command line"
        case publishing = "Publishing"
        case load = "Synthetic load"
    }

    package let name: String
    package let kind: SettingKind
    package let byDefault: Default
    package let section: Section
    package let commands: Set<Command>
    /// The commands that do not start without it.
    package let requiredBy: Set<Command>
    /// Never printed, logged or served.
    package let isSecret: Bool
    /// What it does: one sentence or two, for operators.
    package let help: String

    package init(
        _ name: String, _ kind: SettingKind, _ byDefault: Default, _ section: Section,
        of commands: Set<Command>, requiredBy: Set<Command> = [], secret: Bool = false,
        _ help: String
    ) {
        self.name = name
        self.kind = kind
        self.byDefault = byDefault
        self.section = section
        self.commands = commands
        self.requiredBy = requiredBy
        self.isSecret = secret
        self.help = help
    }

    /// What all our environment variables begin with.
    package static let environmentPrefix = "READSTATES_"

    package var flag: String { "--" + name }

    package var environmentName: String {
        Self.environmentPrefix + String(name.uppercased().map { $0 == "-" ? "_" : $0 })
    }

    /// The default, for people.
    package var defaultText: String {
        switch byDefault {
        case .value(let text), .derived(let text, _): text
        case .absent(let meaning): meaning
        }
    }

    /// The setting of this name, if there is one.
    package static func named(_ name: some StringProtocol) -> Setting? {
        all.first { $0.name == name }
    }
}

/// The known word nearest to a misspelt one, if one is near enough to be meant: at most a third of
/// its letters added, dropped, replaced or swapped with their neighbour.
package func nearest(to word: some StringProtocol, in known: [String]) -> String? {
    var best: (distance: Int, word: String)?
    for candidate in known {
        let distance = editDistance(Array(word.utf8), Array(candidate.utf8))
        if distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    guard let best, best.distance <= max(1, best.word.utf8.count / 3) else { return nil }
    return best.word
}

private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var rows = [[Int]](repeating: Array(0...b.count), count: a.count + 1)
    for i in 0...a.count { rows[i][0] = i }
    for i in 0..<a.count {
        for j in 0..<b.count {
            let replaced = rows[i][j] + (a[i] == b[j] ? 0 : 1)
            var distance = min(replaced, rows[i][j + 1] + 1, rows[i + 1][j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                distance = min(distance, rows[i - 1][j - 1] + 1)
            }
            rows[i + 1][j + 1] = distance
        }
    }
    return rows[a.count][b.count]
}
