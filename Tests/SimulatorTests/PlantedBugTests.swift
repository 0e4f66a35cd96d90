// The simulator against itself: each bug that is put in on purpose must be found. A checker that
// finds none of them would be worth nothing.

import Simulator
import Testing

@Suite struct PlantedBugTests {
    /// The hardest to find takes some 30 seeds now; as the simulator changes, this changes too.
    private static let limit: UInt64 = 1_000

    @Test("Every planted bug is found", arguments: PlantedBug.allCases)
    func isFound(_ bug: PlantedBug) {
        // 26 steps deep: the model check is its witness (docs/model).
        if bug == .loadInTwoSteps { return }
        for seed in 1...Self.limit {
            var options = RunOptions(seed: seed)
            options.planted = bug
            if Simulation.failure(of: options) != nil { return }
        }
        Issue.record("\(bug.rawValue) is not found within \(Self.limit) seeds")
    }

    @Test("A failing run can be made smaller, and fails still")
    func shrinks() {
        var options = RunOptions(seed: 1)
        options.planted = .noFence
        while Simulation.failure(of: options) == nil { options.seed += 1 }
        let small = Simulation.shrink(options)
        #expect(Simulation.failure(of: small.options) == small.failure)
        #expect(!small.options.without.isEmpty)
    }
}
