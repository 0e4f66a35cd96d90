// Answers: written from the cache into one buffer and pushed to the list that the asker named.

import ReadStateCore
import ReadStateWire
import RedisLink

/// What a reply on the connection for answers belongs to.
enum AnswerExpectation {
    /// A call with so many answers.
    case answers(Int)
    /// So many requests, put on another list or back.
    case passedOn(Int)
    case unblock
}

extension Shard {
    func sendAnswers(_ partition: ShardPartition, now: Instant) {
        while replies.takesMore, let answer = partition.engine.nextAnswer(now: now) {
            send(answer, of: partition)
        }
    }

    /// Questions whose time is over are answered even where nothing else works.
    func expireQuestions(_ partition: ShardPartition, now: Instant) {
        for answer in partition.engine.expire(now: now) { send(answer, of: partition) }
    }

    private func send(_ answer: Answer, of partition: ShardPartition) {
        let request = pending.take(answer.ticket)
        let address = request.address
        let user = answer.question.user
        let header = ReplyWriter.Header(
            address: address, partition: partition.id, appliedOffset: answer.appliedOffset)
        encoded.removeAll(keepingCapacity: true)
        switch answer.outcome {
        case .state(let state):
            ReplyWriter.state(state, user: user, header: header, into: &encoded)
        case .totals(let totals):
            ReplyWriter.totals(totals, user: user, header: header, into: &encoded)
        case .states:
            var list = ListReplyWriter(user: user, header: header, into: &encoded)
            let more = partition.engine.forEachSummary(of: answer.question) {
                list.append($0, into: &encoded)
            }
            list.end(more: more, into: &encoded)
        case .error(let code):
            ReplyWriter.error(code, message: text(of: code), address: address, into: &encoded)
        case .expired: return
        }
        push(to: address)
        let nanoseconds = SystemClock.nanoseconds() - request.since
        counters.answerTime.record(nanoseconds)
    }

    /// Answers a request that never reached an engine.
    func refuse(_ address: ReplyAddress, _ code: QueryErrorCode, _ message: String) {
        counters.refusedRequests[code, default: 0] += 1
        encoded.removeAll(keepingCapacity: true)
        ReplyWriter.error(code, message: message, address: address, into: &encoded)
        push(to: address)
    }

    private func text(of code: QueryErrorCode) -> String {
        switch code {
        case .behind: return "min_offset is not applied yet"
        case .unavailable: return "the user could not be loaded in time"
        case .badRequest, .unknownPartition, .tooLarge: return code.rawValue
        }
    }

    /// Adds the encoded answer to the call that is being put together.
    private func push(to address: ReplyAddress) {
        guard replies.isReady else {
            counters.lostAnswers += 1
            return
        }
        let encoded = encoded
        // Both arrays outlive the call.
        unsafe replyCommand.add(encoded.span.bytes, to: address.replyTo.span.bytes)
        counters.answers += 1
        if replyCommand.isFull { pushAnswers() }
    }

    /// Sends the answers that are there: at the end of each turn, so that those of one turn share
    /// calls and none waits for another turn's.
    func pushAnswers() {
        guard !replyCommand.isEmpty else { return }
        guard replies.isReady else {
            counters.lostAnswers += UInt64(replyCommand.count)
            replyCommand = ReplyCommand()
            return
        }
        replies.expected.append(.answers(replyCommand.count))
        replyCommand.finish(into: &replies.connection.output)
    }

    /// Reads what Redis says to answers.
    func readAnswerReplies(_ connection: inout RedisConnection, now: Instant) {
        while let reply = connection.nextReply() {
            switch replies.expected.next() {
            case .answers(let count):
                if let error = reply.error() { noteRefused(count, error, now: now) }
                var answers = reply.elements
                while let answer = answers.next() {
                    if let error = answer.error() { noteRefused(1, error, now: now) }
                }
            case .passedOn(let count):
                if let error = reply.error() {
                    counters.lostRequests += UInt64(count)
                    logger.warning("request_lost", ["error": .text("\(error)")])
                }
            case .unblock: break
            }
        }
    }

    /// What was on its way when the connection broke. Redis may have had it already; nobody knows.
    func countLost(_ expectation: AnswerExpectation) {
        switch expectation {
        case .answers(let count): counters.lostAnswers += UInt64(count)
        case .passedOn(let count): counters.lostRequests += UInt64(count)
        case .unblock: break
        }
    }

    /// A list that cannot be pushed to is its asker's affair; a Redis that takes no writes is not.
    private func noteRefused(_ count: Int, _ error: RedisLinkError, now: Instant) {
        if error.isOfList {
            counters.undeliverable += UInt64(count)
        } else {
            counters.lostAnswers += UInt64(count)
        }
        // A line a second: askers could fill the log otherwise.
        guard nextRefusalLine <= now else { return }
        nextRefusalLine = now.advanced(byMilliseconds: 1_000)
        logger.warning("answer_refused", ["error": .text("\(error)")])
    }
}
