// What the command line may say.

/// The command line, read.
struct Arguments {
    static let usage = """
        readstates-chaos [--minutes N] [--seed N] [--rate N] [--logs FOLDER]

        Kills, stops, delays and replaces what read states depend on, while events flow, and
        compares every read state with the fold of the log once a minute and at the end. Needs
        redis-server; with KAFKA_HOME set a real Kafka, otherwise the embedded broker.

        --minutes N   how long faults are made (default 1)
        --seed N      which faults and events (default: another one each time)
        --rate N      events per second (default 1500)
        --logs FOLDER where logs are kept after a failure (default: readstates-chaos-SEED under
                      the folder for temporary files)
        """

    struct Wrong: Error {
        let text: String
    }

    var minutes = 1.0
    var seed = UInt64.random(in: 1...999_999)
    var rate = 1_500
    var logs: String?

    init(_ words: ArraySlice<String>) throws(Wrong) {
        var words = words
        while let word = words.popFirst() {
            guard let value = words.popFirst() else {
                throw Wrong(text: "\(word): a value is needed")
            }
            switch word {
            case "--minutes": minutes = try Self.number(word, Double(value), in: 0.1...10_000)
            case "--seed": seed = try Self.number(word, UInt64(value), in: 0...UInt64.max)
            case "--rate": rate = try Self.number(word, Int(value), in: 1...100_000)
            case "--logs": logs = value
            default: throw Wrong(text: "\(word): unknown")
            }
        }
    }

    private static func number<Number>(
        _ name: String, _ number: Number?, in range: ClosedRange<Number>
    ) throws(Wrong) -> Number {
        guard let number, range.contains(number) else {
            throw Wrong(text: "\(name): a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
