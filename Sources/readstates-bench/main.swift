// Benchmarks: `readstates-bench` runs the ones of a minute or two, `readstates-bench NAME...` those
// named. `--trace FILE` is a log of events in their JSON form for `cache-hits`, a line each, packed
// by gzip or zstd or not. `--alone` leaves the baselines out, `--rounds N` repeats more or less
// often than three times, `--millions N` is how many million single events are timed (100).

var named = Array(CommandLine.arguments.dropFirst())
let trace = take("--trace", from: &named) ?? "Tests/Data/irc-300k.jsonl.gz"
if let text = take("--rounds", from: &named) { unsafe Rounds.count = max(1, Int(text) ?? 3) }
let timedEvents = max(1, take("--millions", from: &named).flatMap { Int($0) } ?? 100) * 1_000_000
if let flag = named.firstIndex(of: "--alone") {
    unsafe Rounds.withBaselines = false
    named.remove(at: flag)
}

/// Takes an option and its value off the command line, if both are there.
func take(_ option: String, from words: inout [String]) -> String? {
    guard let place = words.firstIndex(of: option), place + 1 < words.count else { return nil }
    words.remove(at: place)
    return words.remove(at: place)
}

let everything: [(name: String, run: () -> Void)] = [
    ("cache", { measureThroughput([.small, .middle]) }),
    ("cache-small", { measureThroughput([.small]) }),
    ("cache-middle", { measureThroughput([.middle]) }),
    ("cache-tiny", { measureThroughput([.tiny]) }),
    ("cache-evicting", { measureThroughput([.evicting]) }),
    ("cache-small-evicting", { measureThroughput([.smallEvicting]) }),
    ("cache-large", { measureThroughput([.large]) }),
    ("cache-instructions", { measureInstructions(.small) }),
    ("cache-instructions-evicting", { measureInstructions(.smallEvicting) }),
    ("cache-memory", { measureMemory(users: 400_000) }),
    ("cache-windows", { measureWindows(users: 20_000) }),
    ("cache-capacity", { measureCapacity() }),
    ("cache-latency", { measureLatency(.middle, events: timedEvents) }),
    ("cache-latency-evicting", { measureLatency(.evicting, events: timedEvents) }),
    ("cache-growth", { measureGrowth(users: 4_000_000) }),
    ("cache-days", { measureDays(6) }),
    ("cache-100m", { measureScale() }),
    ("cache-hits", { measureHitRatios(trace: trace) }),
]
let unknown = named.filter { name in !everything.contains { $0.name == name } }
if !unknown.isEmpty {
    print("unknown:", unknown.joined(separator: ", "), "- there are:")
    for benchmark in everything { print("  \(benchmark.name)") }
} else {
    let short = [
        "cache", "cache-memory", "cache-windows", "cache-capacity", "cache-growth", "cache-hits",
    ]
    for benchmark in everything {
        if named.isEmpty ? short.contains(benchmark.name) : named.contains(benchmark.name) {
            benchmark.run()
        }
    }
}
