// Events, applied where the states are. What happens nearly always has a short way of its own that
// works on the packed form: a newer message, a read, an own message, and the same on states with a
// window. Everything else is unpacked, put through the rules (`ReadState+Apply`), and packed again.
// Tests hold the short ways against the rules, event by event.

/// What a short way made of an event.
enum Outcome {
    case changed
    case unchanged
    /// Nothing: it takes the rules to tell.
    case unclear
}

extension ReadStateCache {
    /// Applies an event of the user at `slot`; true if it changed anything.
    package mutating func apply(_ event: Event, entries: Span<Entry>, to slot: UserSlot) -> Bool {
        let slot = slot.rawValue
        let place = locate(event.channel.rawValue, of: records[slot])
        let outcome: Outcome
        switch event.kind {
        case .messageSent(let id, let mention, let own):
            outcome = send(
                id.rawValue, mention, own, in: event.channel.rawValue, at: place, of: slot)
        case .messageRead(let id):
            outcome = read(id.rawValue, in: event.channel.rawValue, at: place, of: slot)
        default:
            outcome = .unclear
        }
        if outcome == .unclear { return applyByRules(event, entries, slot) }
        return outcome == .changed
    }

    /// The short way of a message, if there is one.
    @inline(__always)
    mutating func send(
        _ id: UInt64, _ mention: Bool, _ own: Bool, in channel: UInt64, at place: StatePlace?,
        of slot: UInt32
    ) -> Outcome {
        guard window > 0 else { return .unclear }
        guard let place else {
            return own ? .unclear : sendFirst(id, mention, in: channel, of: slot)
        }
        let state: PackedState = slab.load(at: place.value)
        let next: PackedState?
        if state.isExtended {
            next = own ? nil : sendExtended(id, mention, state, at: place)
        } else if own {
            next = state.sentOwn(id)
        } else {
            next = state.sent(id, mention: mention) ?? sendSecond(id, mention, state, place, slot)
        }
        guard let next else { return !own && state.hasSeen(id) ? .unchanged : .unclear }
        replace(at: place, with: next)
        return .changed
    }

    /// A message in a channel that the user has no state of.
    @inline(never)
    private mutating func sendFirst(
        _ id: UInt64, _ mention: Bool, in channel: UInt64, of slot: UInt32
    ) -> Outcome {
        guard let next = PackedState.fresh.sent(id, mention: mention) else { return .unclear }
        return append(channel | Self.changedBit, next, to: slot) == nil ? .unchanged : .changed
    }

    /// The short way of a read, if there is one.
    @inline(__always)
    mutating func read(
        _ id: UInt64, in channel: UInt64, at place: StatePlace?, of slot: UInt32
    ) -> Outcome {
        guard window > 0 else { return .unclear }
        guard let place else { return readFirst(id, in: channel, of: slot) }
        let state: PackedState = slab.load(at: place.value)
        if !state.isExtended {
            guard let step = state.read(id) else { return .unclear }
            if step.changed { replace(at: place, with: step.state) }
            return step.changed ? .changed : .unchanged
        }
        guard let next = readAllExtended(id, state) else { return .unclear }
        replace(at: place, with: next)
        freeSide(SideBlock(rest: state.rest))
        return .changed
    }

    /// A read in a channel that the user has no state of.
    @inline(never)
    private mutating func readFirst(_ id: UInt64, in channel: UInt64, of slot: UInt32) -> Outcome {
        guard let step = PackedState.fresh.read(id), step.changed else { return .unclear }
        let place = append(channel | Self.changedBit, step.state, to: slot)
        return place == nil ? .unchanged : .changed
    }

    @inline(__always)
    private mutating func replace(at place: StatePlace, with state: PackedState) {
        slab.store(state, at: place.value)
        let channel: UInt64 = slab.load(at: place.channel)
        slab.store(channel | Self.changedBit, at: place.channel)
    }

    // MARK: Windows in place

