// Loads: users on their way in, read in transactions of many users each.

import ReadStateCore
import ReadStateWire
import RedisLink

extension Shard {
    func sendLoads(_ partition: ShardPartition) {
        while loads.takesMore, let load = partition.engine.nextLoad() {
            loads.connection.output.beginLoad(partition.keys)
            for user in load.users {
                loads.connection.output.loadUser(partition.keys, id: user.rawValue)
            }
            loads.connection.output.endLoad()
            loads.expected.append((partition, load))
        }
    }

    func readLoadReplies(_ connection: inout RedisConnection, now: Instant) {
        while let reply = connection.nextReply() {
            let (partition, load) = loads.expected.next()
            guard partition.engine.holds(load.token) else { continue }
            partition.isTouched = true
            do throws(RedisLinkError) {
                try install(load, LoadReply(reply), in: partition, now: now)
            } catch {
                loadFailed(partition, error, now: now)
            }
        }
    }

    /// Makes the users of a load resident, unless the store turns out not to be ours any more.
    private func install(
        _ load: Load, _ reply: consuming LoadReply, in partition: ShardPartition, now: Instant
    ) throws(RedisLinkError) {
        let owner = reply.token.map { OwnerToken($0) }
        guard
            partition.engine.loaded(owner: owner, number: CommitNumber(reply.number)) != nil
        else {
            logger.warning(
                "partition_refused",
                ["partition": .number(Int64(partition.id.rawValue)), "during": "load"])
            return detachQueue(partition)
        }
        for user in load.users {
            do throws(RedisLinkError) {
                guard let stored = try reply.nextUser() else {
                    throw RedisLinkError(.request, .protocolViolation, "a load lacks users")
                }
                try install(user, stored, in: partition, now: now)
            } catch {
                throw error.naming(partition.keys.user(user.rawValue))
            }
        }
        partition.engine.loadsInstalled()
    }

    private func install(
        _ user: UserID, _ stored: borrowing RedisLink.StoredUser, in partition: ShardPartition,
        now: Instant
    ) throws(RedisLinkError) {
        var applied = Offset.zero
        for index in 0..<stored.count where stored.name(index).isHeader {
            var header = ReadStateWire.StoredUser(appliedOffset: .zero)
            if let problem = header.decode(stored.value(index)) { throw unreadable("@", problem) }
            applied = header.appliedOffset.next
        }
        var failure: RedisLinkError?
        partition.engine.install(
            user, applied: applied, stateCount: max(0, stored.count - 1), now: now
        ) { add in
            for index in 0..<stored.count where !stored.name(index).isHeader {
                let name = stored.name(index)
                guard let channel = Decimal.parse(name), channel > 0 else {
                    failure = unreadable(name.text, .corrupt)
                    return
                }
                if let problem = StoredState.decode(stored.value(index), into: &scratch) {
                    failure = unreadable(name.text, problem)
                    return
                }
                add(ChannelID(channel), scratch)
            }
        }
        if let failure { throw failure }
    }

    private func unreadable(_ field: String, _ problem: StoredProblem) -> RedisLinkError {
        switch problem {
        case .corrupt:
            RedisLinkError(.request, .corrupt, "field \(field) is not a stored read state")
        case .unknownVersion:
            RedisLinkError(
                .request, .corrupt, "field \(field) was written by a newer version of this program")
        }
    }

    /// A load that failed is tried again on a new claim; one that found what this program did not
    /// write stops the partition until somebody has looked.
    private func loadFailed(_ partition: ShardPartition, _ error: RedisLinkError, now: Instant) {
        log(partition, "load_failed", error)
        counters.loadFailures += 1
        pause(partition, after: error, now: now)
        // What does not mend itself may have come up half way through a load: all of it is dropped.
        if error.isRetriable {
            partition.engine.connectionLost()
        } else {
            refuse(partition, .corrupt, "load")
        }
    }
}

extension Shard {
    /// Puts the next attempt off: longer for what does not mend itself, and that is told on the
    /// worker's pages.
    func pause(_ partition: ShardPartition, after error: RedisLinkError, now: Instant) {
        partition.retryAt = now.advanced(byMilliseconds: error.isRetriable ? 1_000 : 5_000)
        if !error.isRetriable {
            partition.damage = ("\(error)", now.advanced(byMilliseconds: 8_000))
        }
    }
}

extension RawSpan {
    /// Whether a field is the user's own, not a channel's.
    fileprivate var isHeader: Bool {
        // One byte is there, and any byte is a UInt8.
        unsafe byteCount == 1
            && unsafeLoad(fromByteOffset: 0, as: UInt8.self) == UInt8(ascii: "@")
    }
}
