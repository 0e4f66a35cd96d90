// The cases that read a topic to its end: everything resident, a tenth resident, many partitions,
// JSON. The bare reader and the worker take turns, and the medians of all rounds are told.

import TestSupport

/// Bare reader and worker in turn; prints both, gives their medians.
private func compare(
    _ bench: Bench, _ topic: Topic, rounds: Int? = nil, part: Double = 1,
    _ arguments: [String] = []
) throws -> (bare: Reading, worker: Reading, states: Int) {
    var bare: [Reading] = []
    var worker: [Reading] = []
    var states = 0
    for _ in 0..<(rounds ?? bench.settings.rounds) {
        bare.append(try bench.readBare(topic))
        let reading = try bench.readByWorker(topic, part: part, arguments) { running in
            // Published once a second.
            states = try waitFor("published counts") {
                let metrics = try running.program.metrics()
                let applied =
                    metrics.sum("readstates_events_applied_total")
                    + metrics.sum("readstates_events_unchanged_total")
                return Int(applied) >= running.events
                    ? Int(metrics.sum("readstates_resident_states")) : nil
            }
        }
        worker.append(reading)
        show("bare", bare.last!)
        show("worker", reading)
    }
    return (middle(bare), middle(worker), states)
}

private func show(_ name: String, _ reading: Reading) {
    say(
        "  \(name.column(8, left: true)) \(text(reading.rate / 1e6).column(6)) M events/s  "
            + "\(text(reading.cpuOfEvent, 3)) us of CPU an event, "
            + "\(text(reading.wholeCPUOfEvent, 3)) with all commits, "
            + "\(reading.memory / 1024) MB")
}

/// Each figure the median of its kind.
private func middle(_ readings: [Reading]) -> Reading {
    let events = readings[0].events
    return Reading(
        events: events, seconds: median(readings.map(\.seconds)), cpu: median(readings.map(\.cpu)),
        wholeCPU: median(readings.map(\.wholeCPU)),
        memory: Int(median(readings.map { Double($0.memory) })))
}

private func tell(_ bare: Reading, _ worker: Reading) {
    show("bare", bare)
    show("worker", worker)
    say(
        "  medians: \(text(worker.rate / bare.rate)) of bare's rate, "
            + "\(text(worker.cpuOfEvent / bare.cpuOfEvent)) times its CPU, "
            + "\(text(worker.wholeCPUOfEvent / bare.cpuOfEvent)) times with all commits")
}

/// Everything resident, and what it takes of memory.
func measureResident(_ bench: Bench) throws {
    let topic = try bench.topic(partitions: 2)
    let (bare, worker, states) = try compare(bench, topic)
    tell(bare, worker)
    say(
        "  memory: \(states) states resident, \(worker.memory / 1024) MB of the process, "
            + "\((worker.memory - bare.memory) / 1024) MB more than bare")
}

/// Two partitions beside 256.
func measurePartitions(_ bench: Bench) throws {
    let many: Int32 = bench.isRealKafka ? 256 : 16
    let few = try compare(bench, bench.topic(partitions: 2))
    let lots = try compare(bench, bench.topic(partitions: many))
    tell(few.bare, few.worker)
    tell(lots.bare, lots.worker)
    say(
        "  from 2 to \(many) partitions: CPU of an event times "
            + "\(text(lots.worker.cpuOfEvent / few.worker.cpuOfEvent)), bare times "
            + "\(text(lots.bare.cpuOfEvent / few.bare.cpuOfEvent))")
}

/// JSON beside protobuf.
func measureJSON(_ bench: Bench) throws {
    var third = bench.traffic()
    third.events /= 3
    let protobuf = try compare(bench, bench.topic(partitions: 2, of: third))
    let json = try compare(
        bench, bench.topic(partitions: 2, encoding: "json", of: third))
    tell(protobuf.bare, protobuf.worker)
    tell(json.bare, json.worker)
    let more = json.worker.cpuOfEvent - protobuf.worker.cpuOfEvent
    let bare = json.bare.cpuOfEvent - protobuf.bare.cpuOfEvent
    say(
        "  JSON: \(text(more, 3)) us more CPU an event than protobuf, \(text(bare, 3)) of it in "
            + "the bare reader")
}

/// A cache of a tenth of the users: most events miss, load and evict. Once with Redis as a worker
/// wants it and once without the append-only file, which the worker takes for unsafe unless it is
/// told not to.
func measureTenth(_ bench: Bench) throws {
    let topic = try bench.topic(partitions: 2)
    let capacity = topic.traffic.users * topic.traffic.channels / 10
    for appends in [true, false] {
        say("  Redis \(appends ? "with its" : "without an") append-only file")
        try bench.redis.cli("CONFIG", "SET", "appendonly", appends ? "yes" : "no")
        let (bare, worker, _) = try compare(
            bench, topic, part: 0.4,
            ["--cache-states", "\(capacity)"] + (appends ? [] : ["--allow-unsafe-redis"]))
        tell(bare, worker)
    }
    try bench.redis.cli("CONFIG", "SET", "appendonly", "yes")
}
