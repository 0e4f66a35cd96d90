import Testing

@testable import RedisLink

/// The names in Redis are those of the contract.
struct KeysTests {
    @Test("Every key has the name that the contract gives it")
    func names() throws {
        let keys = try Keys(namespace: "rs")
        #expect(keys.meta == "rs:meta")
        #expect(keys.requests == "rs:requests")
        #expect(keys.replyPrefix == "rs:reply:")
        let first = keys.partition(12)
        #expect(first.position == "{rs:12}:position")
        #expect(first.requests == "{rs:12}:requests")
        #expect(first.user(7) == "{rs:12}:user:7")
        let third = keys.partition(0, generation: 3)
        #expect(third.user(.max) == "{rs:0}:g3:user:18446744073709551615")
        #expect(third.position == "{rs:0}:position")
    }

    @Test("A user's key is written into a command as it is spelled")
    func written() throws {
        let keys = try Keys(namespace: "rs").partition(3, generation: 2)
        for id: UInt64 in [0, 9, 10, 99, 100, 1 << 63, .max - 1, .max] {
            var writer = RespWriter()
            writer.command(arguments: 1)
            writer.argument(keys.userPrefix, id)
            let name = keys.user(id)
            #expect(
                writer.buffer.bytes.text == "*1\r\n$\(name.utf8.count)\r\n\(name)\r\n")
        }
    }

    /// A namespace has nothing that could end a hash tag or a name.
    @Test(
        arguments: [
            "", "a b", "a:b", "{a}", "a}", "ä", "a\n", String(repeating: "a", count: 65),
        ])
    func refused(namespace: String) {
        #expect(throws: RedisLinkError.self) { try Keys(namespace: namespace) }
    }
}
