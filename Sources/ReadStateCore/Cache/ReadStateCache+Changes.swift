// What a commit writes of a user. Each state carries a bit that says whether it changed since it
// was last taken; it sits in the channel's word, so that looking for changes among thousands of
// states reads eight bytes of each. A user that was erased, one with a state that became the
// default one, or one of whose commits was lost, is written whole.

extension ReadStateCache {
    /// Whether the next commit replaces all that is stored of the user.
    package func needsRewrite(_ slot: UserSlot) -> Bool {
        records[slot.rawValue].has(UserRecord.Flag.rewrite)
    }

    /// From now on nobody knows what is stored of the user: the next commit replaces all of it.
    package mutating func markRewrite(_ slot: UserSlot) {
        records[slot.rawValue].set(UserRecord.Flag.rewrite, true)
    }

    /// Hands over what a commit writes: every changed state; or, where the user is rewritten, every
    /// state that is not the default one. (One that changed to the default has its user rewritten.)
    package mutating func takeChanges(
        _ user: UserSlot, _ body: (ChannelID, borrowing ReadState) -> Void
    ) {
        var state = ReadState()
        swap(&state, &scratch)
        defer { swap(&state, &scratch) }
        let record = records[user.rawValue]
        let rewrites = record.has(UserRecord.Flag.rewrite)
        for index in 0..<Int(record.count) {
            let place = place(index, of: record)
            let channel: UInt64 = slab.load(at: place.channel)
            let changed = channel & Self.changedBit != 0
            if changed { slab.store(channel & ~Self.changedBit, at: place.channel) }
            guard changed || rewrites else { continue }
            let packed: PackedState = slab.load(at: place.value)
            if rewrites && packed == .fresh { continue }
            state.reset()
            unpack(packed, into: &state)
            body(ChannelID(channel & ~Self.changedBit), state)
        }
        records[user.rawValue].set(UserRecord.Flag.rewrite, false)
    }

    /// How many states `takeChanges` would hand over now.
    package func changedStateCount(_ user: UserSlot) -> Int {
        let record = records[user.rawValue]
        let rewrites = record.has(UserRecord.Flag.rewrite)
        var count = 0
        for index in 0..<Int(record.count) {
            let place = place(index, of: record)
            if rewrites {
                if slab.load(PackedState.self, at: place.value) != .fresh { count += 1 }
            } else if slab.load(UInt64.self, at: place.channel) & Self.changedBit != 0 {
                count += 1
            }
        }
        return count
    }
}
