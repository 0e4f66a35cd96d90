// The simulator against the engine: fixed seeds, so that a change that breaks something fails the
// same way for everybody, and new ones, so that every run of the tests looks somewhere else.

import Glibc
import Simulator
import Testing

/// How long new seeds are run, in seconds; `READSTATES_SIMULATE_SECONDS` says otherwise.
private func secondsForNewSeeds() -> Int {
    guard let text = getenv("READSTATES_SIMULATE_SECONDS") else { return 100 }
    return Int(String(cString: text)) ?? 100
}

@Suite struct SimulationTests {
    @Test("Fixed seeds run without a mismatch, and every fault strikes in them")
    func fixedSeeds() {
        var tally = Tally()
        for seed: UInt64 in 1...120 {
            let simulation = Simulation(RunOptions(seed: seed))
            simulation.run()
            tally.add(simulation.tally)
            #expect(simulation.failure == nil, "readstates-simulate --seed \(seed)")
        }
        for fault in Fault.allCases { #expect(tally.count(of: fault) > 0, "\(fault)") }
        #expect(tally.claimsKept > 0 && tally.claimsFresh > 0 && tally.evictions > 0)
        #expect(tally.loads > 0 && tally.answers > 0 && tally.commits > 0)
    }

    @Test("New seeds run without a mismatch")
    func newSeeds() {
        let deadline = time(nil) + secondsForNewSeeds()
        var seed = Random.mix(UInt64(time(nil))) >> 1
        print("simulating new seeds: readstates-simulate --seeds 0 --from \(seed)")
        var tally = Tally()
        while time(nil) < deadline {
            let simulation = Simulation(RunOptions(seed: seed))
            simulation.run()
            tally.add(simulation.tally)
            let command = "readstates-simulate --seed \(seed)"
            #expect(simulation.failure == nil, "\(command)")
            if simulation.failure != nil { break }
            seed += 1
        }
        print(tally.line)
    }

    @Test("A seed is a run, to the last step")
    func reproducible() {
        for seed: UInt64 in 1...10 {
            var traces: [[String]] = []
            for _ in 0..<2 {
                let lines = Lines()
                var options = RunOptions(seed: seed)
                options.trace = { lines.append($0) }
                let simulation = Simulation(options)
                simulation.run()
                traces.append(lines.all + [simulation.tally.line])
            }
            #expect(traces[0] == traces[1], "seed \(seed)")
        }
    }
}
