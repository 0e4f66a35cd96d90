import KafkaLog
import ReadStateClient
import ReadStateCore
import ReadStateWire
import TestSupport
import Testing

@Suite struct LoadTests {
    private func shape(seed: UInt64 = 1, users: Int = 100, skew: Double = 1) -> LoadShape {
        LoadShape(
            users: users, channels: 7, readRatio: 0.3, mentionRatio: 0.1, skew: skew, seed: seed)
    }

    private func events(_ shape: LoadShape, _ count: Int) -> [EventFields] {
        var traffic = LoadTraffic(shape)
        return (0..<count).map { _ in traffic.next() }
    }

    /// The same seed makes the same events; another one others, with ids that all come later.
    @Test func seeds() {
        let first = events(shape(), 2000)
        #expect(events(shape(), 2000) == first)
        let later = events(shape(seed: 2), 2000)
        #expect(later.map(\.user) != first.map(\.user))
        #expect(later.map(\.message).min()! > first.map(\.message).max()!)
        let last = events(shape(seed: LoadShape.seedLimit), 10)
        #expect(last.allSatisfy { $0.message <= largestID })
    }

    /// Users and channels keep to their numbers, ids grow, and the ratios are met.
    @Test func shapes() {
        let all = events(shape(), 50_000)
        #expect(Set(all.map(\.channel)) == Set(1...7))
        #expect(all.map(\.user).min() == 1 && all.map(\.user).max() == 100)
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.message < $1.message })
        let reads = all.count { $0.kind == .messageRead }
        let sent = all.count { $0.kind == .messageSent }
        let mentions = all.count { $0.mention == 1 }
        #expect(reads + sent == all.count)
        #expect(abs(reads - 15_000) < 500)
        #expect(abs(mentions - sent / 10) < 300)
    }

    /// Users come with frequencies proportional to rank^-skew: compared with the exact ones for
    /// exponents on both sides of 1, on it, and at 0.
    @Test(arguments: [0, 0.5, 1, 1.5, 3]) func skew(exponent: Double) {
        let count = 200_000
        let all = events(shape(users: 50, skew: exponent), count)
        var found = [Int](repeating: 0, count: 51)
        for event in all { found[Int(event.user)] += 1 }
        let weights = (1...50).map { power(Double($0), exponent) }
        let sum = weights.reduce(0, +)
        for rank in 1...50 {
            let expected = weights[rank - 1] / sum * Double(count)
            // Five standard deviations: one run in 35,000 of a fair draw; and the seed is fixed.
            #expect(
                abs(Double(found[rank]) - expected) < 5 * expected.squareRoot() + 1, "rank \(rank)")
        }
    }

    /// rank^-exponent for multiples of one half.
    private func power(_ rank: Double, _ exponent: Double) -> Double {
        var result = 1.0
        for _ in 0..<Int(exponent * 2) { result /= rank.squareRoot() }
        return result
    }

    /// Events without lists are valid: a worker's decoder takes every one, in both encodings.
    @Test func valid() throws {
        var decoder = EventDecoder()
        var batch = EventBatch(capacity: 400)
        for event in events(shape(), 200) {
            for isJSON in [true, false] {
                var value: [UInt8] = []
                if isJSON {
                    EventEncoder.json(event, entries: [], into: &value)
                } else {
                    EventEncoder.protobuf(event, entries: [], into: &value)
                }
                let key = Array("\(event.user)".utf8)
                let outcome = unsafe decoder.decode(
                    value: value.span.bytes, key: key.span.bytes, offset: .zero, into: &batch)
                #expect(outcome == .event)
            }
        }
    }

    /// The command sends as many events as it is told to, all delivered, and asks queries beside
    /// them whose latencies it tells.
    @Test func command() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 2)
        let redis = try RedisServer()
        let responder = try Responder(redis, ["readstates:requests"]) { query in
            guard case .get(_, let channel) = query.question else { return [] }
            return [reply(to: query, .state(summary(channel.rawValue)))]
        }
        defer { responder.stop() }
        let result = try ReadStatesProgram.run([
            "load", "--kafka", broker.bootstrapServers, "--topic", "t", "--redis", redis.url,
            "--count", "1000", "--rate", "2000", "--queries", "50", "--encoding", "json",
        ])
        #expect(result.succeeded, "\(result.errors)")
        #expect(result.output.hasPrefix("published 1000 events\n"))
        let answered = #/queries: [1-9]\d* answered, p50 \d+\.\d\d ms, p99 \d+\.\d\d ms/#
        #expect(result.output.firstMatch(of: answered) != nil, "\(result.output)")
        #expect(!responder.seen.isEmpty)
    }

    /// SIGINT ends an endless load early, with a summary of what was delivered.
    @Test func interrupted() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("t", partitions: 1)
        let load = try ReadStatesProgram([
            "load", "--kafka", broker.bootstrapServers, "--topic", "t", "--rate", "100",
            "--duration", "10m",
        ])
        _ = try load.process.waitForLine("progress") { $0.contains("events sent") }
        load.process.send(signal: 2)
        #expect(try load.process.wait() == .exit(0))
        #expect(load.process.output.hasPrefix("published "))
        #expect(!load.process.output.hasPrefix("published 0 "))
    }
}
