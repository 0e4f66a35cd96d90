import ReadStateService

/// `readstates worker`: the service itself.
func runWorker(_ settings: Settings) -> ExitCode {
    let code = ReadStateService.runWorker(WorkerSettings(settings))
    return ExitCode(rawValue: code.rawValue)!
}
