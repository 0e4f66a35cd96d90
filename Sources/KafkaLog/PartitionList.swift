// Lists of partitions as librdkafka takes and gives them.

internal import CRdkafka

/// An offset in a partition of the topic.
package struct PartitionOffset: Hashable, Sendable {
    package var partition: Int32
    package var offset: Int64
    package init(partition: Int32, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }
}

/// Owns a list of partitions of one topic.
@safe struct PartitionList: ~Copyable {
    /// Alive as long as this is.
    let list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(topic: String, _ entries: [PartitionOffset]) {
        unsafe list = rd_kafka_topic_partition_list_new(Int32(entries.count))
        for entry in entries {
            // The entry it gives back is part of the list.
            unsafe rd_kafka_topic_partition_list_add(list, topic, entry.partition).pointee.offset =
                entry.offset
        }
    }

    deinit { unsafe rd_kafka_topic_partition_list_destroy(list) }

    struct Entry {
        let partition: Int32
        let offset: Int64
        let error: rd_kafka_resp_err_t
    }

    var entries: [Entry] { unsafe Self.entries(of: list) }

    /// What a list of librdkafka's own holds; nothing if there is none.
    static func entries(
        of list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    ) -> [Entry] {
        guard let list = unsafe list else { return [] }
        // The first `cnt` elements are there.
        return unsafe (0..<Int(list.pointee.cnt)).map { index in
            let element = unsafe list.pointee.elems[index]
            return unsafe Entry(
                partition: element.partition, offset: element.offset, error: element.err)
        }
    }
}
