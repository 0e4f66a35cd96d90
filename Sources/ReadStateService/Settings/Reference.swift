// Help pages and the configuration reference, written from the tables of commands and settings.

/// The page that `readstates help` prints.
package func overviewPage() -> String {
    var page = """
        Read States: what each user has read in each channel.

        usage: readstates COMMAND [OPTIONS]


        """
    for command in Command.allCases where !command.isHidden {
        let usage = ([command.rawValue] + command.operands).joined(separator: " ")
        page += "  " + padded(usage, 20) + command.summary + "\n"
    }
    page += """

        Every option can also stand in the environment (--cache-memory as
        READSTATES_CACHE_MEMORY) or in a file (cache-memory = 2GB) given with --config.
        readstates help COMMAND lists a command's options, readstates help settings all
        of them.

        Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 refused to start
        on an unsafe or missing dependency.

        """
    return page
}

/// The page that `readstates help COMMAND` and `readstates COMMAND --help` print.
package func helpPage(_ command: Command) -> String {
    let usage = (["readstates", command.rawValue] + command.operands).joined(separator: " ")
    let settings = Setting.all.filter { $0.commands.contains(command) }
    var page = "usage: \(usage)" + (settings.isEmpty ? "" : " [OPTIONS]") + "\n\n"
    page += "\(command.summary.prefix(1).uppercased())\(command.summary.dropFirst()).\n"
    for section in Setting.Section.allCases {
        let members = settings.filter { $0.section == section }
        if members.isEmpty { continue }
        page += "\n\(section.rawValue)\n"
        for setting in members {
            page += "  " + setting.flag + (setting.kind.placeholder.map { " " + $0 } ?? "") + "\n"
            for line in wrapped(setting.help + defaultNote(setting, command), width: 72) {
                page += "        \(line)\n"
            }
        }
    }
    return page
}

private func defaultNote(_ setting: Setting, _ command: Command) -> String {
    switch setting.byDefault {
    case .value, .derived: " Default: \(setting.defaultText)."
    case .absent where setting.requiredBy.contains(command): " Required."
    case .absent(let meaning) where meaning != "none" && meaning != "required":
        " Default: \(meaning)."
    case .absent: ""
    }
}

/// The configuration reference in Markdown: what `readstates help settings` prints and
/// `docs/configuration.md` holds.
package func settingsPage() -> String {
    var page = """
        # Configuration reference

        Written by `readstates help settings`; change the table in the source, not this page.

        A setting has one name in three places: `cache-memory` is `--cache-memory` on the command
        line, `READSTATES_CACHE_MEMORY` in the environment and `cache-memory = 2GB` in a file given
        with `--config`. The command line wins over the environment, that over a later file, that
        over an earlier file, that over the default; librdkafka's properties are layered in the same
        way, each key by itself.

        A value that does not parse, an unknown key, an unknown `READSTATES_…` variable and a key
        that stands twice in one file end the program with exit code 2 and a sentence that names
        source, line and key. One exception: variables that Kubernetes makes for a service
        (`READSTATES_SERVICE_HOST`, `READSTATES_PORT_9464_TCP`, …) are ignored.

        Files hold `key = value` lines and `#` comments on lines of their own. A value is taken as
        it stands, without the white space around it: no escapes, no quotes. Secrets belong into a
        file of their own or into the environment, since a command line can be read by every user
        of the machine; none is ever printed, logged or served.

        Sizes are whole numbers with `B`, `KB` (1000), `KiB` (1024), `MB`, `MiB`, `GB`, `GiB`, `TB`
        or `TiB`, or bytes without a unit. Durations are whole numbers with `ms`, `s`, `m` or `h`.

        """
    for section in Setting.Section.allCases {
        page += "\n## \(section.rawValue)\n\n"
        page += "| setting | value | default | what it does | commands |\n|---|---|---|---|---|\n"
        for setting in Setting.all where setting.section == section {
            let value = setting.kind.placeholder ?? "true or false"
            let commands = Command.allCases.filter {
                setting.commands.contains($0) && !$0.isHidden
            }
            let all = commands.count == Command.allCases.count { !$0.isHidden }
            let cells = [
                "`\(setting.name)`", valueCell(setting.kind) ?? value,
                setting.defaultText, setting.help + (setting.isSecret ? " A secret." : ""),
                all ? "all" : commands.map(\.rawValue).joined(separator: ", "),
            ]
            let row = cells.map { escaped($0) }.joined(separator: " | ")
            page += "| \(row) |\n"
        }
    }
    return page
}

/// Ranges and choices, where the placeholder says too little.
private func valueCell(_ kind: SettingKind) -> String? {
    switch kind {
    case .count(let range):
        range.upperBound == .max
            ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
    case .decimal(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .duration(let range): "\(written(range.lowerBound)) to \(written(range.upperBound))"
    case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
    case .listen: "HOST:PORT or `none`"
    default: nil
    }
}

private func escaped(_ cell: String) -> String {
    cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
}

/// A text with spaces behind it, at least one.
package func padded(_ text: String, _ width: Int) -> String {
    let missing = width - text.count
    return missing > 0 ? text + String(repeating: " ", count: missing) : text + " "
}

/// A text in lines of at most `width` characters, broken between words.
private func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
        if let last = lines.last, last.count + 1 + word.count <= width {
            lines[lines.count - 1] = last + " " + word
        } else {
            lines.append(String(word))
        }
    }
    return lines
}
