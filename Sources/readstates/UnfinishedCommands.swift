import ReadStateService

// Slots for commands that are wired in elsewhere; each moves into a file of its own.

func runRebuild(_ settings: Settings) -> ExitCode { unfinished(settings) }
func runStatus(_ settings: Settings) -> ExitCode { unfinished(settings) }
func runDoctor(_ settings: Settings) -> ExitCode { unfinished(settings) }
func runDemo(_ settings: Settings) -> ExitCode { unfinished(settings) }
func runEmbeddedBroker(_ settings: Settings) -> ExitCode { unfinished(settings) }

private func unfinished(_ settings: Settings) -> ExitCode {
    printError("\(settings.command.rawValue): not built yet")
    return .failed
}
