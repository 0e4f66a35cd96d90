// The simulator against itself: each bug that is put in on purpose must be found. A checker that
// finds none of them would be worth nothing.

import Simulator
import Testing

@Suite struct PlantedBugTests {
    /// From which seed on each bug is looked for: shortly before one that finds it, so that the
    /// test is quick. As the simulator changes seeds change their meaning; hence the search.
    private static let from: [PlantedBug: UInt64] = [
        .loadUnchecked: 50, .sameTokenAgain: 435, .unansweredClaimTrusted: 274,
    ]
    private static let limit: UInt64 = 2_000

    @Test("Every planted bug is found", arguments: PlantedBug.allCases)
    func isFound(_ bug: PlantedBug) {
        // 26 steps deep: the model check is its witness (docs/model).
        if bug == .loadInTwoSteps { return }
        let first = Self.from[bug] ?? 1
        for seed in first..<(first + Self.limit) {
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
