import ReadStateCore
let arguments = CommandLine.arguments
let shape = arguments.contains("S") ? Shape(name: "S", users: 101_000, events: 4 << 20) : arguments.contains("T") ? Shape(name: "T", users: 20_000, events: 1 << 18) : arguments.contains("X") ? Shape(name: "X", users: 3_240_000, capacity: 8_000_000, events: 8 << 20) : Shape(name: "M", users: 810_000, events: 8 << 20)
func show(_ name: String, _ o: Outcome) { print(shape.name, name, "best", rounded(o.fastest), "mean", rounded(o.mean), "bytes/state", rounded(o.bytesPerState, 2), "states", o.states, "alloc/event", o.allocationsPerEvent) }
if arguments.contains("dict") { show("dictionary", measure(shape, DictionaryPeer())) }
if arguments.contains("table") { show("table", measure(shape, PlainTablePeer(users: shape.users))) }
if arguments.contains("plain") { show("no look-ahead", measure(shape, CacheRunner(window: 32, looksAhead: false))) }
if arguments.contains("cache") { show("cache", measure(shape, CacheRunner(window: 32)) { print("charged", $0.cache.chargedBytes / $0.cache.stateCount, $0.misses, $0.evictions) }) }