    /// A second unread message makes a state extended: the first goes into a side block, the newer
    /// one is implied by the state.
    @inline(never)
    private mutating func sendSecond(
        _ id: UInt64, _ mention: Bool, _ state: PackedState, _ place: StatePlace, _ slot: UInt32
    ) -> PackedState? {
        let first = state.message
        guard window > 1, id > first, state.unread == 1 else { return nil }
        let lastRead = state.lastRead
        let never = lastRead == 0
        let distance = never ? 0 : first &- lastRead
        var side = SideBlock()
        side.set(SideBlock.Flag.neverRead, never)
        side.set(SideBlock.Flag.ownIsRead, state.ownsLastRead)
        side.set(SideBlock.Flag.implied, true)
        side.set(SideBlock.Flag.impliedMention, mention)
        if SideBlock.fitsSmall(gap: id &- first, distance) {
            let block = slab.allocate(0, owner: slot)
            side.writeSmall(
                block, slot, place.index, gap: id &- first, mention: state.mentions == 1, distance,
                in: &slab)
            return PackedState(message: id | PackedState.extendedBit, rest: side.rest)
        }
        side.widen(for: id &- first)
        side.entryCount = 1
        let rare = RareFields(bits: 0)
        side.reach(distance, rare)
        (side.block, side.sizeClass) = allocateSide(
            side.roomyBytes(rare), for: place.index, of: slot)
        side.setDistance(distance, in: &slab)
        let entry = (id &- first) | (state.mentions == 1 ? side.mentionBit : 0)
        side.setEntry(entry, at: 0, rare, in: &slab)
        return PackedState(message: id | PackedState.extendedBit, rest: side.rest)
    }

    /// A newer message of somebody else on a state with a window; nil if it needs the long way.
    /// Here is what most of them are: the message that was the newest is written behind the others,
    /// where there is room for it.
    @inline(__always)
    private mutating func sendExtended(
        _ id: UInt64, _ mention: Bool, _ state: PackedState, at place: StatePlace
    ) -> PackedState? {
        let side = SideBlock(rest: state.rest)
        let gap = id &- state.lastMessage
        guard id > state.lastMessage, side.isPlain, side.plainCount &+ 1 < window,
            gap < side.mentionBit
        else { return sendUnplain(id, mention, state, at: place) }
        guard let next = side.appending(gap, mention: mention, in: &slab) else {
            return sendFull(id, mention, state, at: place)
        }
        return PackedState(message: id | PackedState.extendedBit, rest: next.rest)
    }

    /// The same where all that is missing is room: the block moves to a larger class as it is, and
    /// the message is appended there.
    @inline(never)
    private mutating func sendFull(
        _ id: UInt64, _ mention: Bool, _ state: PackedState, at place: StatePlace
    ) -> PackedState? {
        var side = SideBlock(rest: state.rest)
        guard side.keepsLayout else { return sendUnplain(id, mention, state, at: place) }
        moveToLarger(&side, RareFields(bits: 0), of: place)
        guard let next = side.appending(id &- state.lastMessage, mention: mention, in: &slab) else {
            preconditionFailure("a larger block has room")
        }
        return PackedState(message: id | PackedState.extendedBit, rest: next.rest)
    }

    /// The same for all else: a full window, rare fields, a newest message that is read.
    @inline(never)
    private mutating func sendUnplain(
        _ id: UInt64, _ mention: Bool, _ state: PackedState, at place: StatePlace
    ) -> PackedState? {
        var side = SideBlock(rest: state.rest)
        let last = state.lastMessage
        guard id > last, side.hasBlock else { return nil }
        let rare = side.rare(in: slab.region)
        let gap = id &- last
        guard rare.removedCount == 0, gap < side.mentionBit else { return nil }
        if side.has(SideBlock.Flag.implied) {
            // The message that was the newest is written down.
            if side.count == window {
                guard dropOldestPlain(&side, rare) else { return nil }
            }
            let index = side.entryCount
            makeRoom(for: &side, rare, of: place)
            side.entryCount &+= 1
            let mentioned = side.has(SideBlock.Flag.impliedMention)
            side.setEntry(gap | (mentioned ? side.mentionBit : 0), at: index, rare, in: &slab)
        } else {
            // The newest message was not unread: what hung on it hangs on the new one.
            let last = side.entryCount &- 1
            guard side.count < window, last >= 0, addToGap(gap, at: last, of: side, rare) else {
                return nil
            }
            side.set(SideBlock.Flag.implied, true)
        }
        side.set(SideBlock.Flag.impliedMention, mention)
        return PackedState(message: id | PackedState.extendedBit, rest: side.rest)
    }

    /// Makes a gap longer; false, and nothing done, if it does not fit.
    private mutating func addToGap(
        _ more: UInt64, at index: Int, of side: SideBlock, _ rare: RareFields
    ) -> Bool {
        let entry = side.entry(index, rare, in: slab.region)
        guard entry & ~side.mentionBit &+ more < side.mentionBit else { return false }
        side.setEntry(entry &+ more, at: index, rare, in: &slab)
        return true
    }

