// What Kafka is to be reached with: a few settings of our own and any property of librdkafka. The
// properties reach librdkafka last, so an operator's word wins over our defaults
// (`KafkaDefaults.swift`), except where it would break what the service promises: those are refused
// by name. Values that may be secrets are never printed, by this type or by an error.

/// Where the log is and how to reach it. Prints without its secrets.
package struct KafkaSettings: Sendable {
    /// One property of librdkafka, by its name there.
    package struct Property: Hashable, Sendable {
        package var key: String
        package var value: String
        package init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// `host:port`, comma-separated.
    package var bootstrapServers: String
    package var topic: String
    /// The consumer group; only `Consumer` uses it.
    package var group: String
    package var clientID: String
    /// Passed through in this order, so that a later one wins over an earlier one and over a
    /// default.
    package var properties: [Property]

    package init(
        bootstrapServers: String, topic: String, group: String = "",
        clientID: String = "readstates", properties: [Property] = []
    ) {
        self.bootstrapServers = bootstrapServers
        self.topic = topic
        self.group = group
        self.clientID = clientID
        self.properties = properties
    }
}

extension KafkaSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Everything but the values that may be secrets.
    package var description: String {
        var words = ["bootstrap.servers=\(bootstrapServers)", "topic=\(topic)"]
        if !group.isEmpty { words.append("group.id=\(group)") }
        words.append("client.id=\(clientID)")
        words += properties.map(\.description)
        return words.joined(separator: " ")
    }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["settings": description]) }
}

extension KafkaSettings.Property:
    CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    /// Whether the value may be a secret: any key of a family that holds passwords, private keys,
    /// tokens or credentials, in versions of librdkafka that are yet to come too.
    package var isSecret: Bool {
        let families = [
            "password", "passphrase", "secret", "token", "credential", "private", "jaas",
            "ssl.key", "oauthbearer", "sasl.username", "kinit",
        ]
        return families.contains { key.contains($0) }
    }
    package var description: String { "\(key)=\(isSecret ? "[redacted]" : value)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["property": description]) }
}

extension KafkaSettings.Property {
    /// Why this property cannot be passed through, nil if it can. What is refused would let
    /// librdkafka move an offset on its own, leave the queues and threads this module relies on, or
    /// contradict a setting of our own.
    var refusal: String? {
        switch key {
        case "enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store":
            return value == "false"
                ? nil : "positions are kept in Redis; nothing may commit or store them on its own"
        case "auto.offset.reset":
            return value == "error"
                ? nil : "a position outside the log is an error, never a silent reset"
        case "offset.store.method":
            return value == "broker" ? nil : "offsets are not stored in files"
        case "log.queue":
            return value == "true" ? nil : "log lines are taken from the queue"
        case "group.protocol":
            return value == "classic" ? nil : "partitions are shared out by the classic protocol"
        case "partitioner":
            return value == "murmur2_random" || value == "murmur2"
                ? nil : "an event's partition is murmur2 of its key"
        case "bootstrap.servers", "metadata.broker.list":
            return "the brokers have a setting of their own"
        case "group.id": return "the group has a setting of its own"
        case "test.mock.num.brokers": return "an embedded broker is started by its own command"
        default: return nil
        }
    }
}
