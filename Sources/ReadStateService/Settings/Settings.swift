// All settings of one run, from all their sources: a flag wins over the environment, that over a
// later file, that over an earlier file, that over the default. Whatever is given is checked, even
// where it is overridden or belongs to another command: a file is shared by all commands, and a
// mistake in it should not wait for the day on which it counts.
//
// Kafka properties are layered key by key. Secrets stay in here: `listing` shows that they are
// given, and no error message repeats the value of a secret.

import Glibc
package import KafkaLog
package import RedisLink

/// The settings of one run of one command.
package struct Settings: Sendable {
    /// One librdkafka property, and where it was given.
    package struct KafkaProperty: Hashable, Sendable {
        package var key: String
        package var value: String
        package var source: SettingSource
    }

    package let command: Command
    package let operands: [String]
    /// The last and winning mention of each key.
    package private(set) var kafkaProperties: [KafkaProperty] = []
    private var values: [String: (value: SettingValue, source: SettingSource)] = [:]
    private var problems: [String] = []

    /// Puts all sources together; throws every problem at once.
    package init(
        _ invocation: Invocation, environment: [String: String]
    ) throws(SettingsError) {
        command = invocation.command
        operands = invocation.operands
        readFiles(invocation, environment)
        readEnvironment(environment)
        for flag in invocation.flags { give(flag.name, flag.value, .flag) }
        // Wrong values are told before missing ones: the one may be the reason for the other.
        if problems.isEmpty { checkWhole() }
        if !problems.isEmpty { throw SettingsError(problems) }
    }

    // MARK: Reading

    private mutating func readFiles(_ invocation: Invocation, _ environment: [String: String]) {
        let given = invocation.flags.filter { $0.name == "config" }.map(\.value)
        let variable = environment[Setting.named("config")!.environmentName] ?? ""
        for path in given.isEmpty ? entries(variable) : given {
            guard let text = readFile(path) else {
                problems.append("--config: \(path): \(errorText(errno))")
                continue
            }
            let (lines, wrong) = parseProperties(text, path: path)
            problems += wrong
            for line in lines { give(line, path) }
        }
    }

    private mutating func give(_ line: PropertyLine, _ path: String) {
        let source = SettingSource.file(path, line: line.line)
        if line.key.hasPrefix("kafka."), line.key != "kafka." {
            giveProperty(String(line.key.dropFirst("kafka.".count)), line.value, source)
        } else if line.key == "config" {
            problems.append("\(source): config: a file cannot name further files")
        } else if Setting.named(line.key) != nil {
            give(line.key, line.value, source)
        } else {
            let known = Setting.all.map(\.name).filter { $0 != "config" }
            problems.append("\(source): " + unknownKey(line.key, known: known))
        }
    }

    private mutating func readEnvironment(_ environment: [String: String]) {
        let ours = environment.filter { $0.key.hasPrefix(Setting.environmentPrefix) }
        for (name, value) in ours.sorted(by: { $0.key < $1.key }) {
            if let setting = Setting.all.first(where: { $0.environmentName == name }) {
                let texts = setting.kind.isRepeatable ? entries(value) : [value]
                for text in texts { give(setting.name, text, .environment) }
            } else if !isServiceLink(name) {
                let known = Setting.all.map(\.environmentName)
                problems.append("environment: " + unknownKey(name, known: known))
            }
        }
    }

    /// Takes one value from one source; sources come in rising order, so the last one stays.
    private mutating func give(_ name: String, _ text: String, _ source: SettingSource) {
        let setting = Setting.named(name)!
        guard let value = setting.kind.parse(text) else {
            let shown = setting.isSecret ? "the value" : "\"\(text)\""
            let expected = setting.kind.expectation
            problems.append("\(place(setting, source)): \(shown) is not \(expected)")
            return
        }
        if case .properties = setting.kind {
            let equals = text.firstIndex(of: "=")!
            let key = trimmed(text[..<equals])
            giveProperty(key, trimmed(text[text.index(after: equals)...]), source)
        } else {
            values[name] = (value, source)
        }
    }

    private mutating func giveProperty(_ key: String, _ value: String, _ source: SettingSource) {
        // Two names for one thing would need a rule for which of them wins.
        if let name = [
            "bootstrap.servers": "kafka", "metadata.broker.list": "kafka",
            "group.id": "group",
        ][key] {
            problems.append("\(source): \(key): given by the setting `\(name)`")
        }
        kafkaProperties.removeAll { $0.key == key }
        kafkaProperties.append(KafkaProperty(key: key, value: value, source: source))
    }

    // MARK: Checking

    private mutating func checkWhole() {
        for setting in Setting.all where setting.requiredBy.contains(command) {
            if values[setting.name] != nil { continue }
            problems.append(
                "\(setting.flag) is missing: give it, \(setting.environmentName) in the "
                    + "environment, or \(setting.name) in a file")
        }
        if values["redis"] != nil {
            do throws(RedisLinkError) {
                _ = try makeRedisAddress()
            } catch {
                // Its message names no password.
                let setting = Setting.named("redis")!
                problems.append("\(place(setting, source(of: "redis"))): \(error.message)")
            }
        }
        if optionalText("dead-letter-topic") == text("topic") {
            problems.append("dead-letter-topic: must not be the topic of events itself")
        }
        if command == .worker, duration("revoke-budget") > duration("shutdown-budget") {
            problems.append(
                "revoke-budget: must not be more than shutdown-budget"
                    + " (\(written(duration("shutdown-budget")))), in which a shutdown's own"
                    + " revocation happens")
        }
        if command == .load, optionalCount("queries") != nil, values["redis"] == nil {
            problems.append("queries: needs redis too")
        }
    }

    private func makeRedisAddress() throws(RedisLinkError) -> RedisAddress {
        try RedisAddress(
            parsing: text("redis"), username: optionalText("redis-username"),
            password: optionalText("redis-password"))
    }

    /// Where a value was given, as an error message begins.
    private func place(_ setting: Setting, _ source: SettingSource) -> String {
        switch source {
        case .flag, .byDefault: setting.flag
        case .environment: "environment: \(setting.environmentName)"
        case .file: "\(source): \(setting.name)"
        }
    }

    // MARK: Values

    /// The value of a setting: given, or its default; nil where neither is.
    private func value(_ name: String) -> SettingValue? {
        if let given = values[name] { return given.value }
        guard let setting = Setting.named(name) else { preconditionFailure("no setting \(name)") }
        switch setting.byDefault {
        case .value(let text): return setting.kind.parse(text)!
        case .derived(_, let find): return find()
        case .absent: return nil
        }
    }

    package func optionalText(_ name: String) -> String? {
        guard case .text(let text)? = value(name) else { return nil }
        return text
    }

    /// A text that has a default or is required.
    package func text(_ name: String) -> String { optionalText(name)! }

    package func optionalCount(_ name: String) -> Int? {
        guard case .count(let count)? = value(name) else { return nil }
        return count
    }

    package func count(_ name: String) -> Int { optionalCount(name)! }

    package func decimal(_ name: String) -> Double {
        guard case .decimal(let number)? = value(name) else { preconditionFailure(name) }
        return number
    }

    package func bytes(_ name: String) -> Int {
        guard case .bytes(let bytes)? = value(name) else { preconditionFailure(name) }
        return bytes
    }

    package func optionalDuration(_ name: String) -> Duration? {
        guard case .duration(let duration)? = value(name) else { return nil }
        return duration
    }

    package func duration(_ name: String) -> Duration { optionalDuration(name)! }

    package func isOn(_ name: String) -> Bool { value(name) == .isOn(true) }

    /// Where to listen; nil: switched off.
    package func address(_ name: String) -> HostPort? {
        guard case .address(let address)? = value(name) else { preconditionFailure(name) }
        return address
    }

    /// Where Redis is; `redis` is given.
    package var redisAddress: RedisAddress {
        do throws(RedisLinkError) {
            return try makeRedisAddress()
        } catch {
            preconditionFailure("checked when the settings were read")
        }
    }

    /// The names of the keys in Redis.
    package var redisKeys: Keys {
        do throws(RedisLinkError) {
            return try Keys(namespace: text("namespace"))
        } catch {
            preconditionFailure("a namespace that was read follows the same rule")
        }
    }

    /// How to reach Kafka; `kafka` is given.
    package var kafkaSettings: KafkaSettings {
        KafkaSettings(
            bootstrapServers: text("kafka"), topic: text("topic"), group: text("group"),
            properties: kafkaProperties.map { .init($0.key, $0.value) })
    }

    /// A property that librdkafka refused, told like any other mistake.
    package func problem(withProperty key: String, _ reason: String) -> String {
        guard let property = kafkaProperties.first(where: { $0.key == key }) else {
            return "kafka.\(key): \(reason)"
        }
        let isFile = if case .file = property.source { true } else { false }
        return "\(property.source): \(isFile ? "kafka." : "")\(key): \(reason)"
    }

    package func source(of name: String) -> SettingSource { values[name]?.source ?? .byDefault }

    /// What was given for this command and where, in the order of the table; secrets are only
    /// said to be there.
    package var listing: [(name: String, shown: String, source: SettingSource)] {
        var listed: [(name: String, shown: String, source: SettingSource)] = []
        for setting in Setting.all where setting.commands.contains(command) {
            guard let (value, source) = values[setting.name] else { continue }
            listed.append((setting.name, setting.isSecret ? "(secret)" : shown(value), source))
        }
        let takesProperties = Setting.named("kafka-property")!.commands.contains(command)
        for property in takesProperties ? kafkaProperties : [] {
            listed.append(("kafka." + property.key, "(not shown)", property.source))
        }
        return listed
    }

    private func shown(_ value: SettingValue) -> String {
        switch value {
        case .text(let text): text
        case .count(let count): "\(count)"
        case .decimal(let number): "\(number)"
        case .bytes(let bytes): written(bytes: bytes)
        case .duration(let duration): written(duration)
        case .isOn(let isOn): "\(isOn)"
        case .address(let address): address?.description ?? "none"
        }
    }
}

/// The lines of a repeatable setting's environment variable.
private func entries(_ variable: String) -> [String] {
    variable.split(whereSeparator: \.isNewline).map { trimmed($0) }.filter { !$0.isEmpty }
}

/// Whether Kubernetes put this variable there: for a service named `readstates` or `readstates-…`
/// it gives every container READSTATES_PORT, READSTATES_SERVICE_HOST, READSTATES_PORT_9464_TCP and
/// so on. No setting has such a name.
func isServiceLink(_ name: String) -> Bool {
    if name.hasSuffix("_PORT") || name.hasSuffix("_SERVICE_HOST") { return true }
    let parts = name.split(separator: "_")
    for (word, follower) in zip(parts, parts.dropFirst()) {
        if word == "SERVICE", follower == "PORT" { return true }
        if word == "PORT", follower.allSatisfy(\.isNumber) { return true }
    }
    return false
}