    /// Lets the oldest plain message of a full window out; false if that is not as simple.
    private mutating func dropOldestPlain(_ side: inout SideBlock, _ rare: RareFields) -> Bool {
        guard rare.has(RareFields.Bit.older) else { return false }
        let older: UInt32 = slab.load(at: side.older(rare))
        guard older < .max else { return false }
        var index = 0
        let count = side.entryCount
        while index < count, side.entry(index, rare, in: slab.region) & side.mentionBit != 0 {
            index &+= 1
        }
        guard index < count else { return false }
        // The way to the next newer id is added to the one that led to this.
        let gap = side.entry(index, rare, in: slab.region)
        if index > 0 {
            guard addToGap(gap, at: index &- 1, of: side, rare) else { return false }
        } else if !side.has(SideBlock.Flag.neverRead) {
            let distance = side.distance(in: slab.region) &+ gap
            guard side.reaches(distance) else { return false }
            side.setDistance(distance, in: &slab)
        }
        let start = side.offset &+ side.entries(rare)
        slab.copy(
            (count &- index &- 1) &* side.stride, from: start &+ (index &+ 1) &* side.stride,
            to: start &+ index &* side.stride)
        slab.store(older &+ 1, at: side.older(rare))
        side.entryCount &-= 1
        return true
    }

    /// Moves a side block to a larger class if it has no room for one more entry.
    @inline(__always)
    private mutating func makeRoom(
        for side: inout SideBlock, _ rare: RareFields, of place: StatePlace
    ) {
        let bytes = side.bytes(rare) &+ side.stride
        if bytes > slab.blockBytes(side.sizeClass) { moveToLarger(&side, rare, of: place) }
    }

    @inline(__always)
    private mutating func moveToLarger(
        _ side: inout SideBlock, _ rare: RareFields, of place: StatePlace
    ) {
        let old = side
        if side.keepsLayout {
            // All of it as it is, the owner included.
            side.sizeClass = Self.sideClass(for: old.roomyBytes(rare, more: 1))
            side.block = slab.allocate(side.sizeClass, owner: 0)
            slab.copyWords(old.bytes(rare), from: old.offset, to: side.offset)
        } else {
            moveToOtherLayout(&side, rare)
        }
        // Before anything moves, the state must not refer to the old block any more.
        slab.store(side.rest, at: place.value &+ 8)
        freeSide(old)
    }

    @inline(never)
    private mutating func moveToOtherLayout(_ side: inout SideBlock, _ rare: RareFields) {
        let old = side
        let distance = old.distance(in: slab.region)
        let owner: UInt32 = slab.load(at: old.offset)
        let state: UInt8 = slab.load(at: old.offset &+ 4)
        side = old.withoutBlock
        side.entryCount &+= 1
        side.reach(distance, rare)
        (side.block, side.sizeClass) = allocateSide(
            side.roomyBytes(rare), for: Int(state), of: owner)
        side.entryCount &-= 1
        side.setDistance(distance, in: &slab)
        let (from, to) = (old.offset &+ old.rareStart, side.offset &+ side.rareStart)
        slab.copy(old.bytes(rare) &- old.rareStart, from: from, to: to)
    }

    /// Everything is read, of a state that had a window: what is left fits the short form, or nil.
    private mutating func readAllExtended(_ id: UInt64, _ state: PackedState) -> PackedState? {
        let side = SideBlock(rest: state.rest)
        let last = state.lastMessage
        // With unread messages, last read is below the newest.
        guard id >= last, side.hasBlock, side.count > 0 else { return nil }
        let rare = side.rare(in: slab.region)
        guard rare.removedCount == 0, !rare.has(RareFields.Bit.rewind) else { return nil }
        var own: UInt64 = 0
        if side.has(SideBlock.Flag.ownIsRead) {
            own = side.lastRead(last, rare, in: slab.region)
        } else if rare.has(RareFields.Bit.own) {
            own = slab.load(at: side.own(rare))
        }
        return PackedState(allReadUpTo: id, last: last, own: own)
    }

    // MARK: The long way

    /// Applies any event by the rules.
    @inline(never)
    mutating func applyByRules(_ event: Event, _ entries: Span<Entry>, _ slot: UInt32) -> Bool {
        switch event.kind {
        case .readMany(let range):
            var changed = false
            for index in range.indices {
                let entry = entries[index]
                changed = readOne(entry.first, entry.second, op: event.op, slot) || changed
            }
            return changed
        case .userErased:
            if records[slot].count == 0 { return false }
            dropStates(slot)
            records[slot].set(UserRecord.Flag.rewrite, true)
            return true
        default:
            let window = window
            return change(event.channel.rawValue, slot) { state in
                state.apply(event, entries: entries, window: window)
            }
        }
    }

