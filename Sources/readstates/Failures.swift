import KafkaLog
import ReadStateService
import RedisLink

/// Says what went wrong with Kafka, and gives the exit code that goes with it.
func fail(_ error: KafkaLogError, _ settings: Settings) -> ExitCode {
    switch error {
    case .setting(let key, let reason):
        printError(settings.problem(withProperty: key, reason))
        return .misused
    case .unknownTopic:
        printError("\(error)")
        return .refused
    case .outOfRange, .denied, .notMember, .retriable, .fatal, .refused:
        printError("\(error)")
        return .failed
    }
}

/// Says what went wrong with Redis.
func fail(_ error: RedisLinkError) -> ExitCode {
    printError("\(error)")
    return .failed
}
