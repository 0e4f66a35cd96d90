// The harness itself: what scenarios rely on must be true of it.

import Foundation
import TestSupport
import Testing

@Suite struct HarnessTests {
    /// A wait that fails says what it waited for and what it saw last.
    @Test func aFailedWaitTellsWhatItSaw() throws {
        let failure = #expect(throws: DeadlinePassed.self) {
            try waitUntil("rain", within: .milliseconds(20), seen: "sun") { false }
        }
        let text = try #require(failure).description
        #expect(text.contains("rain") && text.contains("sun"))
    }

    /// A child's output, errors and exit code arrive as it wrote them, and so does its input there.
    @Test func aChildIsSeenWhole() throws {
        let result = try ChildProcess.run(
            ["sh", "-c", "cat; echo \"$GREETING\" >&2; exit 7"],
            environment: ["GREETING": "hello"], input: "in\n")
        #expect(result.ending == .exit(7))
        #expect(result.output == "in\n")
        #expect(result.errors == "hello\n")
    }

    /// Signals reach a child: a stopped one does nothing until it is continued, a killed one is
    /// gone.
    @Test func signalsReachAChild() throws {
        let child = try ChildProcess(["tail", "-f", "/dev/null"])
        child.pause()
        try waitUntil("a stopped child") { try processState(child.identifier) == "T" }
        child.resume()
        try waitUntil("a running child") { try processState(child.identifier) != "T" }
        child.kill()
        #expect(child.ending == .signal(SIGKILL))
    }

    /// A child dies with its owner's last reference, without a word from the owner.
    @Test func aForgottenChildIsKilled() throws {
        var child: ChildProcess? = try ChildProcess(["tail", "-f", "/dev/null"])
        let identifier = try #require(child).identifier
        child = nil
        #expect(kill(identifier, 0) == -1)
    }

    /// A child does not outlive a parent that was killed: here a shell stands for the test process.
    @Test func aChildDiesWithAKilledParent() throws {
        let parent = try ChildProcess([
            "sh", "-c", "setpriv --pdeathsig KILL -- tail -f /dev/null & echo $!; wait",
        ])
        let line = try parent.waitForLine("the child's id") { Int32($0) != nil }
        let child = try #require(Int32(line))
        // Before it is that, it may not have asked for the signal yet.
        try waitUntil("the program itself") {
            try String(contentsOfFile: "/proc/\(child)/comm", encoding: .utf8) == "tail\n"
        }
        parent.kill()
        try waitUntil("the child's end") { (try? processState(child)).map { $0 == "Z" } ?? true }
    }

    /// Redis keeps what it had written to its log over a kill -9, and has other data than its twin.
    @Test func redisKeepsItsDataOverAKill() throws {
        let redis = try RedisServer { $0.appendOnly = .always }
        let other = try RedisServer { $0.appendOnly = .off }
        try redis.cli("HSET", "h", "field", "a value")
        try redis.restart()
        #expect(try redis.hash("h") == ["field": "a value"])
        #expect(try redis.keys() == ["h"])
        #expect(try other.keys() == [])
        #expect(try redis.cli("CONFIG", "GET", "maxmemory-policy").hasSuffix("noeviction"))
    }

    /// Redis with a password answers those who have it, and users of its ACL are what they say.
    @Test func redisTakesPasswordsAndUsers() throws {
        let redis = try RedisServer {
            $0.password = "sesame"
            $0.users = ["worker on >secret ~* &* +@all"]
        }
        #expect(try redis.cli("PING") == "PONG")
        #expect(try redis.cli("AUTH", "worker", "secret").hasSuffix("OK"))
        #expect(try redis.cli("ACL", "USERS").split(separator: "\n").contains("worker"))
    }

    /// A broker answers, has the topic it was told to make, and keeps it over a kill -9.
    @Test(.enabled(if: KafkaServer.isAvailable))
    func kafkaKeepsItsTopicsOverAKill() throws {
        let kafka = try KafkaServer()
        try kafka.createTopic("harness", partitions: 3)
        kafka.kill()
        try kafka.start()
        let list = try kafka.run(
            tool: "kafka-topics.sh", ["--bootstrap-server", kafka.bootstrap, "--list"])
        #expect(list.output.split(separator: "\n").contains("harness"))
        try kafka.stop()
    }

    /// Samples are found by full name and summed over labels.
    @Test func metricsAreRead() {
        let metrics = Metrics("# HELP a b\na{p=\"1\"} 2\na{p=\"2\"} 3\nab 7\n")
        #expect(metrics["a{p=\"1\"}"] == 2)
        #expect(metrics.sum("a") == 5)
        #expect(metrics.sum("none") == 0)
    }

    private func processState(_ identifier: Int32) throws -> String {
        let stat = try String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)
        let end = try #require(stat.lastIndex(of: ")"))
        return String(stat[stat.index(end, offsetBy: 2)...].prefix(1))
    }
}
