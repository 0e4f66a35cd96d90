// Questions: answered from the cache between two batches, so that an answer is the fold of the log
// up to one offset and says which.

/// An answer, or why there is none.
package struct Answer: Sendable {
    package enum Outcome: Sendable {
        case state(ReadStateSummary)
        /// To be written with `forEachSummary` at once, before anything else happens to the engine.
        case states
        case totals(UserTotals)
        case error(QueryErrorCode)
        /// Nobody waits for it any more.
        case expired
    }
    package let ticket: Ticket
    package let question: Question
    package let outcome: Outcome
    /// The newest offset whose event the answer includes; -1 before the first.
    package let appliedOffset: Offset
}

extension PartitionEngine {
    /// Takes a question in. `deadline` is when the asker stops waiting; without one the engine's
    /// own patience counts. False: too many wait already, the question was not taken in.
    package mutating func ask(
        _ question: Question, ticket: Ticket, minOffset: Offset?, deadline: Instant?, now: Instant
    ) -> Bool {
        guard questions.count < settings.questionLimit else {
            counters.unavailable += 1
            return false
        }
        counters.questions += 1
        let patience = now.advanced(byMilliseconds: settings.questionPatience)
        let waiting = WaitingQuestions.Waiting(
            question: question, minOffset: minOffset, deadline: deadline ?? patience,
            isAsked: deadline != nil)
        questions.add(ticket, waiting, next: next)
        return true
    }

    /// The next answer that can be given, or nil for now.
    package mutating func nextAnswer(now: Instant) -> Answer? {
        guard phase == .owned else { return nil }
        questions.reached(next)
        while let ticket = questions.nextReady() {
            guard let waiting = questions[ticket] else { continue }
            if waiting.deadline <= now { return end(ticket, waiting) }
            // A restart may have taken the log back below what was reached before.
            if let minOffset = waiting.minOffset, minOffset >= next {
                questions.remove(ticket)
                questions.add(ticket, waiting, next: next)
                continue
            }
            let user = waiting.question.user
            if let slot = cache.find(user) {
                touch(slot)
                return answer(ticket, waiting.question, slot)
            }
            if whole { return answer(ticket, waiting.question, nil) }
            let index = requestLoad(of: user)
            loadingUsers[index].questions.append(ticket)
        }
        evict()
        return nil
    }

    /// Questions whose time is over, in any phase: `behind`, `unavailable`, or nothing at all.
    package mutating func expire(now: Instant) -> [Answer] {
        guard questions.count > 0 else { return [] }
        return questions.expired(now).map { end($0, questions[$0]!) }
    }

    /// The states of a user for an answer to `list`, in the order of channel ids, at most the
    /// question's limit. True if there are further ones.
    package func forEachSummary(
        of question: Question, _ body: (ReadStateSummary) -> Void
    ) -> Bool {
        guard case .list(let user, let unreadOnly, let after, let limit) = question,
            let slot = cache.find(user)
        else { return false }
        var count = 0
        var more = false
        cache.forEachSummary(at: slot, after: after, unreadOnly: unreadOnly) { summary in
            guard count < limit else {
                more = true
                return false
            }
            count += 1
            body(summary)
            return true
        }
        return more
    }

    private mutating func answer(_ ticket: Ticket, _ question: Question, _ slot: UserSlot?)
        -> Answer
    {
        questions.remove(ticket)
        counters.answers += 1
        let outcome: Answer.Outcome
        switch question {
        case .get(_, let channel):
            outcome = .state(
                slot.map { cache.summary(channel, at: $0) } ?? ReadStateSummary(default: channel))
        case .list:
            outcome = .states
        case .totals:
            outcome = .totals(slot.map { cache.totals(at: $0) } ?? UserTotals())
        }
        let first = slot.flatMap { ahead[$0] }.map { max($0, next) } ?? next
        return Answer(
            ticket: ticket, question: question, outcome: outcome, appliedOffset: first.previous)
    }

    private mutating func end(_ ticket: Ticket, _ waiting: WaitingQuestions.Waiting) -> Answer {
        questions.remove(ticket)
        let isBehind = waiting.minOffset.map { $0 >= next } ?? false
        let outcome: Answer.Outcome
        if isBehind {
            counters.behind += 1
            outcome = .error(.behind)
        } else if waiting.isAsked {
            counters.expired += 1
            outcome = .expired
        } else {
            counters.unavailable += 1
            outcome = .error(.unavailable)
        }
        return Answer(
            ticket: ticket, question: waiting.question, outcome: outcome,
            appliedOffset: next.previous)
    }
}

extension ReadStateSummary {
    /// What is answered for a state that nobody ever wrote.
    package init(default channel: ChannelID) {
        self.init(
            channel: channel, lastRead: .none, lastMessage: .none, unreadCount: 0, mentionCount: 0,
            exact: true)
    }
}

extension PartitionEngine {
    /// Whether the partition must be claimed, and on what condition.
    package enum ClaimNeed: Hashable, Sendable {
        case none
        case now
        /// Only after the group has confirmed that the partition is still ours.
        case afterConfirmation
        /// Only after a pause: something must change first.
        case afterPause
    }

    package var claimNeed: ClaimNeed {
        switch phase {
        case .unclaimed, .refused(.rolledBack): return .now
        case .claiming, .claimed, .owned: return .none
        case .refused(.fenced): return .afterConfirmation
        case .refused(.corrupt), .refused(.log): return .afterPause
        }
    }
}
