// Topics: made and deleted for tests, demos and load runs, and described.

internal import CRdkafka

/// Creates, deletes and describes topics; owned by one thread, each call waits for its answer.
package struct TopicAdmin: ~Copyable {
    private let handle: KafkaHandle

    /// `settings.topic` and `settings.group` are not used.
    package init(_ settings: KafkaSettings) throws(KafkaLogError) {
        handle = try KafkaHandle(
            .admin, settings, events: RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG, wake: Wake())
    }

    /// Creates a topic with the brokers' own replication unless told otherwise, and waits until a
    /// broker knows it: the controller's word travels to the brokers in its own time.
    package func create(
        _ name: String, partitions: Int32, replication: Int32 = -1,
        configuration: [(key: String, value: String)] = [], within duration: Duration
    ) throws(KafkaLogError) {
        var text = [CChar](repeating: 0, count: 512)
        let deadline = Deadline(within: duration)
        // librdkafka copies the name and writes at most `count` bytes of text.
        guard
            let made = unsafe rd_kafka_NewTopic_new(
                name, partitions, replication, &text, text.count)
        else { throw refusal(.createTopic, name, text.upToZero) }
        var topic = unsafe Optional(made)
        defer { unsafe rd_kafka_NewTopic_destroy(topic) }
        for entry in configuration {
            // librdkafka copies both strings; they can only be null to be refused.
            _ = unsafe rd_kafka_NewTopic_set_config(topic, entry.key, entry.value)
        }
        let event = try unsafe ask(.createTopic, name, RD_KAFKA_ADMIN_OP_CREATETOPICS, duration) {
            // One topic, as the count says; librdkafka copies it.
            unsafe rd_kafka_CreateTopics(handle.rk, &topic, 1, $0, $1)
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        var count = 0
        // The results belong to the event.
        let results = unsafe rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(event), &count)
        try unsafe check(results, count, .createTopic, name)
        try waitUntilKnown(name, until: deadline)
    }

    /// Deletes a topic; the brokers do it in their own time.
    package func delete(_ name: String, within duration: Duration) throws(KafkaLogError) {
        var topic = unsafe rd_kafka_DeleteTopic_new(name)
        defer { unsafe rd_kafka_DeleteTopic_destroy(topic) }
        let event = try unsafe ask(.deleteTopic, name, RD_KAFKA_ADMIN_OP_DELETETOPICS, duration) {
            // One topic, as the count says; librdkafka copies it.
            unsafe rd_kafka_DeleteTopics(handle.rk, &topic, 1, $0, $1)
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        var count = 0
        // The results belong to the event.
        let results = unsafe rd_kafka_DeleteTopics_result_topics(
            rd_kafka_event_DeleteTopics_result(event), &count)
        try unsafe check(results, count, .deleteTopic, name)
    }

    /// What is configured for a topic, the brokers' defaults included.
    package func configuration(
        of name: String, within duration: Duration
    ) throws(KafkaLogError) -> [String: String] {
        var resource = unsafe rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name)
        defer { unsafe rd_kafka_ConfigResource_destroy(resource) }
        let event = try unsafe ask(
            .describeTopic, name, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, duration
        ) {
            // One resource, as the count says; librdkafka copies it.
            unsafe rd_kafka_DescribeConfigs(handle.rk, &resource, 1, $0, $1)
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        var count = 0
        // Resources, entries and strings belong to the event.
        guard
            let resources = unsafe rd_kafka_DescribeConfigs_result_resources(
                rd_kafka_event_DescribeConfigs_result(event), &count),
            count == 1, let answer = unsafe resources[0]
        else { throw refusal(.describeTopic, name, "no answer for it") }
        let code = unsafe rd_kafka_ConfigResource_error(answer)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw .classify(code, .describeTopic, topic: name)
        }
        var entryCount = 0
        let entries = unsafe rd_kafka_ConfigResource_configs(answer, &entryCount)
        var found: [String: String] = [:]
        for index in 0..<entryCount {
            let entry = unsafe entries![index]
            guard let value = unsafe rd_kafka_ConfigEntry_value(entry) else { continue }
            unsafe found[String(cString: rd_kafka_ConfigEntry_name(entry))] = String(cString: value)
        }
        return found
    }

    /// Runs a request and waits for its event, which the caller destroys.
    private func ask(
        _ operation: KafkaLogError.Operation, _ name: String, _ kind: rd_kafka_admin_op_t,
        _ duration: Duration, _ request: (_ options: OpaquePointer?, _ queue: OpaquePointer) -> Void
    ) throws(KafkaLogError) -> OpaquePointer {
        let deadline = Deadline(within: duration)
        let options = unsafe rd_kafka_AdminOptions_new(handle.rk, kind)
        defer { unsafe rd_kafka_AdminOptions_destroy(options) }
        let time = max(deadline.remainingMilliseconds(limit: 3_600_000), 1)
        // No text is wanted; the range is librdkafka's own.
        _ = unsafe rd_kafka_AdminOptions_set_request_timeout(options, time, nil, 0)
        if kind != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS {
            // The brokers answer when it is done.
            _ = unsafe rd_kafka_AdminOptions_set_operation_timeout(options, time, nil, 0)
        }
        let queue = unsafe rd_kafka_queue_new(handle.rk)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        unsafe request(options, queue!)
        // librdkafka answers within its request timeout, one way or the other.
        guard let event = unsafe rd_kafka_queue_poll(queue, time + 1000) else {
            throw .classify(RD_KAFKA_RESP_ERR__TIMED_OUT, operation, topic: name)
        }
        let code = unsafe rd_kafka_event_error(event)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            defer { unsafe rd_kafka_event_destroy(event) }
            let text = unsafe String(cString: rd_kafka_event_error_string(event))
            throw .classify(code, operation, text: text, topic: name)
        }
        return unsafe event
    }

    private func waitUntilKnown(_ name: String, until deadline: Deadline) throws(KafkaLogError) {
        let topic = unsafe rd_kafka_topic_new(handle.rk, name, nil)!
        defer { unsafe rd_kafka_topic_destroy(topic) }
        while true {
            do throws(KafkaLogError) {
                _ = try unsafe handle.partitionCount(of: topic, until: deadline)
                return
            } catch {
                if deadline.passed { throw error }
                // Nothing signals; it is a matter of milliseconds.
                handle.wake.wait(milliseconds: 10)
                handle.wake.clear()
            }
        }
    }

    private func check(
        _ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int,
        _ operation: KafkaLogError.Operation, _ name: String
    ) throws(KafkaLogError) {
        guard count == 1, let result = unsafe results?[0] else {
            throw refusal(operation, name, "no answer for it")
        }
        // The result belongs to the event; a missing text is librdkafka's own of the code.
        let code = unsafe rd_kafka_topic_result_error(result)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        let text = unsafe rd_kafka_topic_result_error_string(result).map {
            unsafe String(cString: $0)
        }
        throw .classify(code, operation, text: text, topic: name)
    }

    private func refusal(
        _ operation: KafkaLogError.Operation, _ name: String, _ text: String
    ) -> KafkaLogError {
        .classify(RD_KAFKA_RESP_ERR__INVALID_ARG, operation, text: text, topic: name)
    }
}
