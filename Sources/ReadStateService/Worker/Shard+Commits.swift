// Commits: what the engine hands out is encoded straight from the cache into the command, and sent
// on the connection on which the partition was claimed, so that the store sees both in order.

import ReadStateCore
import ReadStateWire
import RedisLink

extension Shard {
    /// Sends what is due of a partition, as long as the connection takes it.
    func sendCommits(_ partition: ShardPartition, now: Instant) {
        var stateBytes: [UInt8] = []
        swap(&stateBytes, &self.stateBytes)
        defer { swap(&stateBytes, &self.stateBytes) }
        while commits.takesMore, let commit = partition.engine.nextCommit(now: now) {
            commitCommand.begin()
            encoded.removeAll(keepingCapacity: true)
            ReadStateWire.StoredUser(appliedOffset: commit.applied.previous).encode(into: &encoded)
            for user in commit.users {
                commitCommand.beginUser(
                    partition.keys, id: user.user.rawValue, rewrite: user.rewrites)
                partition.engine.takeChanges(of: user) { channel, state in
                    stateBytes.removeAll(keepingCapacity: true)
                    StoredState.encode(state, into: &stateBytes)
                    // The array outlives the call.
                    unsafe commitCommand.field(channel: channel.rawValue, stateBytes.span.bytes)
                }
                commitCommand.endUser()
            }
            let head = CommitCommand.Head(
                token: StoredToken(commit.token), previous: commit.previous.rawValue,
                number: commit.number.rawValue, offset: commit.position.rawValue,
                fingerprint: commit.fingerprint.map {
                    Fingerprint(offset: $0.offset.rawValue, hash: $0.hash)
                })
            let header = encoded
            // The array outlives the call.
            unsafe commitCommand.finish(
                head, header: header.span.bytes, keys: partition.keys,
                into: &commits.connection.output)
            commits.expected.append(
                .commit(partition, commit.token, commit.number, sent: SystemClock.nanoseconds()))
        }
    }

    /// Reads the replies to claims and commits.
    func readCommitReplies(_ connection: inout RedisConnection, now: Instant) {
        while let reply = connection.nextReply() {
            switch commits.expected.next() {
            case .claim(let partition, let token):
                do throws(RedisLinkError) {
                    finishClaim(partition, token, try ClaimReply(reply))
                } catch {
                    let named = error.naming(partition.keys.position)
                    claimFailed(partition, token, named, now: now)
                }
            case .commit(let partition, let token, let number, let sent):
                guard partition.engine.holds(token) else { continue }
                partition.isTouched = true
                switch CommitReply(reply) {
                case .done(let done):
                    precondition(done == number.rawValue, "commits are answered in order")
                    partition.engine.committed(number)
                    partition.lastCommit = now
                    counters.commitTime.record(SystemClock.nanoseconds() - sent)
                case .fenced: refuse(partition, .fenced, "commit")
                case .rolledBack: refuse(partition, .rolledBack, "commit")
                case .failed(let error): commitFailed(partition, error, now: now)
                }
            }
        }
    }

    /// Drops what the engine holds, saying so.
    func refuse(_ partition: ShardPartition, _ refusal: Refusal, _ during: StaticString) {
        tellRefusal(partition, refusal, during)
        detachQueue(partition)
        partition.engine.refuse(refusal)
        partition.isTouched = true
    }

    /// Says that the partition was refused, and while doing what.
    func tellRefusal(_ partition: ShardPartition, _ refusal: Refusal, _ during: StaticString) {
        logger.warning(
            "partition_refused",
            [
                "partition": .number(Int64(partition.id.rawValue)),
                "reason": .text(refusal.rawValue), "during": .text("\(during)"),
            ])
    }

    private func claimFailed(
        _ partition: ShardPartition, _ token: OwnerToken, _ error: RedisLinkError,
        now: Instant
    ) {
        log(partition, "claim_failed", error)
        guard partition.engine.awaits(token) else { return }
        partition.engine.connectionLost()
        pause(partition, after: error, now: now)
    }

    /// The store would not take a commit for a reason of its own (out of memory, read-only, no
    /// scripts): it is as if the connection had broken. A later claim says how far the store got.
    private func commitFailed(_ partition: ShardPartition, _ error: RedisLinkError, now: Instant) {
        log(partition, "commit_failed", error)
        counters.commitFailures += 1
        partition.engine.connectionLost()
        partition.retryAt = now.advanced(byMilliseconds: 1_000)
    }

    func log(_ partition: ShardPartition, _ event: StaticString, _ error: RedisLinkError) {
        logger.warning(
            event,
            ["partition": .number(Int64(partition.id.rawValue)), "error": .text("\(error)")])
    }
}

extension StoredToken {
    init(_ token: OwnerToken) { self.init(high: token.high, low: token.low) }
}

extension OwnerToken {
    init(_ token: StoredToken) { self.init(high: token.high, low: token.low) }
}
