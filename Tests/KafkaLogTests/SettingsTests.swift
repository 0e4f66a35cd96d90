import KafkaLog
import Testing

@Suite struct SettingsTests {
    private func settings(_ key: String, _ value: String) -> KafkaSettings {
        KafkaSettings(
            bootstrapServers: "127.0.0.1:1", topic: "events", group: "group",
            properties: [.init(key, value)])
    }

    private func refusal(_ settings: KafkaSettings) -> KafkaLogError? {
        do throws(KafkaLogError) {
            let consumer = try Consumer(settings)
            _ = consumer.close(within: .seconds(10))
            return nil
        } catch {
            return error
        }
    }

    /// No way to print settings or one of their properties shows a secret, and all show the rest.
    @Test(arguments: [
        "sasl.password", "sasl.username", "ssl.key.password", "ssl.key.pem",
        "ssl.keystore.password",
        "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config", "sasl.jaas.config",
    ])
    func secretsAreNeverPrinted(key: String) {
        var settings = settings(key, "hunter2")
        settings.properties.append(.init("socket.timeout.ms", "12345"))
        var dumped = ""
        dump(settings, to: &dumped)
        dump(settings.properties, to: &dumped)
        let texts = [
            "\(settings)", String(reflecting: settings), "\(settings.properties)",
            String(reflecting: settings.properties),
            "\(Mirror(reflecting: settings).children.map(\.value))", dumped,
        ]
        for text in texts {
            #expect(!text.contains("hunter2"), "\(text)")
            #expect(text.contains("socket.timeout.ms=12345"), "\(text)")
        }
    }

    /// A value that may be a secret is not quoted when librdkafka refuses it, be it at once (a
    /// method that there is not) or when the handle is made (a key that is none).
    @Test(arguments: ["sasl.oauthbearer.method", "ssl.key.pem"])
    func aRefusedSecretIsNotQuoted(key: String) throws {
        var settings = settings(key, "hunter2")
        settings.properties.append(.init("security.protocol", "ssl"))
        let error = try #require(refusal(settings) as KafkaLogError?)
        #expect(!"\(error)".contains("hunter2"), "\(error)")
    }

    /// What would move an offset behind our back, or contradict a setting of our own, is refused by
    /// name before anything connects.
    @Test(arguments: [
        ("enable.auto.commit", "true"), ("auto.commit.enable", "true"),
        ("enable.auto.offset.store", "true"), ("auto.offset.reset", "earliest"),
        ("offset.store.method", "file"), ("log.queue", "false"), ("group.protocol", "consumer"),
        ("partitioner", "consistent_random"), ("bootstrap.servers", "other:1"),
        ("metadata.broker.list", "other:1"), ("group.id", "other"),
    ])
    func propertiesThatBreakThePromisesAreRefused(key: String, value: String) {
        guard case .setting(let named, _)? = refusal(settings(key, value)) else {
            Issue.record("\(key)=\(value) was taken")
            return
        }
        #expect(named == key)
    }

    /// A property that librdkafka does not know, or a value it does not take, is an error that
    /// names the property.
    @Test(arguments: [("socket.timeout.msec", "1"), ("socket.timeout.ms", "soon")])
    func whatLibrdkafkaRefusesIsNamed(key: String, value: String) {
        guard case .setting(let named, let reason)? = refusal(settings(key, value)) else {
            Issue.record("\(key)=\(value) was taken")
            return
        }
        #expect(named == key)
        #expect(reason.contains(key), "\(reason)")
    }

    /// Properties that contradict each other are refused when the handle is made.
    @Test func propertiesThatDoNotFitTogetherAreRefused() {
        // librdkafka wants max.poll.interval.ms to be no less than session.timeout.ms.
        guard case .setting? = refusal(settings("max.poll.interval.ms", "1000")) else {
            Issue.record("a poll interval below the session's time was taken")
            return
        }
    }

    /// An operator's property wins over our default, and so does a later one over an earlier one:
    /// a bad value of ours or of an earlier one would otherwise be in force.
    @Test func aLaterPropertyWins() {
        var settings = settings("session.timeout.ms", "100000")
        #expect(refusal(settings) != nil, "longer than our max.poll.interval.ms")
        settings.properties.append(.init("max.poll.interval.ms", "200000"))
        #expect(refusal(settings) == nil)
        settings.properties.append(.init("session.timeout.ms", "300000"))
        #expect(refusal(settings) != nil)
    }

    /// What is required anyway may be said, and the partitioner's other spelling too.
    @Test(arguments: [
        ("enable.auto.commit", "false"), ("auto.offset.reset", "error"), ("partitioner", "murmur2"),
    ])
    func redundantPropertiesAreTaken(key: String, value: String) {
        #expect(refusal(settings(key, value)) == nil)
    }

    /// Each default has a reason and at least one role, and no role has a property twice.
    @Test func everyDefaultHasItsReason() {
        for role in KafkaRole.allCases {
            let keys = KafkaDefault.all.filter { $0.roles.contains(role) }.map(\.key)
            #expect(Set(keys).count == keys.count, "\(role): \(keys)")
        }
        for entry in KafkaDefault.all {
            #expect(!entry.reason.isEmpty && !entry.roles.isEmpty, "\(entry.key)")
        }
    }
}
