import TestSupport
import Testing

@testable import RedisLink

/// The blocking convenience: answers, errors and deadlines.
struct BlockingRedisTests {
    @Test("A call gives its reply, and throws an error reply")
    func calls() throws {
        let server = try RedisServer()
        var redis = try BlockingRedis(RedisAddress(.unix(path: server.socketPath)))
        let stored = try redis.call("SET", "k", "v").text
        let read = try redis.call("GET", "k").text
        #expect(stored == "OK" && read == "v")
        var kind: RedisLinkError.Kind?
        do throws(RedisLinkError) { _ = try redis.call("LPUSH", "k", "x") } catch {
            kind = error.kind
        }
        #expect(kind == .wrongType)
        let again = try redis.call("GET", "k").text
        #expect(again == "v")
    }

    @Test("A call to a silent server ends at its deadline, and the next one starts afresh")
    func deadline() throws {
        let server = try RedisServer()
        var redis = try BlockingRedis(RedisAddress(.unix(path: server.socketPath)))
        server.pause()
        var kind: RedisLinkError.Kind?
        do throws(RedisLinkError) {
            _ = try redis.call(timeoutMilliseconds: 100) { $0.command("INCR", "n") }
        } catch { kind = error.kind }
        #expect(kind == .timedOut)
        server.resume()
        let read = try redis.call(timeoutMilliseconds: 60_000) { $0.command("ECHO", "x") }.text
        #expect(read == "x", "the late reply of the first call is not taken for its own")
    }

    @Test("A call may wait longer than the others, for what blocks")
    func longCall() throws {
        let server = try RedisServer()
        var redis = try BlockingRedis(
            RedisAddress(.unix(path: server.socketPath)), timeoutMilliseconds: 1_000)
        let nothing = try redis.call(timeoutMilliseconds: 60_000) {
            $0.command("BLPOP", "none", "0.01")
        }.isNull
        #expect(nothing)
    }

    @Test("No server: the reason is thrown at once")
    func refused() throws {
        var error: RedisLinkError?
        do throws(RedisLinkError) {
            _ = try BlockingRedis(RedisAddress(.tcp(host: "127.0.0.1", port: 1)))
        } catch let reason {
            error = reason
        }
        #expect(error?.kind == .unreachable)
    }

    @Test("The time in which a name is looked up is not taken from the call")
    func slowLookup() throws {
        let server = try RedisServer()
        let clock = ContinuousClock()
        let begin = clock.now
        var redis = try BlockingRedis(
            RedisAddress(.unix(path: server.socketPath)), timeoutMilliseconds: 1_000
        ) { endpoint throws(RedisLinkError) in
            while clock.now < begin + .milliseconds(1_100) {}
            return try SocketAddress.all(of: endpoint)
        }
        let pong = try redis.call("PING").text
        #expect(pong == "PONG")
    }
}
