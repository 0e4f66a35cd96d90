// One record of the log, lent for the time of a call.

internal import CRdkafka

/// A record whose bytes belong to librdkafka: it cannot be copied or kept, and neither can its
/// spans.
@safe package struct Record: ~Copyable {
    /// Valid for the call that this record was lent to; being ~Copyable and borrowed, it ends
    /// there.
    private let message: UnsafeMutablePointer<rd_kafka_message_t>

    init(lent message: UnsafeMutablePointer<rd_kafka_message_t>) {
        unsafe self.message = unsafe message
    }

    package var partition: Int32 { unsafe message.pointee.partition }
    package var offset: Int64 { unsafe message.pointee.offset }

    /// When the producer made it or the broker took it, as the topic says; -1 if neither is known.
    package var timestampMilliseconds: Int64 {
        // The kind of timestamp is not asked for.
        unsafe rd_kafka_message_timestamp(message, nil)
    }

    /// Nil if the record has none.
    package var key: RawSpan? {
        @_lifetime(borrow self)
        borrowing get {
            guard let start = unsafe message.pointee.key else { return nil }
            let span = unsafe RawSpan(_unsafeStart: start, byteCount: message.pointee.key_len)
            // The message holds these bytes for as long as the record is lent.
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Nil in a tombstone.
    package var value: RawSpan? {
        @_lifetime(borrow self)
        borrowing get {
            guard let start = unsafe message.pointee.payload else { return nil }
            let span = unsafe RawSpan(_unsafeStart: start, byteCount: message.pointee.len)
            // The message holds these bytes for as long as the record is lent.
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Hash of timestamp, key and value, see `recordFingerprint`.
    package var fingerprint: UInt64 {
        recordFingerprint(timestampMilliseconds: timestampMilliseconds, key: key, value: value)
    }

    /// The record's headers, in order; for tests and tools, it allocates.
    package var headers: [(name: String, value: [UInt8])] {
        var headers: OpaquePointer?
        // The headers belong to the message; an error means that there are none.
        guard unsafe rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR
        else { return [] }
        var all: [(name: String, value: [UInt8])] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var count = 0
        while unsafe rd_kafka_header_get_all(headers, all.count, &name, &value, &count)
            == RD_KAFKA_RESP_ERR_NO_ERROR
        {
            // Name and value live as long as the message; `count` bytes are there.
            let bytes = unsafe UnsafeRawBufferPointer(start: value, count: count)
            unsafe all.append((String(cString: name!), Array(bytes)))
        }
        return all
    }
}
