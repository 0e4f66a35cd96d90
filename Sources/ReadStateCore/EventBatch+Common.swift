// The two events that make up nearly all of the traffic, appended from plain numbers. A call with
// `package` access is never inlined into another module (seen in the assembly of Swift 6.3, with
// `@inlinable` and cross-module optimisation alike), so building these events from their parts in
// the decoder would cost ten calls for each event, more than decoding it. Here it is one.

extension EventBatch {
    /// Appends a `messageSent`; the ids must have been checked, and the batch must not be full.
    package mutating func appendMessageSent(
        offset: Offset, user: UInt64, channel: UInt64, op: UInt64, message: UInt64, mention: Bool,
        own: Bool
    ) {
        append(
            Event(
                offset: offset, user: UserID(user), channel: ChannelID(channel), op: MessageID(op),
                kind: .messageSent(MessageID(message), mention: mention, own: own)))
    }

    /// Appends a `messageRead`; likewise.
    package mutating func appendMessageRead(
        offset: Offset, user: UInt64, channel: UInt64, op: UInt64, message: UInt64
    ) {
        append(
            Event(
                offset: offset, user: UserID(user), channel: ChannelID(channel), op: MessageID(op),
                kind: .messageRead(MessageID(message))))
    }
}
