// What a run came to, in one line.

import ScenarioSupport

/// Counts of a run.
struct Summary {
    var faults: [Fault: Int] = [:]
    var checks = 0
    private(set) var compared = 0
    private(set) var wrong: [String] = []
    private var events = 0
    private var minutes = 0.0
    /// Lines of the workers' logs that tell that something was noticed, by their event.
    private var noticed: [String: Int] = [:]

    private static let notable = [
        "partitions_assigned": "rebalances", "partition_refused": "refusals",
        "partition_resumed": "caches-kept", "partition_claimed": "replays",
        "partition_let_go_dirty": "let-go-dirty",
    ]

    mutating func note(_ events: Int, _ duration: Duration) {
        self.events = events
        minutes = duration / Duration.seconds(60)
    }

    mutating func add(_ outcome: Comparison.Outcome, _ what: String) {
        compared += outcome.compared
        wrong += outcome.wrong.map { "\(what): \($0)" }
    }

    /// Takes in a worker's log.
    mutating func count(log: String) {
        for line in log.split(separator: "\n") {
            guard let match = line.firstMatch(of: #/event=(\w+)/#),
                let name = Self.notable[String(match.1)]
            else { continue }
            noticed[name, default: 0] += 1
        }
    }

    /// The one line.
    func line(failures: Int) -> String {
        let tenths = Int(minutes * 10)
        var words = ["minutes=\(tenths / 10).\(tenths % 10)"]
        words += Fault.allCases.map { "\($0.rawValue)=\(faults[$0] ?? 0)" }
        words += Self.notable.values.sorted().map { "\($0)=\(noticed[$0] ?? 0)" }
        words += [
            "events=\(events)", "checks=\(checks)", "states-compared=\(compared)",
            "wrong=\(wrong.count)", "failures=\(failures)",
        ]
        return words.joined(separator: " ")
    }
}
