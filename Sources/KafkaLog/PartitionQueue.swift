// The records of one partition, on the thread that works them off.
//
// librdkafka's own threads fetch into the queue; `consume` hands each record to a closure without
// copying it. `rd_kafka_consume_callback_queue` takes the whole queue at once and puts back what is
// left when the callback says so: a turn costs the same however little of the queue it takes. (Its
// sister `rd_kafka_consume_batch_queue` loses records in 2.0.x when a partition stops meanwhile.)
//
// A full queue stops the fetching, and before librdkafka 2.2 nothing tells the broker's thread that
// there is room again: it looks after up to one second (later versions: `fetch.queue.backoff.ms`).
// So there the queue nudges it, when half of what was queued is worked off: any request to the
// partition's leader wakes that thread. With queues of 20,000 records and one partition, a replay
// at full speed waited 80 % of its time without the nudge.
//
// The queue may be destroyed before or after its partition is stopped, on any thread, but before
// the reader is closed; `QueueCensus` counts, so that a reader never pulls librdkafka away from
// under one.

internal import CRdkafka
internal import Synchronization

/// How many partition queues of a reader are alive.
final class QueueCensus: Sendable {
    let alive = Atomic(0)
}

/// What a turn of `PartitionQueue.consume` did.
package struct ConsumeResult: Sendable {
    /// Records handed over.
    package var count = 0
    /// Records skipped because they lie below the next offset: librdkafka may deliver some again.
    package var repeated = 0
    /// True if the turn ended at its limit or at the closure's word: there may be more at once.
    package var more = false
    /// Set if the partition reported an error; the records before it were handed over. After
    /// `.outOfRange` nothing will come until it is started anew; a retriable error mends itself.
    package var error: KafkaLogError?

    package init() {}
}

/// Owns the queue of one started partition. Safe to move to another thread: one thread at a time
/// uses it, since using it takes exclusive access, and librdkafka locks the queue against its own
/// threads.
@safe package struct PartitionQueue: ~Copyable, Sendable {
    package let partition: Int32
    /// The offset of the next record that counts; grows only.
    package private(set) var next: Int64

    /// Alive until `deinit`; its instance lives longer, by the census.
    private nonisolated(unsafe) let queue: OpaquePointer
    /// Alive as long as the queue, by the census.
    private nonisolated(unsafe) let rk: OpaquePointer
    private let topic: String
    private let census: QueueCensus
    /// The most records that were queued since the last nudge.
    private var highest = 0
    /// Written to by librdkafka; nil if `wake` belongs to somebody else.
    private let ownWake: Wake?
    /// Becomes readable when records arrive in the empty queue.
    package let wakeFileDescriptor: Int32

    init(
        rk: OpaquePointer, topic: String, partition: Int32, offset: Int64, wake: Int32?,
        census: QueueCensus
    ) {
        self.partition = partition
        next = offset
        unsafe self.rk = unsafe rk
        self.topic = topic
        self.census = census
        census.alive.add(1, ordering: .relaxed)
        unsafe queue = rd_kafka_queue_new(rk)
        ownWake = wake == nil ? Wake() : nil
        wakeFileDescriptor = wake ?? ownWake!.fd
        var one: UInt64 = 1
        // librdkafka copies the eight bytes.
        unsafe rd_kafka_queue_io_event_enable(queue, wakeFileDescriptor, &one, 8)
    }

    deinit {
        // No more writes to the descriptor, then drop what is queued.
        unsafe rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        unsafe rd_kafka_queue_destroy(queue)
        census.alive.subtract(1, ordering: .releasing)
    }

    /// Hands up to `limit` records (1 or more) to `body`, in the order of the log, each offset at
    /// most once, until it returns false (that record counts as taken). Never waits. Where the
    /// result says `more`, the wake-up may not come again: ask again.
    package mutating func consume(
        limit: Int, _ body: (borrowing Record) -> Bool
    ) -> ConsumeResult {
        precondition(limit > 0)
        let topic = topic
        let partition = partition
        return withoutActuallyEscaping(body) { body in
            var turn = Turn(body: body, limit: limit, next: next)
            // `turn` outlives the call, and the callback runs on this thread, inside of it.
            unsafe withUnsafeMutablePointer(to: &turn) { turn in
                _ = unsafe rd_kafka_consume_callback_queue(queue, 0, takeRecord, turn)
            }
            next = turn.next
            if turn.errorCode != RD_KAFKA_RESP_ERR_NO_ERROR {
                turn.result.error = .classify(
                    turn.errorCode, .fetch, text: turn.errorText, topic: topic,
                    partition: partition, offset: turn.errorOffset)
            }
            nudgeIfDrained(turn.result.count)
            return turn.result
        }
    }

    /// See the head of this file.
    private mutating func nudgeIfDrained(_ taken: Int) {
        guard taken > 0 && Self.needsNudges else { return }
        let left = unsafe rd_kafka_queue_length(queue)
        highest = max(highest, left + taken)
        guard highest >= 1000 && left <= highest / 2 else { return }
        highest = left
        nudge()
    }

    /// Wakes the thread of the partition's leader, so that it looks now what it may fetch.
    borrowing func nudge() {
        let list = PartitionList(
            topic: topic,
            [PartitionOffset(partition: partition, offset: Int64(RD_KAFKA_OFFSET_END))])
        // It asks for the log's end without waiting for the answer, which librdkafka then drops.
        _ = unsafe rd_kafka_offsets_for_times(rk, list.list, 0)
    }

    private static let needsNudges = rd_kafka_version() < 0x0202_0000

    /// Forgets the wake-ups so far, where the queue has a descriptor of its own. To be called
    /// before `consume`, never after.
    package borrowing func clearWake() { ownWake?.clear() }

    /// Lets librdkafka fetch the partition into this queue. False with librdkafka's last error.
    func startFetching(_ topic: OpaquePointer?) -> Bool {
        // Topic and queue are alive; librdkafka takes references of its own.
        unsafe rd_kafka_consume_start_queue(topic, partition, next, queue) == 0
    }
}

