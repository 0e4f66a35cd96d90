// A request as it arrives in a list (docs/contract.md, "Queries").

package import ReadStateCore

/// In what a message is written; a query is answered in kind.
package enum Encoding: Hashable, Sendable {
    case json
    case protobuf
}

/// What an answer needs of its request.
package struct ReplyAddress: Hashable, Sendable {
    /// The caller's name for the request, UTF-8.
    package var id: [UInt8]
    /// The list the reply is pushed to, UTF-8.
    package var replyTo: [UInt8]
    package var encoding: Encoding

    package init(id: [UInt8], replyTo: [UInt8], encoding: Encoding) {
        self.id = id
        self.replyTo = replyTo
        self.encoding = encoding
    }
}

/// A request that can be answered.
package struct Query: Hashable, Sendable {
    /// Most bytes of a request: 64 KiB (docs/contract.md, "Limits").
    package static let sizeLimit = 64 << 10

    package var address: ReplyAddress
    /// To be dropped unanswered after this moment of the Unix clock, in milliseconds; 0: never.
    package var deadlineUnixMilliseconds: Int64
    /// To be answered only once the partition has applied up to and including it.
    package var minOffset: Offset?
    package var question: Question

    package init(
        address: ReplyAddress, deadlineUnixMilliseconds: Int64 = 0, minOffset: Offset? = nil,
        question: Question
    ) {
        self.address = address
        self.deadlineUnixMilliseconds = deadlineUnixMilliseconds
        self.minOffset = minOffset
        self.question = question
    }

    /// How many milliseconds from `unixMilliseconds` on the asker waits, below 0 where the deadline
    /// has passed; nil if it said nothing. A deadline is any 64-bit number: what is further away
    /// than a century is cut to one, so that what is reckoned with it does not overflow.
    package func patience(at unixMilliseconds: Int64) -> Int64? {
        if deadlineUnixMilliseconds == 0 { return nil }
        let century: Int64 = 100 * 366 * 86_400_000
        let left = deadlineUnixMilliseconds.subtractingReportingOverflow(unixMilliseconds)
        // Only a number below 0 has the moment we live in overflow.
        return left.overflow ? -century : min(max(left.partialValue, -century), century)
    }
}

/// Why a request is dropped with nothing but a count. The raw values are labels of the metric.
package enum UnanswerableReason: String, CaseIterable, Hashable, Sendable {
    /// It does not tell where to reply to.
    case noReplyTo = "no_reply_to"
    /// It wants the reply where no reply may go (`ReplyTarget`).
    case forbiddenReplyTo = "forbidden_reply_to"
    /// It is too large, and its first 64 KiB do not tell id and `reply_to`.
    case tooLarge = "too_large"
}

/// What became of the bytes of a request.
package enum DecodedQuery: Hashable, Sendable {
    case query(Query)
    /// To be answered with this error. The id is empty if it could not be read.
    case refused(ReplyAddress, QueryErrorCode, message: String)
    case unanswerable(UnanswerableReason)

    /// Whose partition should answer, for requests that come without one; nil if nobody's need to.
    package var user: UserID? {
        if case .query(let query) = self { return query.question.user }
        return nil
    }
}
