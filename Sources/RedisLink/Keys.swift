// The names of everything in Redis (docs/contract.md, "Stored"). All keys of a partition carry its
// hash tag `{ns:p}`: one slot of a cluster, one ordered stream of writes. Names that are written
// for every user go straight into a command; the others are made once.

/// The names of one namespace.
package struct Keys: Hashable, Sendable {
    /// 1 to 64 characters out of letters, digits, `.`, `_` and `-`: nothing that ends a hash tag, a
    /// part of a name or a word.
    package let namespace: String
    /// `<ns>:meta`
    package let meta: String
    /// `<ns>:requests`, from which any worker routes.
    package let requests: String
    /// `<ns>:reply:`, the beginning of the reply lists of the bundled client.
    package let replyPrefix: String

    package init(namespace: String) throws(RedisLinkError) {
        let allowed = namespace.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                return true
            default: return false
            }
        }
        guard allowed, (1...64).contains(namespace.utf8.count) else {
            throw RedisLinkError(
                .configure, .invalid,
                "a namespace has 1 to 64 letters, digits, dots, underscores or hyphens",
                key: namespace)
        }
        self.namespace = namespace
        meta = "\(namespace):meta"
        requests = "\(namespace):requests"
        replyPrefix = "\(namespace):reply:"
    }

    /// The names of partition `partition`, 0 or more, in generation `generation`, 1 or more.
    package func partition(_ partition: Int32, generation: Int = 1) -> PartitionKeys {
        PartitionKeys(namespace: namespace, partition: partition, generation: generation)
    }
}

/// The names of one partition in one generation.
package struct PartitionKeys: Hashable, Sendable {
    package let partition: Int32
    package let generation: Int
    /// `{<ns>:<p>}:position`
    package let position: String
    /// `{<ns>:<p>}:requests`
    package let requests: String
    /// All of a user's key but the id.
    package let userPrefix: String

    fileprivate init(namespace: String, partition: Int32, generation: Int) {
        precondition(partition >= 0 && generation >= 1)
        let tag = "{\(namespace):\(partition)}"
        self.partition = partition
        self.generation = generation
        position = "\(tag):position"
        requests = "\(tag):requests"
        userPrefix = generation == 1 ? "\(tag):user:" : "\(tag):g\(generation):user:"
    }

    /// The key of a user's hash.
    package func user(_ id: UInt64) -> String { "\(userPrefix)\(id)" }
}
