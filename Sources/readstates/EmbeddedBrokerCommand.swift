import KafkaLog
import ReadStateService

/// `readstates embedded-broker`: librdkafka's mock cluster with the topics of a default worker,
/// until the process is told to end. Prints `bootstrap=HOST:PORT` once it answers.
func runEmbeddedBroker() -> ExitCode {
    do {
        let signals = try SignalWaiter()
        let broker = try EmbeddedBroker()
        try broker.createTopic("chat-events", partitions: 4)
        try broker.createTopic("chat-events.dlq", partitions: 1)
        _ = printOut("bootstrap=\(broker.bootstrapServers)\n")
        while signals.wait(timeoutMilliseconds: -1) == nil {}
        extendLifetime(broker)
        return .done
    } catch {
        printError("\(error)")
        return .failed
    }
}
