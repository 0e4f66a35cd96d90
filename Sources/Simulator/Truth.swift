// What must come out: the plain fold of a partition's log, remembered for every offset, so that any
// state or answer can be compared with the fold up to whatever offset it claims to include. It uses
// the shipped rules for one read state and nothing else of the core: no cache, no loads, no
// commits. Beside it `SetFold` counts with plain sets, and where a state says that it is exact,
// both must agree.

import ReadStateCore

/// One record of the log.
struct Record {
    enum Content {
        case event(Event)
        /// Cannot be read: goes to the dead-letter topic.
        case bad
        /// A null value: skipped with a count.
        case tombstone
    }
    var content: Content
}

/// A partition's log and the states that it leads to.
struct Truth {
    /// A state from an offset on; it holds until the next version.
    struct Version {
        /// The first offset that does not come before this version.
        let from: Int64
        let state: ReadState
    }
    struct Channel {
        let id: ChannelID
        var versions: [Version]
    }
    struct User {
        let id: UserID
        /// In the order of channel ids, once the log is complete.
        var channels: [Channel] = []
        fileprivate var places: [ChannelID: Int] = [:]
    }

    let partition: PartitionID
    let window: Int
    private(set) var records: [Record] = []
    /// The lists of all events, end to end.
    private(set) var entries: [Entry] = []
    /// Whether the record at an offset changed any state of its user.
    private(set) var changes: [Bool] = []
    private(set) var users: [User] = []
    private var userPlaces: [UserID: Int] = [:]
    private var sets: SetFold

    init(partition: PartitionID, window: Int) {
        self.partition = partition
        self.window = window
        sets = SetFold()
    }

    var end: Int64 { Int64(records.count) }

    func user(_ id: UserID) -> User? { userPlaces[id].map { users[$0] } }

    /// The fold of the log below `offset` for one channel; nil if that is the default state.
    func state(_ id: UserID, _ channel: ChannelID, below offset: Int64) -> ReadState? {
        guard let place = userPlaces[id] else { return nil }
        return Self.state(users[place].channel(channel), below: offset)
    }

    static func state(_ channel: Channel?, below offset: Int64) -> ReadState? {
        guard let channel, let version = channel.versions.last(where: { $0.from < offset }) else {
            return nil
        }
        return version.state.isDefault ? nil : version.state
    }

    /// Adds a record that is no event.
    mutating func append(_ content: Record.Content) {
        records.append(Record(content: content))
        changes.append(false)
    }

    /// Adds an event; its list is `list`. Returns what the two folds disagree on, if they do.
    mutating func append(_ event: Event, list: [Entry]) -> String? {
        let range = EntryRange(start: UInt32(entries.count), count: UInt32(list.count))
        entries += list
        var event = event.with(range)
        event = Event(
            offset: Offset(end), user: event.user, channel: event.channel, op: event.op,
            kind: event.kind)
        records.append(Record(content: .event(event)))
        let place = place(of: event.user)
        sets.apply(event, list)
        let alone = event.with(EntryRange(start: 0, count: UInt32(list.count)))
        changes.append(fold(alone, list, into: place))
        return sets.disagreement(with: self, event, list)
    }

    /// Sorts channels, so that lists can be compared; the log is complete.
    mutating func finish() {
        for place in users.indices {
            users[place].channels.sort { $0.id < $1.id }
            users[place].places.removeAll(keepingCapacity: true)
            for (index, channel) in users[place].channels.enumerated() {
                users[place].places[channel.id] = index
            }
        }
    }

    private mutating func place(of user: UserID) -> Int {
        if let place = userPlaces[user] { return place }
        userPlaces[user] = users.count
        users.append(User(id: user))
        return users.count - 1
    }

    private mutating func fold(_ event: Event, _ list: [Entry], into place: Int) -> Bool {
        switch event.kind {
        case .readMany:
            var changed = false
            for entry in list {
                let isNew = change(ChannelID(entry.first), at: event.offset, place) {
                    $0.read(MessageID(entry.second), op: event.op)
                }
                changed = isNew || changed
            }
            return changed
        case .userErased:
            var changed = false
            for index in users[place].channels.indices {
                let id = users[place].channels[index].id
                let isNew = change(id, at: event.offset, place) { state in
                    defer { state.reset() }
                    return !state.isDefault
                }
                changed = isNew || changed
            }
            return changed
        default:
            let window = window
            return change(event.channel, at: event.offset, place) {
                $0.apply(event, entries: list.span, window: window)
            }
        }
    }

    /// Changes one state in place of a new version. Whether it changed is seen, not believed.
    private mutating func change(
        _ id: ChannelID, at offset: Offset, _ place: Int, _ body: (inout ReadState) -> Bool
    ) -> Bool {
        let index: Int
        if let known = users[place].places[id] {
            index = known
        } else {
            index = users[place].channels.count
            users[place].places[id] = index
            users[place].channels.append(Channel(id: id, versions: []))
        }
        var state = users[place].channels[index].versions.last?.state ?? ReadState()
        let before = state
        _ = body(&state)
        if state == before { return false }
        // Two entries of one event for the same channel are one step.
        if users[place].channels[index].versions.last?.from == offset.rawValue {
            users[place].channels[index].versions.removeLast()
        }
        users[place].channels[index].versions.append(Version(from: offset.rawValue, state: state))
        return true
    }
}

extension Truth.User {
    func channel(_ id: ChannelID) -> Truth.Channel? { places[id].map { channels[$0] } }
}

extension Event {
    /// The same event with its list elsewhere.
    func with(_ range: EntryRange) -> Event {
        var copy = self
        switch kind {
        case .markedUnread(let id, _, let older, let mentions):
            copy.kind = .markedUnread(id, unread: range, older: older, olderMentions: mentions)
        case .messageDeleted: copy.kind = .messageDeleted(range)
        case .readMany: copy.kind = .readMany(range)
        default: break
        }
        return copy
    }
}
