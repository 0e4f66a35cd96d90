// A Kafka of sorts inside of this process: librdkafka's mock cluster, for `demo` and for tests.

internal import CRdkafka

/// Brokers on free ports of the loopback interface, for as long as this lives; other processes can
/// connect too. What it is not, in librdkafka 2.0.2: it keeps the newest 5 MB per partition and
/// drops older records without a word; each join of a group takes 3.1 s; a fetch that finds nothing
/// waits the whole `fetch.wait.max.ms`; what transactions commit for groups is not kept.
@safe package struct EmbeddedBroker: ~Copyable, Sendable {
    /// A handle of librdkafka that only carries the cluster. Both are alive until `deinit`, which
    /// alone destroys them; librdkafka locks the cluster.
    private nonisolated(unsafe) let rk: OpaquePointer
    private nonisolated(unsafe) let cluster: OpaquePointer
    private let brokers: Int32

    /// `host:port`, comma-separated.
    package let bootstrapServers: String

    package init(brokers: Int32 = 1) throws(KafkaLogError) {
        let configuration = unsafe rd_kafka_conf_new()
        // It has no brokers of its own to reach, and would say so for ever.
        _ = unsafe rd_kafka_conf_set(configuration, "log_level", "0", nil, 0)
        // No text is wanted; librdkafka takes over the configuration.
        guard let rk = unsafe rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0) else {
            unsafe rd_kafka_conf_destroy(configuration)
            throw .classify(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, .embeddedBroker)
        }
        guard let cluster = unsafe rd_kafka_mock_cluster_new(rk, brokers) else {
            unsafe rd_kafka_destroy(rk)
            throw .classify(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, .embeddedBroker)
        }
        unsafe self.rk = unsafe rk
        unsafe self.cluster = unsafe cluster
        self.brokers = brokers
        // A string that the cluster owns.
        bootstrapServers = unsafe String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }

    deinit {
        unsafe rd_kafka_mock_cluster_destroy(cluster)
        unsafe rd_kafka_destroy(rk)
    }

    /// Makes a topic whose partitions the brokers lead in turn.
    package func createTopic(_ name: String, partitions: Int32) throws(KafkaLogError) {
        let code = unsafe rd_kafka_mock_topic_create(cluster, name, partitions, 1)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw .classify(code, .createTopic, topic: name)
        }
        // Left alone, the cluster would throw dice.
        for partition in 0..<partitions {
            // The topic is there, and so are its partitions and the brokers.
            _ = unsafe rd_kafka_mock_partition_set_leader(
                cluster, name, partition, partition % brokers + 1)
        }
    }

    /// Takes a broker (from 1) off the network, or brings it back.
    package func setBroker(_ id: Int32, up: Bool) {
        // An unknown broker is refused with a code that says so.
        let code =
            up
            ? unsafe rd_kafka_mock_broker_set_up(cluster, id)
            : unsafe rd_kafka_mock_broker_set_down(cluster, id)
        precondition(code == RD_KAFKA_RESP_ERR_NO_ERROR, "there is no such broker")
    }

    /// Lets the next requests of a kind (Kafka's API key, 0 is Produce) fail with these error codes
    /// of Kafka's protocol, one each.
    package func fail(apiKey: Int16, with codes: [Int16]) {
        let errors = codes.map { rd_kafka_resp_err_t(rawValue: Int32($0)) }
        // As many codes as the count says; librdkafka copies them.
        unsafe rd_kafka_mock_push_request_errors_array(cluster, apiKey, errors.count, errors)
    }
}
