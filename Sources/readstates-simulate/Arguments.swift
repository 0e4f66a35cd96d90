// What the command line may say.

import Simulator

/// The command line, read.
struct Arguments: Sendable {
    static let usage = """
        readstates-simulate --seeds N [--from SEED] [--threads N] [--seconds N] [--stop]
                            [--planted BUG]
        readstates-simulate --seed SEED [--trace | --shrink] [--planted BUG]
                            [--without FAULT,...] [--steps N] [--records N]

        --seeds N     run N seeds (0: until the time is over), from --from on (default 1)
        --stop        begin no further seed after a mismatch
        --seconds N   begin no further seed after N seconds
        --threads N   default: one per processor
        --seed SEED   run one seed
        --trace       print every step of it
        --shrink      look for fewer faults, records and steps with which it fails still
        --without     faults to be kept off
        --planted BUG with a bug put in on purpose (docs/simulation.md)
        """

    var seeds: UInt64?
    var from: UInt64 = 1
    var seconds: Int?
    var threads: Int?
    /// Ends with the first mismatch.
    var stops = false
    var wantsTrace = false
    var wantsShrinking = false
    var wantsHelp = false
    var options = RunOptions(seed: 1)

    struct Wrong: Error {
        let text: String
    }

    init(_ words: ArraySlice<String>) throws(Wrong) {
        var words = words
        while let word = words.popFirst() {
            switch word {
            case "--seeds": seeds = try Self.number(word, &words)
            case "--from": from = try Self.number(word, &words)
            case "--seed": options.seed = try Self.number(word, &words)
            case "--seconds": seconds = try Self.number(word, &words)
            case "--threads": threads = try Self.number(word, &words)
            case "--steps": options.steps = try Self.number(word, &words)
            case "--records": options.records = try Self.number(word, &words)
            case "--stop": stops = true
            case "--trace": wantsTrace = true
            case "--shrink": wantsShrinking = true
            case "--help", "-h": wantsHelp = true
            case "--planted": options.planted = try Self.bug(&words)
            case "--without": options.without = try Self.faults(&words)
            default: throw Wrong(text: "\(word): unknown")
            }
        }
        if let threads, threads < 1 { throw Wrong(text: "--threads: at least 1") }
    }

    private static func number<Number: FixedWidthInteger>(
        _ name: String, _ words: inout ArraySlice<String>
    ) throws(Wrong) -> Number {
        guard let word = words.popFirst(), let number = Number(word), number >= 0 else {
            throw Wrong(text: "\(name): a number is needed")
        }
        return number
    }

    private static func bug(_ words: inout ArraySlice<String>) throws(Wrong) -> PlantedBug {
        guard let word = words.popFirst(), let bug = PlantedBug(rawValue: word) else {
            let names = PlantedBug.allCases.map(\.rawValue).joined(separator: "\n  ")
            throw Wrong(text: "--planted: one of\n  \(names)")
        }
        return bug
    }

    private static func faults(_ words: inout ArraySlice<String>) throws(Wrong) -> Set<Fault> {
        var faults: Set<Fault> = []
        for name in words.popFirst()?.split(separator: ",") ?? [] {
            guard let fault = Fault(name: String(name)) else {
                let names = Fault.allCases.map { "\($0)" }.joined(separator: ", ")
                throw Wrong(text: "--without \(name): none of \(names)")
            }
            faults.insert(fault)
        }
        return faults
    }
}
