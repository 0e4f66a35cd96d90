// Looks for a smaller run that fails as well: without some of the faults, with fewer records, with
// fewer steps. A smaller run draws other numbers, so it is tried, not derived.

extension Simulation {
    /// The smallest failing run that was found, and its failure.
    package static func shrink(_ options: RunOptions) -> (options: RunOptions, failure: String) {
        var best = options
        guard var failure = failure(of: options) else { return (options, "does not fail") }
        func accept(_ candidate: RunOptions) -> Bool {
            guard let text = Self.failure(of: candidate) else { return false }
            best = candidate
            failure = text
            return true
        }
        for fault in Fault.allCases {
            var candidate = best
            candidate.without.insert(fault)
            _ = accept(candidate)
        }
        let plan = Simulation(best).plan
        var records = plan.records
        while records > 4 {
            var candidate = best
            candidate.records = records * 2 / 3
            guard accept(candidate) else { break }
            records = records * 2 / 3
        }
        var steps = plan.steps
        while steps > 10 {
            var candidate = best
            candidate.steps = steps * 3 / 4
            guard accept(candidate) else { break }
            steps = steps * 3 / 4
        }
        return (best, failure)
    }

    /// Why a run fails, if it does.
    package static func failure(of options: RunOptions) -> String? {
        let simulation = Simulation(options)
        simulation.run()
        return simulation.failure
    }
}
