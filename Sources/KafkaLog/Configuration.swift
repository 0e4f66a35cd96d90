// A configuration of librdkafka in the making: our defaults for the role, then the settings' own
// properties, so that an operator's word wins. Every refusal names its property.

internal import CRdkafka

/// Owns a configuration until an instance takes it over.
@safe struct Configuration: ~Copyable {
    /// Nil once an instance owns it.
    private(set) var conf: OpaquePointer?

    init(_ role: KafkaRole, _ settings: KafkaSettings, events: Int32) throws(KafkaLogError) {
        unsafe conf = rd_kafka_conf_new()
        unsafe rd_kafka_conf_set_events(conf, events)
        for entry in KafkaDefault.all where entry.roles.contains(role) {
            try set(.init(entry.key, entry.value), unknownIsFine: entry.optional)
        }
        try set(.init("bootstrap.servers", settings.bootstrapServers))
        try set(.init("client.id", settings.clientID))
        if role == .member { try set(.init("group.id", settings.group)) }
        for property in settings.properties {
            if let refusal = property.refusal {
                throw .setting(key: property.key, reason: refusal)
            }
            try set(property)
        }
    }

    deinit {
        if let conf = unsafe conf { unsafe rd_kafka_conf_destroy(conf) }
    }

    /// To be called when an instance has taken it over.
    mutating func release() { unsafe conf = nil }

    private func set(
        _ property: KafkaSettings.Property, unknownIsFine: Bool = false
    ) throws(KafkaLogError) {
        var text = [CChar](repeating: 0, count: 512)
        // librdkafka copies both strings and writes at most `count` bytes of text.
        let result = unsafe rd_kafka_conf_set(
            conf, property.key, property.value, &text, text.count)
        if result == RD_KAFKA_CONF_OK || (result == RD_KAFKA_CONF_UNKNOWN && unknownIsFine) {
            return
        }
        // librdkafka quotes the value in its text.
        let isKnown = result != RD_KAFKA_CONF_UNKNOWN
        let reason =
            property.isSecret && isKnown ? "librdkafka refuses this value" : text.upToZero
        throw .setting(key: property.key, reason: reason)
    }
}

extension [CChar] {
    /// The text before the terminator.
    var upToZero: String {
        String(decoding: prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
