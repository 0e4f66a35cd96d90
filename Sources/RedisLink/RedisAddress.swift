// Where Redis is and who we are to it, from what an operator writes:
//
//     redis://[user[:password]@]host[:port][/db]        host may be a name, IPv4 or [IPv6]
//     unix:///path/of/socket[?db=N]
//
// User and password may be settings of their own, which go before those of the address. The
// password is in nothing that can be printed: not in the description, not in a mirror, not in an
// error.

/// A server, a database of it, and the credentials for it.
package struct RedisAddress: Hashable, Sendable {
    package enum Endpoint: Hashable, Sendable {
        /// An IPv6 address stands here without brackets.
        case tcp(host: String, port: UInt16)
        case unix(path: String)
    }

    package static let defaultPort: UInt16 = 6379

    package var endpoint: Endpoint
    /// Sent with `SELECT` unless 0.
    package var database: Int
    /// nil: the server's default user.
    package var username: String?
    /// nil: no `AUTH` is sent.
    let password: String?

    package init(
        _ endpoint: Endpoint, database: Int = 0, username: String? = nil, password: String? = nil
    ) {
        self.endpoint = endpoint
        self.database = database
        self.username = username
        self.password = password
    }

    /// Parses an address; `username` and `password`, where given, go before those in the text.
    package init(
        parsing text: String, username: String? = nil, password: String? = nil
    ) throws(RedisLinkError) {
        if text.hasPrefix("rediss://") {
            throw Self.invalid(
                "rediss:// (TLS) is not supported by this build (hiredis 0.14 has no TLS); "
                    + "use a TLS tunnel beside the program and redis:// to it")
        }
        if text.hasPrefix("unix://") {
            let (path, database) = try Self.socketPath(text.dropFirst("unix://".count))
            self.init(
                .unix(path: path), database: database, username: username, password: password)
        } else if text.hasPrefix("redis://") {
            try self.init(
                remote: text.dropFirst("redis://".count), username: username, password: password)
        } else {
            throw Self.invalid(
                "a Redis address begins with redis:// or unix://, as in redis://localhost:6379/0")
        }
        if self.username != nil && self.password == nil {
            throw Self.invalid("a user name needs a password")
        }
    }

    private init(
        remote text: Substring, username: String?, password: String?
    ) throws(RedisLinkError) {
        var rest = text
        var credentials: (user: String?, password: String?) = (nil, nil)
        // The last @: a password that was not encoded may hold one.
        if let at = rest.lastIndex(of: "@") {
            credentials = try Self.credentials(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        guard !rest.contains("?"), !rest.contains("#") else {
            throw Self.invalid(
                "nothing may follow the database number; in a password / is %2F, ? is %3F, # is %23"
            )
        }
        var database = 0
        if let slash = rest.firstIndex(of: "/") {
            let number = rest[rest.index(after: slash)...]
            if !number.isEmpty { database = try Self.database(number) }
            rest = rest[..<slash]
        }
        let (host, port) = try Self.hostAndPort(rest)
        self.init(
            .tcp(host: host, port: port), database: database,
            username: username ?? credentials.user, password: password ?? credentials.password)
    }

    private static func credentials(
        _ text: Substring
    ) throws(RedisLinkError) -> (user: String?, password: String?) {
        guard let colon = text.firstIndex(of: ":") else {
            return (text.isEmpty ? nil : try decoded(text), nil)
        }
        let user = try decoded(text[..<colon])
        let password = try decoded(text[text.index(after: colon)...])
        return (user.isEmpty ? nil : user, password.isEmpty ? nil : password)
    }

    private static func hostAndPort(
        _ text: Substring
    ) throws(RedisLinkError) -> (host: String, port: UInt16) {
        var host = text
        var port: Substring? = nil
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else {
                throw invalid("an IPv6 address ends with ]")
            }
            host = text[text.index(after: text.startIndex)..<end]
            let behind = text[text.index(after: end)...]
            guard behind.isEmpty || behind.first == ":" else {
                throw invalid("only :port may follow the ] of an IPv6 address")
            }
            if !behind.isEmpty { port = behind.dropFirst() }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
            guard port?.contains(":") == false else {
                throw invalid("an IPv6 address is written in brackets, as in redis://[::1]:6379")
            }
        }
        guard !host.isEmpty else { throw invalid("the host is missing") }
        guard let port else { return (try decoded(host), defaultPort) }
        guard port.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let number = UInt16(port), number > 0
        else { throw invalid("the port is a number from 1 to 65535") }
        return (try decoded(host), number)
    }

    private static func socketPath(
        _ text: Substring
    ) throws(RedisLinkError) -> (path: String, database: Int) {
        var path = text
        var database = 0
        if let mark = text.firstIndex(of: "?") {
            let query = text[text.index(after: mark)...]
            guard query.hasPrefix("db=") else {
                throw invalid("a socket's path may be followed by ?db=N only")
            }
            path = text[..<mark]
            database = try self.database(query.dropFirst("db=".count))
        }
        let decodedPath = try decoded(path)
        guard decodedPath.hasPrefix("/") else {
            throw invalid("the path of a socket is absolute, as in unix:///run/redis.sock")
        }
        // sockaddr_un holds 108 bytes, the last of them zero.
        guard decodedPath.utf8.count <= 107 else {
            throw invalid("the path of a socket has at most 107 bytes")
        }
        return (decodedPath, database)
    }

    private static func database(_ text: Substring) throws(RedisLinkError) -> Int {
        guard text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let number = Int(text),
            number <= Int32.max
        else { throw invalid("the database is a number from 0") }
        return number
    }

    /// Undoes percent-encoding.
    private static func decoded(_ text: Substring) throws(RedisLinkError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexDigit),
                let low = rest.popFirst().flatMap(hexDigit), high | low != 0
            else { throw invalid("% is followed by two hexadecimal digits, not 00") }
            bytes.append(high << 4 | low)
        }
        guard let string = String(validating: bytes, as: UTF8.self) else {
            throw invalid("percent-encoded bytes are UTF-8")
        }
        return string
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): return byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): return byte - UInt8(ascii: "A") + 10
        default: return nil
        }
    }

    private static func invalid(_ message: String) -> RedisLinkError {
        RedisLinkError(.configure, .invalid, message)
    }
}

extension RedisAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address without its password.
    package var description: String {
        let user = username.map { "\($0)@" } ?? ""
        switch endpoint {
        case .tcp(let host, let port):
            let name = host.contains(":") ? "[\(host)]" : host
            return "redis://\(user)\(name):\(port)/\(database)"
        case .unix(let path):
            return "unix://\(path)?db=\(database)"
        }
    }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
