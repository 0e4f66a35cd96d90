// The worker's metrics. Names are part of what operators rely on; each stands here once.

import ReadStateCore
import ReadStateWire

private let partitionGauges: [(Metric, @Sendable (PartitionStatus) -> Int64?)] = [
    (
        Metric(.gauge, "partition_owned", "1 while the partition is claimed and consumed."),
        { $0.isAssigned && $0.isServing ? 1 : 0 }
    ),
    (
        Metric(.gauge, "partition_lag_events", "Events of the log that are not applied yet."),
        { $0.lag }
    ),
    (
        Metric(.gauge, "partition_next_offset", "The first offset that is not applied yet."),
        { $0.next.rawValue }
    ),
    (
        Metric(.gauge, "partition_stored_position", "The offset a replay would begin at."),
        { $0.storedPosition.rawValue }
    ),
    (
        Metric(.gauge, "resident_states", "Read states in the cache."),
        { Int64($0.residentStates) }
    ),
    (Metric(.gauge, "resident_users", "Users in the cache."), { Int64($0.residentUsers) }),
    (
        Metric(.gauge, "cache_bytes", "Bytes that the cache holds, all in."),
        { Int64($0.cacheBytes) }
    ),
    (
        Metric(.gauge, "dirty_users", "Users with changes that no commit carries yet."),
        { Int64($0.dirtyUsers) }
    ),
    (
        Metric(.gauge, "parked_events", "Events that wait for their user to be loaded."),
        { Int64($0.parkedEvents) }
    ),
    (
        Metric(.gauge, "waiting_questions", "Requests that wait for a load or an offset."),
        { Int64($0.waitingQuestions) }
    ),
]

private let partitionCounters: [(Metric, @Sendable (PartitionCounters) -> UInt64)] = [
    (
        Metric(.counter, "events_applied_total", "Events that changed a read state."),
        { $0.applied }
    ),
    (
        Metric(.counter, "events_unchanged_total", "Events that changed nothing."),
        { $0.unchanged }
    ),
    (
        Metric(.counter, "events_below_next_total", "Records delivered again and skipped."),
        { $0.belowNext }
    ),
    (
        Metric(.counter, "events_included_total", "Replayed events that the store had already."),
        { $0.alreadyIncluded }
    ),
    (
        Metric(
            .counter, "states_refused_total",
            "Times a read state was not added, because its user has as many as it may have."),
        { $0.refusedStates }
    ),
    (
        Metric(.counter, "cache_misses_total", "Events whose user was not resident."),
        { $0.misses }
    ),
    (
        Metric(.counter, "cache_evictions_total", "Users that left the cache."),
        { $0.evictions }
    ),
    (Metric(.counter, "loads_total", "Loads sent to Redis."), { $0.loads }),
    (Metric(.counter, "loaded_users_total", "Users read from Redis."), { $0.loadedUsers }),
    (
        Metric(.counter, "loaded_states_total", "Read states read from Redis."),
        { $0.loadedStates }
    ),
    (Metric(.counter, "commits_total", "Commits sent to Redis."), { $0.commits }),
    (
        Metric(.counter, "committed_users_total", "Users sent to Redis in commits."),
        { $0.committedUsers }
    ),
    (Metric(.counter, "claims_kept_total", "Claims that kept the cache."), { $0.claimsKept }),
    (
        Metric(.counter, "claims_fresh_total", "Claims that began with an empty cache."),
        { $0.claimsFresh }
    ),
    (
        Metric(.counter, "fenced_total", "Times another owner was found in Redis."),
        { $0.fenced }
    ),
    (
        Metric(.counter, "rolled_back_total", "Times Redis had lost what it acknowledged."),
        { $0.rolledBack }
    ),
    (Metric(.counter, "requests_behind_total", "Requests answered `behind`."), { $0.behind }),
    (
        Metric(.counter, "requests_expired_total", "Requests dropped after their deadline."),
        { $0.expired }
    ),
]

