// The second opinion: what is unread, as plain sets of message ids without any bound. It shares no
// line with the shipped rules. Where the rules must guess (a snapshot with older counts, an id that
// was deleted twice, more removed ids than are remembered), a channel's sets are set aside.

import ReadStateCore

/// Read states as unbounded sets.
struct SetFold {
    private struct Channel {
        var lastRead: UInt64 = 0
        var lastMessage: UInt64 = 0
        var unread: [UInt64: Bool] = [:]
        var known: Set<UInt64> = []
        var removed: Set<UInt64> = []
        var rewindOp: UInt64 = 0
        var own: UInt64 = 0
        var left = false
        /// What was counted cannot be told from outside.
        var isUncertain = false

        mutating func read(_ id: UInt64, op: UInt64) {
            if left || (op != 0 && op <= rewindOp) { return }
            advance(to: id)
        }

        mutating func advance(to id: UInt64) {
            guard id > lastRead else { return }
            lastRead = id
            unread = unread.filter { $0.key > id }
        }

        mutating func send(_ id: UInt64, mention: Bool, own isOwn: Bool) {
            // An id that comes for the first time, but late, may be taken for a duplicate.
            if id < lastMessage && !known.contains(id) { isUncertain = true }
            lastMessage = max(lastMessage, id)
            known.insert(id)
            if isOwn {
                own = max(own, id)
                if id > rewindOp { advance(to: id) }
            } else if id > lastRead, unread[id] == nil, !removed.contains(id) {
                unread[id] = mention
            }
        }

        /// A mention that becomes plain may be older than plain messages that left the window
        /// before it; a read at it then resets `older` (semantics, "message_read"), although those
        /// are unread.
        mutating func demote(_ was: Bool, _ mentioned: Bool) {
            if was && !mentioned { isUncertain = true }
        }

        mutating func remove(_ id: UInt64) {
            if removed.count >= ReadState.removedLimit || removed.contains(id) {
                isUncertain = true
            }
            if unread.removeValue(forKey: id) == nil && id > lastRead { isUncertain = true }
            removed.insert(id)
        }

        mutating func rewind(
            to id: UInt64, op: UInt64, _ snapshot: [Entry], older: UInt32
        ) {
            if op != 0 && op <= rewindOp { return }
            rewindOp = max(rewindOp, op)
            lastRead = id - 1
            unread = unread.filter { $0.key > lastRead }
            for entry in snapshot {
                lastMessage = max(lastMessage, entry.first)
                known.insert(entry.first)
                if entry.first > lastRead && !removed.contains(entry.first) {
                    if let was = unread[entry.first] { demote(was, entry.second != 0) }
                    unread[entry.first] = entry.second != 0
                }
            }
            if older > 0 || unread.count > snapshot.count { isUncertain = true }
            // A snapshot that is older than what the channel has seen: what it leaves out is read,
            // until a duplicate of it comes.
            let listed = Set(snapshot.map(\.first))
            if known.contains(where: { $0 >= id && !listed.contains($0) }) { isUncertain = true }
            if op != 0, own > op { advance(to: own) }
        }
    }

    private struct Key: Hashable {
        let user: UserID
        let channel: ChannelID
    }
    private var channels: [Key: Channel] = [:]
    private var ofUser: [UserID: [ChannelID]] = [:]

    mutating func apply(_ event: Event, _ list: [Entry]) {
        let op = event.op.rawValue
        switch event.kind {
        case .readMany:
            for entry in list {
                change(event.user, ChannelID(entry.first)) { $0.read(entry.second, op: op) }
            }
        case .userErased:
            for channel in ofUser[event.user] ?? [] {
                channels[Key(user: event.user, channel: channel)] = nil
            }
            ofUser[event.user] = nil
        default:
            change(event.user, event.channel) { Self.apply(event, list, to: &$0) }
        }
    }

    private static func apply(_ event: Event, _ list: [Entry], to channel: inout Channel) {
        if case .channelJoined(let head) = event.kind {
            channel.left = false
            channel.lastMessage = max(channel.lastMessage, head.rawValue)
            channel.advance(to: head.rawValue)
            return
        }
        if channel.left { return }
        switch event.kind {
        case .messageSent(let id, let mention, let own):
            channel.send(id.rawValue, mention: mention, own: own)
        case .messageRead(let id):
            channel.read(id.rawValue, op: event.op.rawValue)
        case .markedUnread(let id, _, let older, _):
            channel.rewind(to: id.rawValue, op: event.op.rawValue, list, older: older)
        case .messageDeleted:
            for entry in list { channel.remove(entry.first) }
        case .mentionChanged(let id, let mentioned):
            guard let was = channel.unread[id.rawValue] else { return }
            channel.demote(was, mentioned)
            channel.unread[id.rawValue] = mentioned
        case .channelLeft:
            channel = Channel()
            channel.left = true
        case .channelJoined, .readMany, .userErased:
            break
        }
    }

    private mutating func change(
        _ user: UserID, _ channel: ChannelID, _ body: (inout Channel) -> Void
    ) {
        let key = Key(user: user, channel: channel)
        if channels[key] == nil { ofUser[user, default: []].append(channel) }
        body(&channels[key, default: Channel()])
    }

    /// What the other fold says otherwise of the exact states that an event touched.
    func disagreement(with truth: Truth, _ event: Event, _ list: [Entry]) -> String? {
        let user = event.user
        let end = truth.end
        var touched = [event.channel]
        if case .readMany = event.kind { touched = list.map { ChannelID($0.first) } }
        for id in touched {
            guard let sets = channels[Key(user: user, channel: id)], !sets.isUncertain else {
                continue
            }
            let state = truth.state(user, id, below: end) ?? ReadState()
            let mentions = sets.unread.reduce(0) { $0 + ($1.value ? 1 : 0) }
            let agree =
                state.lastRead.rawValue == sets.lastRead
                && state.lastMessage.rawValue == sets.lastMessage
                && (state.exact
                    ? state.unreadCount == sets.unread.count && state.mentionCount == mentions
                    : state.unreadCount >= sets.unread.count && state.mentionCount >= mentions)
            if !agree {
                return "user \(user.rawValue) channel \(id.rawValue) below \(end): "
                    + "the rules say \(state), the sets \(sets)"
            }
        }
        return nil
    }
}
