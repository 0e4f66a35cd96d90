// What a worker's HTTP pages say: made of what its threads have published.

import ReadStateCore

extension OperatorPages {
    /// The pages of a worker.
    init(of status: WorkerStatus) {
        let registry = MetricsRegistry()
        registry.register { addWorkerMetrics(status, to: &$0) }
        self.init(
            metrics: registry,
            stuck: { status.stuckThread(now: SystemClock.now()).map { "\($0) does not turn" } },
            unready: { status.unreadiness }, status: { write(status, to: &$0) })
    }
}

private func write(_ status: WorkerStatus, to json: inout JSONText) {
    let control = status.control
    json.member("version", .text(programVersion))
    json.member("phase", .text(control.phase.rawValue))
    let unreadiness = status.unreadiness
    json.member("ready", .isTrue(unreadiness == nil))
    if let unreadiness { json.member("reason", .text(unreadiness)) }
    if let error = control.kafkaError { json.member("last_kafka_error", .text(error)) }
    json.member(
        "partitions",
        array: { array in
            for partition in status.partitions {
                array.object { write(partition, control.gone[partition.id], to: &$0) }
            }
        })
}

private func write(
    _ partition: PartitionStatus, _ gone: (from: Offset, to: Offset)?, to json: inout JSONText
) {
    json.member("partition", LogValue(partition.id.rawValue))
    json.member("owned", .isTrue(partition.isAssigned))
    json.member("phase", .text(partition.phase.word))
    json.member("consuming", .isTrue(partition.isConsuming))
    json.member("next", LogValue(partition.next.rawValue))
    json.member("position", LogValue(partition.position.rawValue))
    json.member("stored_position", LogValue(partition.storedPosition.rawValue))
    if let end = partition.end { json.member("end", LogValue(end.rawValue)) }
    if let lag = partition.lag { json.member("lag", LogValue(lag)) }
    json.member("resident_users", LogValue(partition.residentUsers))
    json.member("resident_states", LogValue(partition.residentStates))
    json.member("cache_bytes", LogValue(partition.cacheBytes))
    json.member("dirty_users", LogValue(partition.dirtyUsers))
    json.member("parked_events", LogValue(partition.parkedEvents))
    json.member("waiting_questions", LogValue(partition.waitingQuestions))
    json.member("dead_letters", LogValue(partition.counters.deadLetters))
    if let offset = partition.failedLetter {
        json.member("failed_dead_letter", LogValue(offset.rawValue))
    }
    if let damage = partition.damage { json.member("damage", .text(damage)) }
    if let age = partition.lastCommitAge { json.member("last_commit_ms_ago", LogValue(age)) }
    if let gone {
        json.member("gone_from", LogValue(gone.from.rawValue))
        json.member("gone_to", LogValue(gone.to.previous.rawValue))
    }
}

extension PartitionEngine.Phase {
    /// The phase in one word.
    fileprivate var word: String {
        switch self {
        case .unclaimed: "unclaimed"
        case .claiming: "claiming"
        case .claimed: "claimed"
        case .owned: "owned"
        case .refused(let refusal): refusal.rawValue
        }
    }
}
