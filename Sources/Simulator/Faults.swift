// What can go wrong in a run, and how often. Every seed draws its own weights ("swarm"): most
// faults are off in most seeds, so that those that are on meet each other often enough.

/// A kind of fault; each is counted when it strikes.
package enum Fault: Int, CaseIterable, Sendable {
    /// Records are delivered again, in a batch of their own or inside one.
    case redelivery
    /// A record that cannot be read: it goes to the dead-letter topic.
    case deadLetter
    /// A record was produced twice, at two offsets.
    case producedTwice
    /// The dead-letter topic refuses a record for a while.
    case deadLetterFailed
    /// All partitions are taken from all workers and dealt anew.
    case rebalanceEager
    /// One partition moves, or leaves and comes back.
    case rebalanceCooperative
    /// A worker loses its partitions without being asked.
    case sessionExpired
    /// A worker stands still.
    case pause
    /// A worker dies, between any two of its effects.
    case crash
    /// A connection for commits breaks: replies are lost, requests perhaps carried out, perhaps
    /// late.
    case cutCommits
    /// A connection for loads breaks.
    case cutLoads
    /// Redis forgets its scripts.
    case noScript
    /// Redis restarts: every connection breaks, scripts are forgotten.
    case restart
    /// Redis loses its newest writes.
    case rollback
    /// A commit ends with an error, perhaps after some of its users.
    case outOfMemory
    /// A popped request never arrives at the worker.
    case requestLost
    /// The log's start moves past what a partition still needs.
    case logStartMoved
    /// Time jumps ahead.
    case clockJump

    package init?(name: String) {
        guard let fault = Fault.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = fault
    }
}

/// How often each fault strikes, per mille of the steps (or of the records, or of the deliveries).
struct FaultWeights {
    private var perMille = [Int](repeating: 0, count: Fault.allCases.count)

    /// Off, rare or frequent for each fault; `without` are off in any case.
    init(_ random: inout Random, without: Set<Fault>) {
        let density = random.one(of: [150, 400, 700])
        for fault in Fault.allCases {
            let isOn = random.chance(Self.isRare(fault) ? density / 4 : density)
            let weight = random.one(of: Self.choices(fault))
            if isOn && !without.contains(fault) { perMille[fault.rawValue] = weight }
        }
    }

    subscript(fault: Fault) -> Int { perMille[fault.rawValue] }

    /// Ends what makes no sense in most runs.
    private static func isRare(_ fault: Fault) -> Bool { fault == .logStartMoved }

    private static func choices(_ fault: Fault) -> [Int] {
        switch fault {
        case .redelivery, .deadLetter, .producedTwice, .requestLost, .outOfMemory:
            return [20, 80, 250]
        case .deadLetterFailed: return [50, 300]
        case .logStartMoved: return [1, 4]
        case .restart, .noScript, .clockJump: return [2, 8, 20]
        case .rollback: return [3, 10, 30]
        case .rebalanceEager, .rebalanceCooperative, .sessionExpired, .pause, .crash, .cutCommits,
            .cutLoads:
            return [3, 12, 40]
        }
    }
}
