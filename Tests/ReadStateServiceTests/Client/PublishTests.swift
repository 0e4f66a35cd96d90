import KafkaLog
import ReadStateClient
import ReadStateCore
import ReadStateWire
import TestSupport
import Testing

/// A record as it stands in the log.
private struct Stored: Hashable {
    var partition: Int32
    var key: [UInt8]
    var value: [UInt8]
}

/// Everything in a topic, read back; waits until `count` records are there.
private func records(
    _ broker: borrowing EmbeddedBroker, _ topic: String, _ partitions: Int32,
    count: Int
) throws -> [Stored] {
    let settings = KafkaSettings(
        bootstrapServers: broker.bootstrapServers, topic: topic,
        properties: [.init("fetch.wait.max.ms", "1")])
    var reader = try LogReader(settings)
    var found: [Stored] = []
    let logs = reader.watermarks(of: Array(0..<partitions), within: .seconds(20))
    let highs = try logs.map { try $0.get().high }
    #expect(highs.reduce(0, +) == Int64(count))
    for partition in 0..<partitions where highs[Int(partition)] > 0 {
        var queue = try reader.start(partition, at: 0)
        try waitUntil("the records of partition \(partition)") {
            _ = queue.consume(limit: 1000) { record in
                found.append(
                    Stored(
                        partition: partition, key: bytes(record.key), value: bytes(record.value)))
                return true
            }
            return queue.next == highs[Int(partition)]
        }
        reader.stop(partition)
    }
    return found
}

private func bytes(_ span: RawSpan?) -> [UInt8] {
    guard let span else { return [] }
    return unsafe span.withUnsafeBytes { unsafe Array($0) }
}

/// One event as protobuf, by way of the workers' decoder.
private func protobuf(_ line: String) -> [UInt8] {
    var decoder = EventDecoder()
    var (key, value): ([UInt8], [UInt8]) = ([], [])
    _ = unsafe decoder.publish(json: Array(line.utf8).span.bytes, key: &key, value: &value)
    return value
}

private func message(_ user: Int, _ id: Int) -> String {
    #"{"user_id":"\#(user)","channel_id":"9","message_sent":{"message_id":"\#(id)"}}"#
}

@Suite struct PublishTests {
    /// Every line arrives once, keyed by its user, in that user's murmur2 partition, in order;
    /// blank lines, CRLF and a last line without an end are fine; the summary adds up.
    @Test(arguments: ["protobuf", "json"]) func published(encoding: String) throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 4)
        let lines = (1...200).map { message($0 % 20 + 1, $0) }
        let input =
            "\n" + lines.prefix(100).joined(separator: "\r\n") + "\n  \n"
            + lines.dropFirst(100).joined(separator: "\n")
        let result = try ReadStatesProgram.run(
            [
                "publish", "--kafka", broker.bootstrapServers, "--topic", "t", "--encoding",
                encoding,
            ],
            input: input)
        #expect(result.succeeded, "\(result.errors)")
        let stored = try records(broker, "t", 4, count: 200)
        var expected: [Int32: [Stored]] = [:]
        for (index, line) in lines.enumerated() {
            let user = UserID(UInt64((index + 1) % 20 + 1))
            let partition = Partitioning.partition(of: user, count: 4).rawValue
            let value = encoding == "json" ? Array(line.utf8) : protobuf(line)
            expected[partition, default: []].append(
                Stored(partition: partition, key: Array("\(user.rawValue)".utf8), value: value))
        }
        #expect(Dictionary(grouping: stored, by: \.partition) == expected)
        var summary = ["published 200 events"]
        for (partition, part) in expected.sorted(by: { $0.key < $1.key }) {
            summary.append("partition \(partition): \(part.count), last offset \(part.count - 1)")
        }
        #expect(result.output == summary.joined(separator: "\n") + "\n")
    }

    /// A line that is no event stops the publishing there, with its number and the reason and exit
    /// code 1; what stands before it is delivered, nothing behind it is.
    @Test(arguments: [
        ("nonsense", "malformed_json"), (#"{"user_id":"1"}"#, "unknown_kind"),
        (#"{"user_id":"0","channel_id":"9","channel_left":{}}"#, "bad_id"),
        (String(repeating: "x", count: 17 << 20), "longer than 16 MiB"),
    ])
    func badLine(line: String, reason: String) throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        let folder = TemporaryDirectory()
        let text = message(1, 1) + "\n" + message(1, 2) + "\n" + line + "\n" + message(1, 3) + "\n"
        let file = try folder.write(text, to: "events")
        let result = try ReadStatesProgram.run(
            ["publish", file, "--kafka", broker.bootstrapServers, "--topic", "t"])
        #expect(result.ending == .exit(1))
        #expect(result.errors.contains("line 3: "))
        #expect(result.errors.contains(reason))
        #expect(result.output.hasPrefix("published 2 events\n"))
        #expect(try records(broker, "t", 1, count: 2).count == 2)
    }

    /// A record that the broker refuses is named by its line and fails the command.
    @Test func refused() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        broker.fail(apiKey: 0, with: Array(repeating: 29, count: 100))  // not authorised
        let result = try ReadStatesProgram.run(
            ["publish", "--kafka", broker.bootstrapServers, "--topic", "t"],
            input: message(1, 1) + "\n" + message(1, 2) + "\n")
        #expect(result.ending == .exit(1))
        #expect(result.errors.contains("line 1: not delivered"))
        #expect(result.output.hasPrefix("published 0 events\n"))
    }

    /// A property that librdkafka refuses is wrong configuration, told with its source; a file that
    /// is not there is a failure.
    @Test func misuse() throws {
        let folder = TemporaryDirectory()
        let file = try folder.write("\nkafka.linger.ms = soon\n", to: "settings")
        let wrong = try ReadStatesProgram.run(
            ["publish", "--kafka", "127.0.0.1:1", "--config", file], input: "")
        #expect(wrong.ending == .exit(2))
        #expect(wrong.errors.hasPrefix("readstates: \(file):2: kafka.linger.ms: "))
        let missing = try ReadStatesProgram.run(
            ["publish", folder.file("none"), "--kafka", "127.0.0.1:1"])
        #expect(missing.ending == .exit(1))
        #expect(missing.errors.contains("No such file"))
    }

    /// Nothing to publish is done at once, even where no broker is.
    @Test func nothing() throws {
        let result = try ReadStatesProgram.run(["publish", "--kafka", "127.0.0.1:1"], input: "\n")
        #expect(result.succeeded)
        #expect(result.output == "published 0 events\n")
    }
}
