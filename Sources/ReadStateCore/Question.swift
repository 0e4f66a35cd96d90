// What can be asked of a user's read states, and what is answered (docs/contract.md, "Queries").
// Ids of requests, reply lists and encodings are the edge's business; the core knows questions and
// answers.

/// A question about one user.
package enum Question: Hashable, Sendable {
    case get(UserID, ChannelID)
    /// States in the order of channel ids, above `after`, at most `limit` (1 to
    /// `Question.listLimit`).
    case list(UserID, unreadOnly: Bool, after: ChannelID, limit: Int)
    case totals(UserID)

    /// Most states in one answer to `list`.
    package static let listLimit = 10_000

    package var user: UserID {
        switch self {
        case .get(let user, _), .list(let user, _, _, _), .totals(let user): return user
        }
    }
}

/// One read state as it is answered.
package struct ReadStateSummary: Hashable, Sendable {
    package var channel: ChannelID
    package var lastRead: MessageID
    package var lastMessage: MessageID
    package var unreadCount: Int
    package var mentionCount: Int
    package var exact: Bool

    package init(
        channel: ChannelID, lastRead: MessageID, lastMessage: MessageID, unreadCount: Int,
        mentionCount: Int, exact: Bool
    ) {
        self.channel = channel
        self.lastRead = lastRead
        self.lastMessage = lastMessage
        self.unreadCount = unreadCount
        self.mentionCount = mentionCount
        self.exact = exact
    }

    package var unread: Bool { unreadCount > 0 }
}

/// Sums over all channels of a user.
package struct UserTotals: Hashable, Sendable {
    package var unreadChannels = 0
    package var mentionCount = 0
    /// False if any state that was counted is not exact.
    package var exact = true
    package init() {}
}

/// Why a question was not answered (docs/contract.md, "Codes").
package enum QueryErrorCode: String, Hashable, Sendable {
    case badRequest = "bad_request"
    case unknownPartition = "unknown_partition"
    case behind
    case unavailable
    case tooLarge = "too_large"
}
