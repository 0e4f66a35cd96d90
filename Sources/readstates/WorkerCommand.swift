import ReadStateService

/// `readstates worker`: the service itself.
func runWorker(_ settings: Settings) -> ExitCode {
    ReadStateService.runWorker(WorkerSettings(settings))
}
