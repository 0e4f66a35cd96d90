// The pages of the HTTP port: what scrapers, probes and people are told.

import ReadStateCore
import ReadStateWire

/// Answers requests from what the worker's threads have published.
struct Pages: Sendable {
    private let status: WorkerStatus
    private let registry = MetricsRegistry()

    init(_ status: WorkerStatus) {
        self.status = status
        registry.register { [status] in addWorkerMetrics(status, to: &$0) }
    }

    func respond(to path: String) -> HttpResponse? {
        switch path {
        case "/metrics": return .metrics(registry.scrape())
        case "/livez":
            guard let stuck = status.stuckThread(now: SystemClock.now()) else {
                return .text("ok\n")
            }
            return .text("\(stuck) does not turn\n", status: 503)
        case "/readyz":
            guard let reason = status.unreadiness else { return .text("ok\n") }
            return .text(reason + "\n", status: 503)
        case "/status": return .json(statusPage())
        default: return nil
        }
    }

    private func statusPage() -> [UInt8] {
        let control = status.control
        var json = JSONObject()
        json.add("version", programVersion)
        json.add("phase", control.phase.rawValue)
        let unreadiness = status.unreadiness
        json.add("ready", unreadiness == nil)
        if let unreadiness { json.add("reason", unreadiness) }
        if let error = control.kafkaError { json.add("last_kafka_error", error) }
        json.add("partitions", status.partitions.map { page(of: $0, control) })
        return json.bytes
    }

    private func page(
        of partition: PartitionStatus, _ control: WorkerStatus.Control
    ) -> JSONObject {
        var json = JSONObject()
        json.add("partition", Int64(partition.id.rawValue))
        json.add("owned", partition.isAssigned)
        json.add("phase", partition.phase.word)
        json.add("consuming", partition.isConsuming)
        json.add("next", partition.next.rawValue)
        json.add("position", partition.position.rawValue)
        json.add("stored_position", partition.storedPosition.rawValue)
        if let end = partition.end { json.add("end", end.rawValue) }
        if let lag = partition.lag { json.add("lag", lag) }
        json.add("resident_users", Int64(partition.residentUsers))
        json.add("resident_states", Int64(partition.residentStates))
        json.add("cache_bytes", Int64(partition.cacheBytes))
        json.add("dirty_users", Int64(partition.dirtyUsers))
        json.add("parked_events", Int64(partition.parkedEvents))
        json.add("waiting_questions", Int64(partition.waitingQuestions))
        json.add("dead_letters", Int64(partition.counters.deadLetters))
        if let age = partition.lastCommitAge { json.add("last_commit_ms_ago", age) }
        if let gone = control.gone[partition.id] {
            json.add("gone_from", gone.from.rawValue)
            json.add("gone_to", gone.to.previous.rawValue)
        }
        return json
    }
}

extension PartitionEngine.Phase {
    /// The phase in one word.
    var word: String {
        switch self {
        case .unclaimed: "unclaimed"
        case .claiming: "claiming"
        case .claimed: "claimed"
        case .owned: "owned"
        case .refused(let refusal): refusal.rawValue
        }
    }
}

/// A JSON object being written.
struct JSONObject {
    private var text: [UInt8] = [UInt8(ascii: "{")]

    var bytes: [UInt8] { text + [UInt8(ascii: "}")] }

    mutating func add(_ name: String, _ value: String) {
        addName(name)
        appendJSONString(value, to: &text)
    }
    mutating func add(_ name: String, _ value: Int64) {
        addName(name)
        text += "\(value)".utf8
    }
    mutating func add(_ name: String, _ value: Bool) {
        addName(name)
        text += (value ? "true" : "false").utf8
    }
    mutating func add(_ name: String, _ values: [JSONObject]) {
        addName(name)
        text.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += value.bytes
        }
        text.append(UInt8(ascii: "]"))
    }

    private mutating func addName(_ name: String) {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        appendJSONString(name, to: &text)
        text.append(UInt8(ascii: ":"))
    }
}
