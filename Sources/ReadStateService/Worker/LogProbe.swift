// Looks at the log before a claimed partition is read: does it still reach back to the stored
// position, and is it still the same topic? Kafka answers these questions in its own time, so they
// are asked on a thread of their own, for all partitions that wait at once.

import KafkaLog
import ReadStateCore

/// A question about one partition's log.
struct PlaceQuestion: Sendable {
    var partition: PartitionID
    /// The claim it is asked for: an answer that comes after another claim is of no use.
    var claim: OwnerToken
    /// Where it is to be read from; nil: from its beginning.
    var position: Offset?
    /// A record that must still be there, if its offset is.
    var fingerprint: RecordFingerprint?
}

/// The thread's side: takes questions, posts `.placed` for each.
struct LogProbe {
    let kafka: KafkaSettings
    let questions: Mailbox<PlaceQuestion>
    let answers: Mailbox<ControlMessage>

    /// Serves questions until the process ends.
    func run() {
        var taken: [PlaceQuestion] = []
        var ready: [Readiness] = []
        do {
            var epoll = try Epoll(batch: 1)
            try epoll.add(questions.fileDescriptor, token: 0)
            var reader = try LogReader(kafka)
            // Connects while the group is being joined; what it says is asked again later.
            _ = try? reader.partitionCount(within: .seconds(5))
            while true {
                epoll.wait(into: &ready, timeoutMilliseconds: 5_000)
                questions.drain(into: &taken)
                if !taken.isEmpty { answer(taken, by: reader) }
                // The consumer reports the same brokers' errors; here they are only made room of.
                while reader.poll() != nil {}
            }
        } catch {
            answers.post(.fatal(.failed, "looking at the log: \(error)"))
        }
    }

    private func answer(_ questions: [PlaceQuestion], by reader: borrowing LogReader) {
        // A partition that was asked about twice is answered for its newest question.
        var newest: [PartitionID: PlaceQuestion] = [:]
        for question in questions { newest[question.partition] = question }
        let open = newest.values.sorted { $0.partition < $1.partition }
        // A leader that keeps silent holds up the partitions of the others no longer than this.
        let silent = look(at: open, by: reader, within: .seconds(1))
        // It may only be slow.
        for (question, error) in look(at: silent.map(\.0), by: reader, within: .seconds(5)) {
            answers.post(.placed(question, .unknown(error)))
        }
    }

    /// Answers those questions that Kafka answers, and gives back the others.
    private func look(
        at questions: [PlaceQuestion], by reader: borrowing LogReader, within limit: Duration
    ) -> [(PlaceQuestion, KafkaLogError)] {
        let logs = reader.watermarks(of: questions.map(\.partition.rawValue), within: limit)
        var silent: [(PlaceQuestion, KafkaLogError)] = []
        var doubtful: [PlaceQuestion] = []
        for (question, log) in zip(questions, logs) {
            switch log {
            case .failure(let error): silent.append((question, error))
            case .success(let log):
                if let place = placeByEnds(question, log) {
                    answers.post(.placed(question, place))
                } else {
                    doubtful.append(question)
                }
            }
        }
        lookAtRecords(of: doubtful)
        return silent
    }

    /// Answers questions whose partitions have the record that is to be compared.
    private func lookAtRecords(of questions: [PlaceQuestion]) {
        guard !questions.isEmpty else { return }
        let positions = questions.map {
            PartitionOffset(
                partition: $0.partition.rawValue, offset: $0.fingerprint!.offset.rawValue)
        }
        do {
            let records = try probeRecords(kafka, at: positions, within: .seconds(10))
            for (question, record) in zip(questions, records) {
                answers.post(.placed(question, compare(record, with: question)))
            }
        } catch {
            for question in questions { answers.post(.placed(question, .unknown(error))) }
        }
    }

    /// What the ends of the log tell; nil if the record itself must be looked at.
    private func placeByEnds(_ question: PlaceQuestion, _ log: Watermarks) -> LogPlace? {
        guard let position = question.position else { return .good(at: Offset(log.low)) }
        if position.rawValue > log.high {
            return .anotherTopic(
                "the log ends at \(log.high), before the stored position \(position.rawValue)")
        }
        guard let offset = question.fingerprint?.offset.rawValue else {
            return position.rawValue < log.low
                ? .gone(from: position, to: Offset(log.low)) : .good(at: position)
        }
        if offset >= log.high {
            return .anotherTopic("the log ends at \(log.high), before the known record \(offset)")
        }
        if position.rawValue < log.low { return .gone(from: position, to: Offset(log.low)) }
        // The record has left the log, the position has not: nothing is missing, nothing to
        // compare.
        return offset < log.low ? .good(at: position) : nil
    }

    private func compare(_ result: ProbeResult, with question: PlaceQuestion) -> LogPlace {
        let known = question.fingerprint!
        switch result {
        case .record(let record)
        where record.offset == known.offset.rawValue && record.fingerprint == known.hash:
            return .good(at: question.position!)
        case .record, .nothingThere:
            return .anotherTopic(
                "the record at offset \(known.offset.rawValue) is not the one that was applied")
        case .failed(let error): return .unknown(error)
        }
    }
}
