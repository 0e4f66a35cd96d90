// From arguments to an exit code. Commands have no logic of their own: they read their settings,
// call a library, and write down what it says.

import ReadStateService

/// Runs one command to its end.
func runProgram(_ arguments: [String], _ environment: [String: String]) -> ExitCode {
    do throws(SettingsError) {
        let invocation = try Invocation(arguments)
        if invocation.wantsHelp || invocation.command == .help { return try help(invocation) }
        if invocation.command == .version {
            return printOut("readstates \(programVersion)\n")
        }
        return run(try Settings(invocation, environment: environment))
    } catch {
        for problem in error.problems { printError(problem) }
        return .misused
    }
}

private func run(_ settings: Settings) -> ExitCode {
    switch settings.command {
    case .worker: return runWorker(settings)
    case .demo: return runDemo()
    case .embeddedBroker: return runEmbeddedBroker()
    case .get, .list, .totals: return runQuery(settings)
    case .publish: return runPublish(settings)
    case .load: return runLoad(settings)
    case .help, .version: preconditionFailure("answered without settings")
    }
}

/// `help`, `help COMMAND`, `help settings` and `COMMAND --help`.
private func help(_ invocation: Invocation) throws(SettingsError) -> ExitCode {
    guard invocation.command == .help else { return printOut(helpPage(invocation.command)) }
    guard let topic = invocation.operands.first else { return printOut(overviewPage()) }
    if topic == "settings" { return printOut(settingsPage()) }
    if let command = Command(rawValue: topic) { return printOut(helpPage(command)) }
    let known = Command.allCases.filter { !$0.isHidden }.map(\.rawValue) + ["settings"]
    throw SettingsError([unknownKey(topic, known: known)])
}
