// A read state spelled out: what one user has read in one channel, every field with its name. This
// is the form the rules are written for (`ReadState+Apply.swift`), the form that is stored and
// answered. The cache keeps the same facts packed into a few bytes; packing is invisible outside of
// it.

/// An unread message in a window: its id and whether it mentions the user, in 8 bytes.
package struct UnreadMessage: Hashable, Sendable {
    /// The id in the low 63 bits, the mention in the top one.
    private var bits: UInt64

    package init(_ id: MessageID, mention: Bool) {
        bits = id.rawValue | (mention ? 1 << 63 : 0)
    }
    package var id: MessageID { MessageID(bits & largestID) }
    package var mention: Bool {
        get { bits >> 63 == 1 }
        set { bits = (bits & largestID) | (newValue ? 1 << 63 : 0) }
    }
}

/// One read state, unpacked. A fresh one is the default state: nothing read, nothing unread.
package struct ReadState: Hashable, Sendable {
    /// Most ids that `removed` remembers.
    package static let removedLimit = 8

    /// The newest message the user has read; everything at or below it is read.
    package var lastRead = MessageID.none
    /// The newest message known in the channel.
    package var lastMessage = MessageID.none
    /// The newest unread messages, ascending, all above `lastRead`.
    package var window: [UnreadMessage] = []
    /// How many unread messages fell out of the window, and how many of them were mentions.
    package var older: UInt32 = 0
    package var olderMentions: UInt32 = 0
    /// False where the counts are upper bounds.
    package var exact = true
    /// `op_id` of the last mark-unread; reads accepted at or before it are void.
    package var rewindOp = MessageID.none
    /// The newest own message.
    package var ownID = MessageID.none
    /// Deleted ids, oldest first, so that a late `message_sent` does not bring them back.
    package var removed: [MessageID] = []
    /// The user left the channel; events are ignored until the next join.
    package var left = false

    package init() {}

    /// Unread messages, exact or an upper bound (see `exact`).
    package var unreadCount: Int { window.count + Int(older) }
    /// Unread messages that mention the user, likewise.
    package var mentionCount: Int {
        window.reduce(Int(olderMentions)) { $0 + ($1.mention ? 1 : 0) }
    }
    /// A default state is not stored and not listed: it says nothing.
    package var isDefault: Bool { self == ReadState() }

    /// Back to the default state, keeping the arrays' memory for the next use.
    package mutating func reset() {
        lastRead = .none
        lastMessage = .none
        if !window.isEmpty { window.removeAll(keepingCapacity: true) }
        older = 0
        olderMentions = 0
        exact = true
        rewindOp = .none
        ownID = .none
        if !removed.isEmpty { removed.removeAll(keepingCapacity: true) }
        left = false
    }
}