private let shardCounters: [(Metric, @Sendable (ShardCounters) -> UInt64)] = [
    (
        Metric(.counter, "tombstones_total", "Records without a value, skipped."),
        { $0.tombstones }
    ),
    (Metric(.counter, "requests_total", "Requests taken from the lists."), { $0.requests }),
    (
        Metric(.counter, "requests_passed_on_total", "Requests put on another list or back."),
        { $0.passedOn }
    ),
    (
        Metric(
            .counter, "requests_lost_total",
            "Requests under way to another list when a connection broke, or not taken by Redis."),
        { $0.lostRequests }
    ),
    (Metric(.counter, "answers_total", "Answers pushed to reply lists."), { $0.answers }),
    (
        Metric(
            .counter, "answers_lost_total",
            "Answers under way when a connection broke, or not taken by Redis (full, read-only)."),
        { $0.lostAnswers }
    ),
    (
        Metric(
            .counter, "answers_undeliverable_total",
            "Answers to keys that are no lists, or that the worker's user may not write."),
        { $0.undeliverable }
    ),
    (
        Metric(.counter, "redis_connections_broken_total", "Connections to Redis that broke."),
        { $0.redisFailures }
    ),
    (
        Metric(.counter, "commits_failed_total", "Commits that Redis would not take."),
        { $0.commitFailures }
    ),
    (Metric(.counter, "loads_failed_total", "Loads that failed."), { $0.loadFailures }),
]

private let deadLetters = Metric(.counter, "dead_letters_total", "Records that cannot be applied.")
private let refused = Metric(
    .counter, "requests_refused_total", "Requests answered with an error at once.")
private let unanswerable = Metric(
    .counter, "requests_unanswerable_total", "Requests that name no list to answer to.")
private let answerTime = Metric(
    .histogram, "answer_seconds", "From a request's being taken to its answer's being sent.")
private let commitTime = Metric(
    .histogram, "commit_seconds", "From a commit's being sent to its acknowledgement.")
private let ready = Metric(.gauge, "ready", "1 while the worker is ready.")
private let goneOffsets = Metric(
    .gauge, "partition_gone_offsets",
    "Offsets that left the log before they were applied; the partition waits for an operator.")
private let kafkaErrors = Metric(
    .counter, "kafka_errors_total", "Errors that the Kafka client reported.")

/// Adds everything a worker knows about itself.
func addWorkerMetrics(_ status: WorkerStatus, to exposition: inout Exposition) {
    exposition.add(ready, status.unreadiness == nil ? 1 : 0)
    exposition.add(kafkaErrors, status.control.kafkaErrors)
    let gone = status.control.gone
    for partition in status.partitions {
        let labels: Exposition.Labels = ["partition": "\(partition.id.rawValue)"]
        for (metric, value) in partitionGauges {
            if let value = value(partition) { exposition.add(metric, value, labels) }
        }
        let range = partition.isAssigned ? gone[partition.id] : nil
        exposition.add(goneOffsets, range.map { $0.to.rawValue - $0.from.rawValue } ?? 0, labels)
        for (metric, value) in partitionCounters {
            exposition.add(metric, value(partition.counters), labels)
        }
    }
    for shard in status.shards { add(shard.latest, to: &exposition) }
}

private func add(_ shard: ShardStatus, to exposition: inout Exposition) {
    let index = "\(shard.index)"
    for (metric, value) in shardCounters {
        exposition.add(metric, value(shard.counters), ["shard": index])
    }
    for reason in DeadLetterReason.allCases {
        exposition.add(
            deadLetters, shard.counters.deadLetters[reason] ?? 0,
            ["shard": index, "reason": reason.rawValue])
    }
    for (code, count) in shard.counters.refusedRequests {
        exposition.add(refused, count, ["shard": index, "code": code.rawValue])
    }
    for reason in UnanswerableReason.allCases {
        exposition.add(
            unanswerable, shard.counters.unanswerable[reason] ?? 0,
            ["shard": index, "reason": reason.rawValue])
    }
    exposition.add(answerTime, shard.counters.answerTime, ["shard": index])
    exposition.add(commitTime, shard.counters.commitTime, ["shard": index])
}
