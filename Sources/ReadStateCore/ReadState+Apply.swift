// The rules: what each event does to one read state (docs/semantics.md, "Events"). This is the only
// place where they are written in full; the cache's shortcuts are tested against it.
//
// Two ideas carry all of it. A count is the size of a set: an id enters the window once, however
// often and in whatever order it comes. And where the set does not fit, the *boundary* tells which
// ids were counted already: plain messages leave the window before mentions and oldest first, so
// all that left are below the oldest plain id still in it, or, when no plain one is left, not above
// the newest known message. Below the boundary nobody knows an id from its duplicate, so none is
// added.

extension ReadState {
    /// Applies one event of this channel for windows of `limit` ids (0 to 1000); true if it changed
    /// anything. `readMany` and `userErased` concern users, not states: whoever holds the states
    /// takes them apart.
    package mutating func apply(
        _ event: Event, entries: borrowing Span<Entry>, window limit: Int
    ) -> Bool {
        if case .channelJoined(let head) = event.kind { return join(head) }
        if left { return false }
        switch event.kind {
        case .messageSent(let id, let mention, let own):
            return own ? sendOwn(id) : send(id, mention: mention, limit: limit)
        case .messageRead(let id):
            return read(id, op: event.op)
        case .markedUnread(let id, let range, let older, let olderMentions):
            if event.op != .none && event.op <= rewindOp { return false }
            rewind(to: id, op: event.op, older: older, olderMentions: olderMentions)
            merge(range, of: entries, limit: limit)
            // Without an op it is taken as in order: nothing came after it.
            if event.op != .none, ownID > event.op { _ = advance(to: ownID) }
            return true
        case .messageDeleted(let range):
            var changed = false
            for index in range.indices {
                changed = delete(MessageID(entries[index].first)) || changed
            }
            return changed
        case .mentionChanged(let id, let mentioned):
            return changeMention(of: id, to: mentioned)
        case .channelLeft:
            reset()
            left = true
            return true
        case .channelJoined, .readMany, .userErased:
            preconditionFailure("not an event of one read state")
        }
    }

    /// `message_read` accepted at `op`; also one entry of `read_many`.
    package mutating func read(_ id: MessageID, op: MessageID) -> Bool {
        if left || (op != .none && op <= rewindOp) { return false }
        return advance(to: id)
    }

    private mutating func join(_ head: MessageID) -> Bool {
        var changed = left
        left = false
        if head > lastMessage {
            lastMessage = head
            changed = true
        }
        return advance(to: head) || changed
    }

    private mutating func sendOwn(_ id: MessageID) -> Bool {
        var changed = false
        if id > lastMessage {
            lastMessage = id
            changed = true
        }
        if id > ownID {
            ownID = id
            changed = true
        }
        if id > rewindOp { changed = advance(to: id) || changed }
        return changed
    }

    private mutating func send(_ id: MessageID, mention: Bool, limit: Int) -> Bool {
        let newer = id > lastMessage
        if !newer && (limit == 0 || isBelowOverflow(id)) { return false }
        if newer { lastMessage = id }
        if id <= lastRead || removed.contains(id) { return newer }
        let place = placeInWindow(of: id)
        if place < window.count && window[place].id == id { return newer }
        window.insert(UnreadMessage(id, mention: mention), at: place)
        trim(to: limit)
        return true
    }

    /// Moves last read up to `id`, if that is up: what it passes is unread no more.
    private mutating func advance(to id: MessageID) -> Bool {
        if id <= lastRead { return false }
        let boundary = oldestPlain ?? lastMessage
        lastRead = id
        window.removeFirst(placeInWindow(of: MessageID(id.rawValue + 1)))
        if id >= boundary {
            older = 0
            olderMentions = 0
            exact = true
        } else if older > 0 {
            exact = false
        }
        return true
    }

    private mutating func rewind(
        to id: MessageID, op: MessageID, older: UInt32, olderMentions: UInt32
    ) {
        if op > rewindOp { rewindOp = op }
        lastRead = MessageID(id.rawValue - 1)
        window.removeFirst(placeInWindow(of: id))
        self.older = older
        self.olderMentions = min(older, olderMentions)
        exact = true
    }

    /// Adds a snapshot's ids to the window; where both have an id, the snapshot's mention bit wins.
    private mutating func merge(
        _ range: EntryRange, of entries: borrowing Span<Entry>, limit: Int
    ) {
        for index in range.indices {
            let id = MessageID(entries[index].first)
            // What was deleted stays deleted, but it shows that the channel has come this far.
            if id > lastMessage { lastMessage = id }
            if id <= lastRead || removed.contains(id) { continue }
            let message = UnreadMessage(id, mention: entries[index].second != 0)
            let place = placeInWindow(of: id)
            if place < window.count && window[place].id == id {
                window[place] = message
            } else {
                window.insert(message, at: place)
            }
        }
        trim(to: limit)
    }

    private mutating func delete(_ id: MessageID) -> Bool {
        if removed.contains(id) { return false }
        let place = placeInWindow(of: id)
        if place < window.count && window[place].id == id {
            window.remove(at: place)
        } else if id > lastRead && isBelowOverflow(id) {
            older -= 1
            if olderMentions > 0 { exact = false }
            // Mentions are a part of the older ones: no more of them than there are.
            olderMentions = min(olderMentions, older)
        }
        if removed.count == Self.removedLimit { removed.removeFirst() }
        removed.append(id)
        return true
    }

    private mutating func changeMention(of id: MessageID, to mentioned: Bool) -> Bool {
        let place = placeInWindow(of: id)
        if place < window.count && window[place].id == id {
            if window[place].mention == mentioned { return false }
            window[place].mention = mentioned
            return true
        }
        if id <= lastRead || !isBelowOverflow(id) || removed.contains(id) { return false }
        let before = (exact, olderMentions)
        exact = false
        if mentioned { olderMentions = min(olderMentions + 1, older) }
        return before != (exact, olderMentions)
    }

    /// Lets ids out until the window fits: plain ones before mentions, oldest first.
    package mutating func trim(to limit: Int) {
        while window.count > limit {
            let index = window.firstIndex { !$0.mention } ?? 0
            // A snapshot may claim up to 2^32-1 older messages; that many stay that many.
            if older < .max { older += 1 }
            if window[index].mention && olderMentions < older { olderMentions += 1 }
            window.remove(at: index)
        }
    }

    /// Whether `id`, not in the window, is one of those that may have fallen out of it.
    private func isBelowOverflow(_ id: MessageID) -> Bool {
        guard older > 0 else { return false }
        guard let oldestPlain else { return id <= lastMessage }
        return id < oldestPlain
    }

    private var oldestPlain: MessageID? {
        for message in window where !message.mention { return message.id }
        return nil
    }

    /// Where `id` is in the window, or would be.
    private func placeInWindow(of id: MessageID) -> Int {
        // Most ids are newer than all that are held.
        guard let newest = window.last, newest.id >= id else { return window.count }
        var low = 0
        var high = window.count - 1
        while low < high {
            let middle = (low + high) / 2
            if window[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension EntryRange {
    /// The places of the entries in their batch.
    var indices: Range<Int> { Int(start)..<Int(start) + Int(count) }
}