    /// One read of many.
    private mutating func readOne(
        _ channel: UInt64, _ id: UInt64, op: MessageID, _ slot: UInt32
    ) -> Bool {
        let place = locate(channel, of: records[slot])
        let outcome = read(id, in: channel, at: place, of: slot)
        guard outcome == .unclear else { return outcome == .changed }
        return change(channel, slot) { $0.read(MessageID(id), op: op) }
    }

    /// Unpacks a state, lets `body` change it, and packs it again where `body` says that it did.
    private mutating func change(
        _ channel: UInt64, _ slot: UInt32, by body: (inout ReadState) -> Bool
    ) -> Bool {
        var state = ReadState()
        swap(&state, &scratch)
        defer { swap(&state, &scratch) }
        let place = locate(channel, of: records[slot])
        state.reset()
        if let place { unpack(slab.load(at: place.value), into: &state) }
        guard body(&state) else { return false }
        guard let place = place ?? append(channel, .fresh, to: slot) else { return false }
        // A default state is not stored, and a commit adds fields only: the whole hash is replaced.
        if state.isDefault { records[slot].set(UserRecord.Flag.rewrite, true) }
        store(state, at: place, of: slot, changed: true)
        return true
    }

    /// Unpacks into a state that is fresh.
    @inline(__always)
    func unpack(_ packed: PackedState, into state: inout ReadState) {
        if packed.isExtended {
            state.lastMessage = MessageID(packed.lastMessage)
            SideBlock(rest: packed.rest).unpack(into: &state, from: slab.region)
        } else {
            packed.unpack(into: &state)
        }
    }

    /// Takes a state over from the store: not a change, though a window that a worker with larger
    /// ones left is cut to size. The user has none of the channel yet. Nothing if it may not have
    /// more.
    package mutating func load(
        _ state: borrowing ReadState, channel: ChannelID, into slot: UserSlot
    ) {
        assert(locate(channel.rawValue, of: records[slot.rawValue]) == nil, "loaded once")
        if state.window.count > window {
            var fitting = copy state
            fitting.trim(to: window)
            load(fitting, channel: channel, into: slot)
        } else if let short = PackedState(state) {
            _ = append(channel.rawValue, short, to: slot.rawValue)
        } else if let place = append(channel.rawValue, .fresh, to: slot.rawValue) {
            store(state, at: place, of: slot.rawValue, changed: false)
        }
    }

    /// Makes room for a number of states before they are loaded.
    package mutating func reserve(_ count: Int, at slot: UserSlot) {
        let record = records[slot.rawValue]
        let count = min(count, Self.mostStates)
        if count > 0, record.block == none || count > slab.capacity(record.sizeClass) {
            reserve(count, at: slot.rawValue)
        }
    }

    /// Packs a state into its place.
    mutating func store(
        _ state: borrowing ReadState, at place: StatePlace, of slot: UInt32, changed: Bool
    ) {
        let old: PackedState = slab.load(at: place.value)
        var replaced: SideBlock? = old.isExtended ? SideBlock(rest: old.rest) : nil
        let next: PackedState
        if let short = PackedState(state) {
            next = short
        } else {
            let rare = RareFields(of: state)
            var side = state.left ? SideBlock.left : SideBlock(of: state, rare)
            if !state.left {
                if let had = replaced, fits(side, rare, in: had) {
                    (side.block, side.sizeClass) = (had.block, had.sizeClass)
                    replaced = nil
                } else {
                    (side.block, side.sizeClass) = allocateSide(
                        side.roomyBytes(rare), for: place.index, of: slot)
                }
                side.write(state, rare, in: &slab)
            }
            next = PackedState(
                message: state.lastMessage.rawValue | PackedState.extendedBit, rest: side.rest)
        }
        slab.store(next, at: place.value)
        if changed {
            let channel: UInt64 = slab.load(at: place.channel)
            slab.store(channel | Self.changedBit, at: place.channel)
        }
        if let replaced { freeSide(replaced) }
    }

    /// Whether a block that a state has is about as large as it needs now.
    private func fits(_ side: SideBlock, _ rare: RareFields, in had: SideBlock) -> Bool {
        had.hasBlock && side.bytes(rare) <= slab.blockBytes(had.sizeClass)
            && had.sizeClass <= Self.sideClass(for: side.roomyBytes(rare))
    }
}
