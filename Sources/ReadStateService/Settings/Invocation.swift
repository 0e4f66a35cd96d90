// The command line by the GNU conventions: `--name value` or `--name=value`, in any order with the
// operands, `--` before operands that begin with a dash, `-` as an operand, `-h` for `--help`. A
// flag given twice counts as its last mention, so that a wrapper's defaults can be overridden;
// repeatable ones add up. Names are written out: an abbreviation would change its meaning with the
// next setting.

/// What was asked for on the command line, not yet checked against the other sources.
package struct Invocation: Hashable, Sendable {
    package struct Flag: Hashable, Sendable {
        package var name: String
        package var value: String
    }

    package var command: Command
    package var operands: [String]
    package var flags: [Flag]
    /// `--help` was given: nothing but the command matters.
    package var wantsHelp: Bool

    /// Reads the arguments behind the program's name.
    package init(_ arguments: [String]) throws(SettingsError) {
        var words: [String] = []
        var flags: [Flag] = []
        var problems: [String] = []
        var rest = arguments[...]
        wantsHelp = false
        while let argument = rest.popFirst() {
            if argument == "--" {
                words += rest
                break
            } else if argument == "--help" || argument == "-h" {
                wantsHelp = true
            } else if argument == "--version" {
                words.insert(Command.version.rawValue, at: 0)
            } else if argument.hasPrefix("--") {
                switch Self.flag(argument, &rest) {
                case .success(let flag): flags.append(flag)
                case .failure(let error): problems += error.problems
                }
            } else if argument.hasPrefix("-"), argument != "-" {
                problems.append("\(argument): unknown option; options are written out, as --help")
            } else {
                words.append(argument)
            }
        }
        self.flags = flags
        command = .help
        operands = []
        if !problems.isEmpty {
            // Words are not judged, nor repeated: one may be the value of a flag that was misspelt.
        } else if let word = words.first {
            if let command = Command(rawValue: word) {
                self.command = command
            } else {
                let known = Command.allCases.filter { !$0.isHidden }.map(\.rawValue)
                problems.append(unknownKey(word, known: known) + " (see readstates help)")
            }
            operands = Array(words.dropFirst())
        } else if !wantsHelp {
            problems.append("no command given (see readstates help)")
        }
        if problems.isEmpty, !wantsHelp { problems = misfits() }
        if !problems.isEmpty { throw SettingsError(problems) }
    }

    /// Reads one flag, and its value from the arguments behind it where it has one.
    private static func flag(
        _ argument: String, _ rest: inout ArraySlice<String>
    ) -> Result<Flag, SettingsError> {
        let equals = argument.firstIndex(of: "=")
        let name = argument[..<(equals ?? argument.endIndex)].dropFirst(2)
        guard let setting = Setting.named(name) else {
            let known = Setting.all.map(\.flag) + ["--help", "--version"]
            return .failure(SettingsError([unknownKey("--" + name, known: known)]))
        }
        if let equals {
            let value = String(argument[argument.index(after: equals)...])
            return .success(Flag(name: setting.name, value: value))
        }
        if case .toggle = setting.kind {
            return .success(Flag(name: setting.name, value: "true"))
        }
        guard let value = rest.popFirst() else {
            let expected = setting.kind.expectation
            return .failure(SettingsError(["\(setting.flag): needs a value: \(expected)"]))
        }
        return .success(Flag(name: setting.name, value: value))
    }

    /// Flags and operands that this command does not take.
    private func misfits() -> [String] {
        var problems: [String] = []
        for flag in flags {
            let owners = Setting.named(flag.name)!.commands
            if owners.contains(command) { continue }
            let names = Command.allCases.filter { owners.contains($0) && !$0.isHidden }
            let list = names.map(\.rawValue).joined(separator: ", ")
            problems.append("--\(flag.name): not an option of \(command.rawValue) (but of \(list))")
        }
        let usage = ([command.rawValue] + command.operands).joined(separator: " ")
        if operands.count > command.operandCount.upperBound {
            let surplus = operands[command.operandCount.upperBound]
            problems.append("\(surplus): one operand too many; usage: readstates \(usage)")
        } else if operands.count < command.operandCount.lowerBound {
            let missing = command.operands[operands.count]
            problems.append("\(missing) is missing; usage: readstates \(usage)")
        }
        return problems
    }
}
