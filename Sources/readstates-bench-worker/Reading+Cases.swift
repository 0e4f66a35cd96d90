// The cases that read a topic to its end: everything resident, a tenth resident, many partitions,
// JSON. The bare reader and the worker take turns, and the medians of all rounds are told. The bare
// reader runs twice, as it is and with the worker's allocator, which more than halves what it
// takes: the second is the floor under a worker.

import TestSupport

/// The medians of all rounds.
private struct Medians {
    var bare: Reading
    var bareWithJemalloc: Reading
    var worker: Reading
    /// States of the worker of the last round.
    var states: Int

    func tell() {
        show("bare", bare)
        show("bare, jemalloc", bareWithJemalloc)
        show("worker", worker)
        compare(to: "bare", bare)
        compare(to: "bare with jemalloc", bareWithJemalloc)
    }

    private func compare(to name: String, _ floor: Reading) {
        say(
            "  medians: \(text(worker.rate / floor.rate)) of the rate of \(name), "
                + "\(text(worker.cpuOfEvent / floor.cpuOfEvent)) times its CPU, "
                + "\(text(worker.wholeCPUOfEvent / floor.cpuOfEvent)) times with all commits")
    }
}

/// Bare readers and worker in turn; prints all, gives their medians.
private func compare(
    _ bench: Bench, _ topic: Topic, part: Double = 1, _ arguments: [String] = []
) throws -> Medians {
    var bare: [Reading] = []
    var bareWithJemalloc: [Reading] = []
    var worker: [Reading] = []
    var states = 0
    for _ in 0..<bench.settings.rounds {
        bare.append(try bench.readBare(topic))
        bareWithJemalloc.append(try bench.readBare(topic, withWorkersAllocator: true))
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
        show("bare, jemalloc", bareWithJemalloc.last!)
        show("worker", reading)
    }
    return Medians(
        bare: middle(bare), bareWithJemalloc: middle(bareWithJemalloc), worker: middle(worker),
        states: states)
}

private func show(_ name: String, _ reading: Reading) {
    say(
        "  \(name.column(14, left: true)) \(text(reading.rate / 1e6).column(6)) M events/s  "
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

/// Everything resident, and what it takes of memory.
func measureResident(_ bench: Bench) throws {
    let topic = try bench.topic(partitions: 2)
    let medians = try compare(bench, topic)
    medians.tell()
    let memory = medians.worker.memory
    say(
        "  memory: \(medians.states) states resident, \(memory / 1024) MB of the process, "
            + "\((memory - medians.bare.memory) / 1024) MB more than bare")
}

/// Two partitions beside 256.
func measurePartitions(_ bench: Bench) throws {
    let many: Int32 = bench.isRealKafka ? 256 : 16
    let few = try compare(bench, bench.topic(partitions: 2))
    let lots = try compare(bench, bench.topic(partitions: many))
    few.tell()
    lots.tell()
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
    protobuf.tell()
    json.tell()
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
        try compare(
            bench, topic, part: 0.4,
            ["--cache-states", "\(capacity)"] + (appends ? [] : ["--allow-unsafe-redis"])
        ).tell()
    }
    try bench.redis.cli("CONFIG", "SET", "appendonly", "yes")
}
