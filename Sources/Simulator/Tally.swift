// What was run and what was found, to be added up over runs and threads.

/// Counts over any number of runs.
package struct Tally: Sendable {
    package var runs = 0
    package var steps = 0
    package var events = 0
    package var commits = 0
    package var loads = 0
    package var answers = 0
    package var claimsKept = 0
    package var claimsFresh = 0
    package var evictions = 0
    package var mismatches = 0
    package private(set) var faults = [Int](repeating: 0, count: Fault.allCases.count)

    package init() {}

    /// How often a fault struck.
    package func count(of fault: Fault) -> Int { faults[fault.rawValue] }

    mutating func count(_ fault: Fault) { faults[fault.rawValue] += 1 }

    package mutating func add(_ other: Tally) {
        runs += other.runs
        steps += other.steps
        events += other.events
        commits += other.commits
        loads += other.loads
        answers += other.answers
        claimsKept += other.claimsKept
        claimsFresh += other.claimsFresh
        evictions += other.evictions
        mismatches += other.mismatches
        for index in faults.indices { faults[index] += other.faults[index] }
    }

    /// One line for people.
    package var line: String {
        let struck = Fault.allCases.map { "\($0)=\(faults[$0.rawValue])" }.joined(separator: " ")
        return "runs=\(runs) steps=\(steps) events=\(events) commits=\(commits) loads=\(loads) "
            + "answers=\(answers) claims-kept=\(claimsKept) claims-fresh=\(claimsFresh) "
            + "evictions=\(evictions) faults: \(struck) mismatches=\(mismatches)"
    }
}
