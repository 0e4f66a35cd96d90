// Questions, answered from the packed form. A state that is default, left or not there at all is
// answered as the default state and not listed.

extension ReadStateCache {
    /// The answer for one channel.
    package func summary(_ channel: ChannelID, at slot: UserSlot) -> ReadStateSummary {
        guard let place = locate(channel.rawValue, of: records[slot.rawValue]) else {
            return summary(of: .fresh, in: channel)
        }
        return summary(of: slab.load(at: place.value), in: channel)
    }

    /// A user's states above `after` in the order of channels, until `body` says no.
    package func forEachSummary(
        at slot: UserSlot, after: ChannelID, unreadOnly: Bool, _ body: (ReadStateSummary) -> Bool
    ) {
        let record = records[slot.rawValue]
        var listed: [(channel: UInt64, index: Int)] = []
        listed.reserveCapacity(Int(record.count))
        for index in 0..<Int(record.count) {
            let place = place(index, of: record)
            let channel = slab.load(UInt64.self, at: place.channel) & ~Self.changedBit
            let state: PackedState = slab.load(at: place.value)
            if channel > after.rawValue, isListed(state) { listed.append((channel, index)) }
        }
        listed.sort { $0.channel < $1.channel }
        for (channel, index) in listed {
            let state: PackedState = slab.load(at: place(index, of: record).value)
            let summary = summary(of: state, in: ChannelID(channel))
            if unreadOnly && !summary.unread { continue }
            guard body(summary) else { return }
        }
    }

    /// Sums over a user's states.
    package func totals(at slot: UserSlot) -> UserTotals {
        let record = records[slot.rawValue]
        var totals = UserTotals()
        for index in 0..<Int(record.count) {
            let state: PackedState = slab.load(at: place(index, of: record).value)
            let summary = summary(of: state, in: ChannelID(0))
            if summary.unread { totals.unreadChannels += 1 }
            totals.mentionCount += summary.mentionCount
            totals.exact = totals.exact && summary.exact
        }
        return totals
    }

    /// Every state of a user, unpacked, in no particular order.
    package func forEachState(
        at slot: UserSlot, _ body: (ChannelID, borrowing ReadState) -> Void
    ) {
        let record = records[slot.rawValue]
        var state = ReadState()
        for index in 0..<Int(record.count) {
            let place = place(index, of: record)
            let channel = slab.load(UInt64.self, at: place.channel) & ~Self.changedBit
            state.reset()
            unpack(slab.load(at: place.value), into: &state)
            body(ChannelID(channel), state)
        }
    }

    private func isListed(_ state: PackedState) -> Bool {
        if state.isExtended { return SideBlock(rest: state.rest).hasBlock }
        return state != .fresh
    }

    private func summary(of state: PackedState, in channel: ChannelID) -> ReadStateSummary {
        guard state.isExtended else {
            return ReadStateSummary(
                channel: channel, lastRead: MessageID(state.lastRead),
                lastMessage: MessageID(state.message), unreadCount: state.unread,
                mentionCount: state.mentions, exact: true)
        }
        let side = SideBlock(rest: state.rest)
        guard side.hasBlock else { return summary(of: .fresh, in: channel) }
        let rare = side.rare(in: slab.region)
        var unread = side.count
        var mentions = side.has(SideBlock.Flag.impliedMention) ? 1 : 0
        for index in 0..<side.entryCount
        where side.entry(index, rare, in: slab.region) & side.mentionBit != 0 {
            mentions += 1
        }
        if rare.has(RareFields.Bit.older) {
            unread += Int(slab.load(UInt32.self, at: side.older(rare)))
            mentions += Int(slab.load(UInt32.self, at: side.older(rare) + 4))
        }
        let lastRead = side.lastRead(state.lastMessage, rare, in: slab.region)
        return ReadStateSummary(
            channel: channel, lastRead: MessageID(lastRead),
            lastMessage: MessageID(state.lastMessage), unreadCount: unread,
            mentionCount: mentions, exact: !rare.has(RareFields.Bit.inexact))
    }
}
