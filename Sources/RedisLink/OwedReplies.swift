// Which replies the server still owes, in order. Most requests have one reply each and their order
// is all there is to know, so runs of them are a number. A transaction has a reply per command of
// which only one says something: that of `EXEC`, or the first error, after which `EXEC` only
// repeats that there was one. Hence the rule: one request, one reply for the caller.
//
//     runs:   3   -20   -20   1       three plain, two transactions of 20 replies, one plain

/// A queue of expected replies. Its memory is kept and grows with the number of transactions on the
/// way, not of requests.
struct OwedReplies {
    /// What to do with the reply that has just come.
    enum Fate {
        /// It is the answer to a request.
        case answer
        /// It belongs to a transaction and says nothing of its own.
        case skip
        /// Nothing was asked.
        case unexpected
    }

    /// Requests that are not answered yet.
    private(set) var requests = 0
    /// Positive: so many plain replies. Negative: what is left of a transaction.
    private var runs: [Int] = []
    private var head = 0
    /// The transaction at the head had an error, which was its answer.
    private var isAnswered = false

    /// A request with one reply.
    mutating func appendPlain() {
        requests += 1
        if runs.count > head, runs[runs.count - 1] > 0 {
            runs[runs.count - 1] += 1
        } else {
            append(1)
        }
    }

    /// A transaction with `replies` replies, those of `MULTI` and `EXEC` among them.
    mutating func appendTransaction(replies: Int) {
        precondition(replies >= 2)
        requests += 1
        append(-replies)
    }

    mutating func removeAll() {
        requests = 0
        runs.removeAll(keepingCapacity: true)
        head = 0
        isAnswered = false
    }

    /// Takes the oldest expectation.
    mutating func take(isError: Bool) -> Fate {
        guard head < runs.count else { return .unexpected }
        if runs[head] > 0 {
            runs[head] -= 1
            requests -= 1
            if runs[head] == 0 { removeHead() }
            return .answer
        }
        runs[head] += 1
        let isLast = runs[head] == 0
        let answers = !isAnswered && (isError || isLast)
        if answers {
            requests -= 1
            isAnswered = true
        }
        if isLast {
            isAnswered = false
            removeHead()
        }
        return answers ? .answer : .skip
    }

    private mutating func append(_ run: Int) {
        // Half of the array was taken: moving the rest costs each run one move on average.
        if head > 64, head > runs.count / 2 {
            runs.removeSubrange(0..<head)
            head = 0
        }
        runs.append(run)
    }

    private mutating func removeHead() {
        head += 1
        if head == runs.count {
            runs.removeAll(keepingCapacity: true)
            head = 0
        }
    }
}
