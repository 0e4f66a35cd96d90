// What can go wrong with Redis, as one type. The server names its errors by their first word
// (`LOADING Redis is loading the dataset`); which kind that is, and whether trying again can help,
// is decided here and nowhere else.

/// A failure of Redis or of the way to it.
package struct RedisLinkError: Error, Hashable, Sendable {
    /// What was being done.
    package enum Operation: String, Hashable, Sendable {
        case configure, resolve, connect, handshake, send, receive, request
    }

    package enum Kind: String, Hashable, Sendable {
        /// An address or a name that cannot be used as it is written.
        case invalid
        /// No way to the server: no such name, refused, no route.
        case unreachable
        /// No answer within the deadline.
        case timedOut
        /// The connection ended.
        case closed
        /// Bytes that are no RESP2, or a reply of another shape than the request has.
        case protocolViolation
        /// `FENCED`: another worker owns the partition.
        case fenced
        /// `ROLLED_BACK`: Redis does not have the commit before this one.
        case rolledBack
        /// `LOADING`, `MASTERDOWN`, `CLUSTERDOWN`, `TRYAGAIN`: not yet in service.
        case loading
        /// `BUSY`: a script of somebody runs for too long; or no free client slot.
        case busy
        /// `READONLY`: the server is a replica.
        case readOnly
        /// `OOM`: at `maxmemory`.
        case outOfMemory
        /// `MISCONF`, `NOREPLICAS`: the server refuses writes because it cannot keep them safe.
        case writesRefused
        /// `NOAUTH`, `WRONGPASS`, `DENIED`: the server does not let us in.
        case authentication
        /// `NOPERM`: the user may not do this, or touch this key.
        case permission
        /// `NOSCRIPT`: the server lost its scripts.
        case scriptMissing
        /// `WRONGTYPE`: the key holds another kind of value.
        case wrongType
        /// `MOVED`, `ASK`, `CROSSSLOT`: the key is served elsewhere.
        case cluster
        /// Stored values that this program did not write.
        case corrupt
        /// Any other error reply.
        case other
    }

    package var operation: Operation
    package var kind: Kind
    /// The server's own words, or the system's. Never holds a password.
    package var message: String
    /// The key or the address that it was about.
    package var key: String?

    package init(
        _ operation: Operation, _ kind: Kind, _ message: String, key: String? = nil
    ) {
        self.operation = operation
        self.kind = kind
        self.message = message
        self.key = key
    }

    /// Whether the same request can succeed later with nobody changing a setting.
    package var isRetriable: Bool {
        switch kind {
        case .unreachable, .timedOut, .closed, .loading, .busy, .readOnly, .outOfMemory,
            .writesRefused, .scriptMissing:
            return true
        case .invalid, .protocolViolation, .fenced, .rolledBack, .authentication, .permission,
            .wrongType, .cluster, .corrupt, .other:
            return false
        }
    }

    /// Whether a push was refused because of the list that it names: a key of another kind, or one
    /// that our user may not touch. What else can be wrong is the server's state.
    package var isOfList: Bool { kind == .wrongType || kind == .permission }

    /// Whether a new connection is the remedy: the scripts are loaded anew, or a name that was
    /// moved in a failover is looked up again.
    var endsConnection: Bool {
        kind == .scriptMissing || kind == .readOnly || kind == .authentication
    }

    /// The same failure, naming the key that it was about, if it does not name one.
    package func naming(_ key: String) -> RedisLinkError {
        var named = self
        named.key = self.key ?? key
        return named
    }

    /// The kind of an error reply by its first word (Redis 7, `src/server.c`,
    /// "createSharedObjects").
    static func kind(ofReply message: String) -> Kind {
        switch message.prefix(while: { $0 != " " }) {
        case "FENCED": return .fenced
        case "ROLLED_BACK": return .rolledBack
        case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN": return .loading
        case "BUSY": return .busy
        case "READONLY": return .readOnly
        case "OOM": return .outOfMemory
        case "MISCONF", "NOREPLICAS": return .writesRefused
        case "NOAUTH", "WRONGPASS", "DENIED": return .authentication
        case "NOPERM": return .permission
        case "NOSCRIPT": return .scriptMissing
        case "WRONGTYPE": return .wrongType
        case "MOVED", "ASK", "CROSSSLOT": return .cluster
        case "ERR" where message.hasPrefix("ERR max number of clients"): return .busy
        // `NOPERM` of a command inside of a script, as Redis 7.0 says it.
        case "ERR" where message.hasPrefix("ERR The user executing the script can't"):
            return .permission
        // What a server without a password says to a client that sends one, before and since 6.0.
        case "ERR" where message.hasPrefix("ERR AUTH <password> called"),
            "ERR" where message.hasPrefix("ERR Client sent AUTH"):
            return .authentication
        default: return .other
        }
    }

    /// An error reply as an error.
    static func reply(_ message: String, to operation: Operation) -> RedisLinkError {
        RedisLinkError(operation, kind(ofReply: message), message)
    }
}

extension RedisLinkError: CustomStringConvertible {
    package var description: String {
        let about = key.map { " (\($0))" } ?? ""
        return "redis \(operation.rawValue)\(about): \(kind.rawValue): \(message)"
    }
}
