// `readstates-bench-worker`: the worker process beside a bare reader of the same topic. Words are
// names of cases, or `events=6000000 users=400000 channels=4 rounds=3 rate=150000`; from the first
// word that begins with `--` on they are arguments of every worker (`--kafka-property KEY=VALUE`).

import Glibc

let words = Array(CommandLine.arguments.dropFirst())
do {
    switch words.first {
    case "bare": runBare(Array(words.dropFirst()))
    case "answer": try runAnswerer(Array(words.dropFirst()))
    default: try runBench(words)
    }
} catch {
    say("\(error)")
    exit(1)
}
