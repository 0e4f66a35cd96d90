// A hundred million read states in one process, beside eight million in the same run, in ordinary
// pages and in huge ones.

import ReadStateCore

extension Shape {
    static let hundredMillion = Shape(
        name: "100 M states", users: 10_125_000, events: 8 << 20)
}

func measureScale() {
    print("scale: ns/event fastest piece and mean, bytes a state, states")
    for shape in [Shape.middle, .hundredMillion] {
        for isHuge in [false, true] {
            let outcome = measure(shape) {
                isHuge ? CacheRunner(inHugePagesFor: shape) : CacheRunner()
            }
            print(
                "  " + "\(shape.name), \(isHuge ? "huge" : "ordinary") pages".padding(34),
                rounded(outcome.fastest).leading(8), rounded(outcome.nanoseconds).leading(8),
                rounded(outcome.bytesPerState).leading(8), "\(outcome.states)".leading(12))
        }
    }
}