/// The caller's closure. A type of its own that is only ever borrowed: called through a copyable
/// one, its context would be retained and released for each record.
private struct Hand: ~Copyable {
    let body: (borrowing Record) -> Bool

    borrowing func take(_ record: borrowing Record) -> Bool { body(record) }
}

/// What the callback needs, by pointer.
private struct Turn: ~Copyable {
    let hand: Hand
    let limit: Int
    var next: Int64
    var result = ConsumeResult()
    var errorCode = RD_KAFKA_RESP_ERR_NO_ERROR
    var errorText = ""
    var errorOffset: Int64?

    init(body: @escaping (borrowing Record) -> Bool, limit: Int, next: Int64) {
        hand = Hand(body: body)
        self.limit = limit
        self.next = next
    }
}

/// Called by librdkafka for each record and each error of the partition.
private func takeRecord(
    _ message: UnsafeMutablePointer<rd_kafka_message_t>?, _ opaque: UnsafeMutableRawPointer?
) {
    // `consume` passed a Turn, and librdkafka passes a message that is its own until this returns.
    let turn = unsafe opaque!.assumingMemoryBound(to: Turn.self)
    let message = unsafe message!
    guard unsafe message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
        return unsafe takeError(message, turn)
    }
    let offset = unsafe message.pointee.offset
    guard unsafe offset >= turn.pointee.next else {
        unsafe turn.pointee.result.repeated += 1
        return
    }
    unsafe turn.pointee.next = offset + 1
    unsafe turn.pointee.result.count += 1
    let goOn = unsafe turn.pointee.hand.take(Record(lent: message))
    if unsafe !goOn || turn.pointee.result.count == turn.pointee.limit {
        unsafe turn.pointee.result.more = true
        rd_kafka_yield(nil)
    }
}

private func takeError(
    _ message: UnsafeMutablePointer<rd_kafka_message_t>, _ turn: UnsafeMutablePointer<Turn>
) {
    // Only seen if an operator switched it on; it is no error.
    if unsafe message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF { return }
    unsafe turn.pointee.errorCode = message.pointee.err
    if let text = unsafe rd_kafka_message_errstr(message) {
        unsafe turn.pointee.errorText = String(cString: text)
    }
    let offset = unsafe message.pointee.offset
    unsafe turn.pointee.errorOffset = offset >= 0 ? offset : nil
    unsafe turn.pointee.result.more = true
    rd_kafka_yield(nil)
}
