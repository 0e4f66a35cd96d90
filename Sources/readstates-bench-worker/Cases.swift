import Glibc

/// The cases: name, whether it runs unless others are named, what it does.
private let cases: [(name: String, isMain: Bool, run: @Sendable (Bench) throws -> Void)] =
    [
        ("resident", true, measureResident), ("partitions", true, measurePartitions),
        ("json", true, measureJSON), ("tenth", true, measureTenth),
        ("idle", true, measureIdle), ("start", true, measureStart),
        ("visibility", true, measureVisibility), ("queries", true, measureQueries),
        ("handover", false, measureHandOver), ("flush", false, measureFlush),
    ]

/// Runs the cases that the words name.
func runBench(_ words: [String]) throws {
    var settings = BenchSettings()
    let own = words.prefix { !$0.hasPrefix("--") }
    settings.arguments = Array(words.dropFirst(own.count))
    for word in own {
        let parts = word.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else {
            settings.cases.append(word)
            continue
        }
        guard let number = Int(parts[1]), number > 0 else { throw BenchFailure("what is \(word)?") }
        switch parts[0] {
        case "events": settings.events = number
        case "users": settings.users = number
        case "channels": settings.channels = number
        case "rate": settings.rate = number
        case "rounds": settings.rounds = number
        default: throw BenchFailure("what is \(word)?")
        }
    }
    for name in settings.cases where !cases.contains(where: { $0.name == name }) {
        throw BenchFailure("no case \(name); there are \(cases.map(\.name))")
    }
    let bench = try Bench(settings)
    say(bench.isRealKafka ? "Apache Kafka, Redis, \(cores()) cores" : "\(cores()) cores")
    for one in cases
    where settings.cases.isEmpty ? one.isMain : settings.cases.contains(one.name) {
        say("\n\(one.name)")
        try one.run(bench)
    }
}

private func cores() -> Int { Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
