// The floor: a process that reads a topic with librdkafka as it comes, adds up the bytes of the
// values, and does nothing else. What the worker costs more than this is what it costs.

internal import CRdkafka
import Glibc

/// What the callback counts.
private struct BareTally {
    var count = 0
    var bytes = 0
}

/// `bare BROKERS TOPIC PARTITIONS COUNT`: reads so many records from the beginning, then prints
/// seconds, CPU seconds, KiB of memory and bytes. 0 records: reads what comes from now on, until it
/// is killed.
func runBare(_ words: [String]) {
    guard words.count == 4, let partitions = Int32(words[2]), let limit = Int(words[3]) else {
        fatalError("bare BROKERS TOPIC PARTITIONS COUNT")
    }
    let configuration = unsafe rd_kafka_conf_new()
    let properties = [
        ("bootstrap.servers", words[0]), ("group.id", "bare"), ("enable.auto.commit", "false"),
    ]
    for (key, value) in properties {
        // librdkafka copies both strings, and knows these properties.
        let result = unsafe rd_kafka_conf_set(configuration, key, value, nil, 0)
        precondition(result == RD_KAFKA_CONF_OK)
    }
    // librdkafka takes over the configuration; the process ends without destroying anything.
    guard let rk = unsafe rd_kafka_new(RD_KAFKA_CONSUMER, configuration, nil, 0) else {
        fatalError("librdkafka does not start")
    }
    unsafe rd_kafka_poll_set_consumer(rk)
    let list = unsafe rd_kafka_topic_partition_list_new(partitions)!
    let begin = limit == 0 ? Int64(RD_KAFKA_OFFSET_END) : 0
    for partition in 0..<partitions {
        // The list is alive and returns its own entry.
        unsafe rd_kafka_topic_partition_list_add(list, words[1], partition).pointee.offset = begin
    }
    let start = seconds()
    unsafe rd_kafka_assign(rk, list)
    let queue = unsafe rd_kafka_queue_get_consumer(rk)
    var tally = BareTally()
    while limit == 0 || tally.count < limit {
        // The tally outlives the call, and the callback runs inside of it.
        _ = unsafe rd_kafka_consume_callback_queue(queue, 100, takeBare, &tally)
    }
    let elapsed = seconds() - start
    let cost = ProcessCost.ofThisProcess()
    print(elapsed, cost.cpu, cost.memory, tally.bytes)
    // All streams that this process writes to.
    fflush(nil)
    _exit(0)
}

private func takeBare(
    _ message: UnsafeMutablePointer<rd_kafka_message_t>?, _ opaque: UnsafeMutableRawPointer?
) {
    // Both are what `runBare` and librdkafka pass for the time of this call.
    let tally = unsafe opaque!.assumingMemoryBound(to: BareTally.self)
    guard unsafe message!.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    unsafe tally.pointee.count += 1
    unsafe tally.pointee.bytes += message!.pointee.len
}
