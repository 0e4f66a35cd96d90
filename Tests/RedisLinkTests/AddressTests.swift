import RedisLink
import Testing

/// What operators write as `--redis` is understood or refused with the reason.
struct AddressTests {
    /// Each form of address gives its server, database and credentials.
    @Test(
        arguments: [
            ("redis://h", "h", UInt16(6379), 0, nil, "redis://h:6379/0"),
            ("redis://h:1/", "h", 1, 0, nil, "redis://h:1/0"),
            ("redis://10.0.0.1:65535/15", "10.0.0.1", 65535, 15, nil, "redis://10.0.0.1:65535/15"),
            ("redis://[::1]", "::1", 6379, 0, nil, "redis://[::1]:6379/0"),
            ("redis://[fe80::1]:7/3", "fe80::1", 7, 3, nil, "redis://[fe80::1]:7/3"),
            ("redis://:s3cret@h", "h", 6379, 0, nil, "redis://h:6379/0"),
            ("redis://me:s3cret@h/2", "h", 6379, 2, "me", "redis://me@h:6379/2"),
            ("redis://m%40e:s3cret%2F%25@h", "h", 6379, 0, "m@e", "redis://m@e@h:6379/0"),
            ("redis://me:s3c@ret@h", "h", 6379, 0, "me", "redis://me@h:6379/0"),
        ] as [(String, String, UInt16, Int, String?, String)])
    func remote(
        text: String, host: String, port: UInt16, database: Int, user: String?, shown: String
    ) throws {
        let address = try RedisAddress(parsing: text)
        #expect(address.endpoint == .tcp(host: host, port: port))
        #expect(address.database == database)
        #expect(address.username == user)
        #expect(address.description == shown)
    }

    @Test("A socket's path may be percent-encoded and followed by a database")
    func socket() throws {
        let plain = try RedisAddress(parsing: "unix:///run/redis.sock")
        #expect(plain == RedisAddress(.unix(path: "/run/redis.sock")))
        let full = try RedisAddress(parsing: "unix:///a%20b/r.sock?db=4", password: "p")
        #expect(full == RedisAddress(.unix(path: "/a b/r.sock"), database: 4, password: "p"))
    }

    @Test("User and password of their own go before those of the address")
    func override() throws {
        let text = "redis://me:old@h"
        #expect(
            try RedisAddress(parsing: text, password: "new")
                == RedisAddress(.tcp(host: "h", port: 6379), username: "me", password: "new"))
        #expect(
            try RedisAddress(parsing: text, username: "you", password: "new")
                == RedisAddress(.tcp(host: "h", port: 6379), username: "you", password: "new"))
    }

    /// What is no address is refused, and the refusal does not quote the password.
    @Test(
        arguments: [
            "", "h:6379", "http://h", "rediss://u:s3cret@h", "redis://", "redis://u:s3cret@",
            "redis://u:s3cret@h:0", "redis://u:s3cret@h:65536", "redis://u:s3cret@h:x",
            "redis://h:+1", "redis://u:s3cret@h/x", "redis://h/-1", "redis://u:s3cret@h/1?x",
            "redis://::1", "redis://[::1", "redis://[::1]x", "redis://u:s3cret%zz@h",
            "redis://u:s3cret%4", "redis://u:s3cret%00@h", "redis://me@h", "redis://u:%ff@h",
            "unix://h", "unix:///a?x=1", "unix:///a?db=",
            "unix:///" + String(repeating: "a", count: 107),
        ])
    func refused(text: String) {
        #expect {
            try RedisAddress(parsing: text)
        } throws: { error in
            guard let error = error as? RedisLinkError else { return false }
            return error.kind == .invalid && !error.isRetriable && !"\(error)".contains("s3cret")
        }
    }

    @Test("No way of printing an address shows its password")
    func secret() throws {
        let address = try RedisAddress(parsing: "redis://me:s3cret@h")
        var dumped = ""
        dump([address], to: &dumped)
        for text in ["\(address)", String(reflecting: address), "\([address])", dumped] {
            #expect(!text.contains("s3cret"))
        }
    }
}
