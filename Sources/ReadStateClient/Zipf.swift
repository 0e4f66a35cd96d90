// Ranks 1 to n with probabilities proportional to rank^-s, without a table of n entries: rejection
// from the integral of x^-s (Hörmann and Derflinger, "Rejection-inversion to generate variates from
// monotone discrete distributions", 1996). About 1.1 tries per number.

import Glibc

/// A Zipf distribution.
struct Zipf: Sendable {
    private let count: Double
    private let exponent: Double
    private let low: Double
    private let high: Double
    /// Below this distance from the rank no test is needed.
    private let sure: Double

    /// Ranks 1 to `count`; exponent 0 is evenly.
    init(count: Int, exponent: Double) {
        precondition(count > 0 && exponent >= 0)
        self.count = Double(count)
        self.exponent = exponent
        low = Self.integral(1.5, exponent) - 1
        high = Self.integral(Double(count) + 0.5, exponent)
        sure = 2 - Self.inverse(Self.integral(2.5, exponent) - pow(2, -exponent), exponent)
    }

    func next(_ random: inout SplitMix) -> Int {
        while true {
            let area = high + random.fraction() * (low - high)
            let point = Self.inverse(area, exponent)
            let rank = min(max(point.rounded(), 1), count)
            if rank - point <= sure { return Int(rank) }
            if area >= Self.integral(rank + 0.5, exponent) - pow(rank, -exponent) {
                return Int(rank)
            }
        }
    }

    /// The integral of x^-s from 1.
    private static func integral(_ x: Double, _ exponent: Double) -> Double {
        let power = (1 - exponent) * log(x)
        // (x^(1-s) - 1) / (1 - s), which is ln x where s is 1.
        return abs(power) > 1e-8 ? expm1(power) / (1 - exponent) : log(x)
    }

    private static func inverse(_ area: Double, _ exponent: Double) -> Double {
        let scaled = area * (1 - exponent)
        return abs(scaled) > 1e-8 ? exp(log1p(max(scaled, -1)) / (1 - exponent)) : exp(area)
    }
}
