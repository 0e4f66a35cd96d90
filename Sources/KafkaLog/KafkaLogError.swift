// Everything that can go wrong between us and Kafka, sorted by what the caller can do about it. The
// sorting is done in one place, `KafkaLogError.classify`.

import CRdkafka

/// A failure of the outside world, named by what is to be done about it.
package enum KafkaLogError: Error, Hashable, Sendable {
    /// A setting that is unknown, does not parse or would break a promise. Nothing was started.
    case setting(key: String, reason: String)
    /// The brokers say that there is no such topic or partition.
    case unknownTopic(Failure)
    /// The position is not in the log (any more). Nothing was reset.
    case outOfRange(Failure)
    /// The brokers refuse us: credentials or access rights.
    case denied(Failure)
    /// The group does not count us as a member of its present generation.
    case notMember(Failure)
    /// Brokers away, leaders moving, time run out: try again.
    case retriable(Failure)
    /// This handle will not work again: make a new one or stop.
    case fatal(Failure)
    /// Refused for good, for a reason of its own.
    case refused(Failure)

    /// What was attempted, where, and what came of it.
    package struct Failure: Hashable, Sendable {
        package var operation: Operation
        /// librdkafka's name of the error, such as `_TRANSPORT`.
        package var code: String
        package var text: String
        package var topic: String?
        package var partition: Int32?
        package var offset: Int64?
    }

    package enum Operation: String, Hashable, Sendable {
        case create, connect, subscribe, rebalance, commit, start, fetch, watermarks, probe
        case partitionCount = "partition count"
        case produce, flush
        case createTopic = "create topic"
        case deleteTopic = "delete topic"
        case describeTopic = "describe topic"
        case embeddedBroker = "embedded broker"
    }

    /// Whether the same call may succeed later without anybody's doing.
    package var isRetriable: Bool {
        if case .retriable = self { return true }
        return false
    }

    /// Whether the handle that reported it is of no more use.
    package var isFatal: Bool {
        if case .fatal = self { return true }
        return false
    }

    /// The details; nil for a setting.
    package var failure: Failure? {
        switch self {
        case .setting: return nil
        case .unknownTopic(let failure), .outOfRange(let failure), .denied(let failure),
            .notMember(let failure), .retriable(let failure), .fatal(let failure),
            .refused(let failure):
            return failure
        }
    }
}

extension KafkaLogError: CustomStringConvertible {
    package var description: String {
        guard let failure else {
            if case .setting(let key, let reason) = self { return "kafka.\(key): \(reason)" }
            return ""
        }
        var text = "kafka \(failure.operation.rawValue)"
        if let topic = failure.topic { text += " \(topic)" }
        if let partition = failure.partition { text += "[\(partition)]" }
        if let offset = failure.offset { text += "@\(offset)" }
        return text + ": \(failure.code): \(failure.text)"
    }
}

extension KafkaLogError {
    /// Sorts an error of librdkafka. The only place that decides what can be tried again.
    static func classify(
        _ code: rd_kafka_resp_err_t, _ operation: Operation, text: String? = nil,
        topic: String? = nil, partition: Int32? = nil, offset: Int64? = nil
    ) -> KafkaLogError {
        let failure = Failure(
            operation: operation, code: codeName(code), text: text ?? codeText(code), topic: topic,
            partition: partition, offset: offset)
        switch code {
        case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED,
            RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR__DESTROY:
            return .fatal(failure)
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            return .unknownTopic(failure)
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
            return .outOfRange(failure)
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            return .denied(failure)
        case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
            RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
            return .notMember(failure)
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__TIMED_OUT,
            RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
            RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__WAIT_CACHE,
            RD_KAFKA_RESP_ERR__IN_PROGRESS, RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS,
            RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__RETRY,
            RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
            RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
            RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
            return .retriable(failure)
        default:
            return .refused(failure)
        }
    }

    private static func codeName(_ code: rd_kafka_resp_err_t) -> String {
        // A static string of librdkafka, never null.
        unsafe String(cString: rd_kafka_err2name(code))
    }

    private static func codeText(_ code: rd_kafka_resp_err_t) -> String {
        // A static string of librdkafka, never null.
        unsafe String(cString: rd_kafka_err2str(code))
    }
}
