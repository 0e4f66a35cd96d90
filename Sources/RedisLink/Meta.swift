// What the namespace as a whole says of itself (`<ns>:meta`): which topic it belongs to and in how
// many partitions, in what format users are stored, which generation of them is being served.
// Written by the first worker ever, compared by all others: a namespace must not be served from
// another topic.

/// The identity of a namespace.
package struct Meta: Hashable, Sendable {
    /// The format that this program reads and writes.
    package static let currentFormat: UInt64 = 1

    /// The version of the stored form.
    package var format: UInt64
    package var topic: String
    package var partitions: UInt64
    /// 1 at first; one more after each rebuild; below 2^31.
    package var generation: UInt64

    package init(format: UInt64, topic: String, partitions: UInt64, generation: UInt64 = 1) {
        self.format = format
        self.topic = topic
        self.partitions = partitions
        self.generation = generation
    }

    /// Reads the reply to `RespWriter.meta`: what is stored now.
    package init(_ reply: Reply) throws(RedisLinkError) {
        if let error = reply.error() { throw error }
        guard reply.count == 4 else { throw .unexpected("meta", reply) }
        guard let format = reply[0].decimal, reply[1].kind == .string,
            let partitions = reply[2].decimal, let generation = reply[3].decimal,
            (1...UInt64(Int32.max)).contains(generation)
        else {
            throw RedisLinkError(
                .request, .corrupt, "this is not the meta hash of a read-states namespace")
        }
        self.init(
            format: format, topic: reply[1].text, partitions: partitions, generation: generation)
    }

    /// What keeps a program that expects `self` from serving what is `stored`, in words; empty if
    /// nothing does. The generation is the stored one's to say.
    package func differences(from stored: Meta) -> [String] {
        var found: [String] = []
        if stored.format != format {
            found.append("stored in format \(stored.format), this program writes \(format)")
        }
        if stored.topic != topic {
            found.append("belongs to topic \(stored.topic), not \(topic)")
        }
        if stored.partitions != partitions {
            found.append("made for \(stored.partitions) partitions, the topic has \(partitions)")
        }
        return found
    }
}

extension RespWriter {
    /// Writes `meta` unless there is one, and asks what there is, in one step.
    package mutating func meta(_ keys: Keys, orElse meta: Meta) {
        script(.meta, keys: 1, arguments: 3)
        argument(keys.meta)
        argument(meta.format)
        argument(meta.topic)
        argument(meta.partitions)
    }
}
