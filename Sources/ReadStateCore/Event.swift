// An event as the core sees it: decoded, checked, 64 bytes, no references. The few kinds that carry
// lists keep them in their batch's `entries` and name a range of it, so that an event stays a plain
// value that can be copied, parked and handed on without allocation.

/// A range of a batch's `entries`.
package struct EntryRange: Hashable, Sendable {
    package var start: UInt32
    package var count: UInt32
    package init(start: UInt32, count: UInt32) {
        self.start = start
        self.count = count
    }
}

/// One entry of an event's list. What the two numbers are depends on the event:
/// `markedUnread`: message id, 1 if it is a mention else 0; `messageDeleted`: message id, 0;
/// `readMany`: channel id, message id.
package struct Entry: Hashable, Sendable {
    package var first: UInt64
    package var second: UInt64
    package init(_ first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
    }
}

/// One event of one user (docs/semantics.md, "Events").
package struct Event: Sendable {
    package enum Kind: Hashable, Sendable {
        case messageSent(MessageID, mention: Bool, own: Bool)
        case messageRead(MessageID)
        case markedUnread(MessageID, unread: EntryRange, older: UInt32, olderMentions: UInt32)
        case messageDeleted(EntryRange)
        case mentionChanged(MessageID, mentioned: Bool)
        case readMany(EntryRange)
        case channelJoined(head: MessageID)
        case channelLeft
        case userErased
    }

    package var offset: Offset
    package var user: UserID
    /// 0 in `readMany` and `userErased`, which name no single channel.
    package var channel: ChannelID
    /// When the action was accepted, on the clock of message ids; `.none`: in order.
    package var op: MessageID
    package var kind: Kind

    package init(offset: Offset, user: UserID, channel: ChannelID, op: MessageID, kind: Kind) {
        self.offset = offset
        self.user = user
        self.channel = channel
        self.op = op
        self.kind = kind
    }

    /// The range of the batch's entries that this event uses, if its kind has a list.
    package var entryRange: EntryRange? {
        switch kind {
        case .markedUnread(_, let range, _, _), .messageDeleted(let range), .readMany(let range):
            return range
        case .messageSent, .messageRead, .mentionChanged, .channelJoined, .channelLeft, .userErased:
            return nil
        }
    }
}
