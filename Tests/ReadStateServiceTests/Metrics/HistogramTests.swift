import ReadStateService
import Testing

@Suite struct HistogramTests {
    /// Quantiles are those of the sorted values, at most 1/32 too high and never too low, for
    /// values of all magnitudes.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func quantiles(seed: UInt64) {
        var state = seed
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 20
        }
        var histogram = Histogram()
        var values: [UInt64] = []
        for _ in 0..<1 + Int(next() % 3000) {
            let value = next() >> (4 + next() % 40)
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        #expect(histogram.count == UInt64(values.count))
        #expect(histogram.sum == values.reduce(0, +))
        #expect(histogram.maximum == values.last)
        for fraction in [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1] {
            let rank = max(1, Int((fraction * Double(values.count)).rounded(.up)))
            let exact = values[rank - 1]
            let found = histogram.quantile(fraction)
            #expect(
                found >= exact && found <= exact + exact / 32, "\(fraction): \(exact), \(found)")
        }
        for exponent in [5, 14, 20, 33, 40] {
            let below = values.count { $0 < 1 << UInt64(exponent) }
            #expect(histogram.count(belowPowerOfTwo: exponent) == UInt64(below))
        }
    }

    /// Two merged halves are the same as the whole; an emptied one is a fresh one.
    @Test func merging() {
        var whole = Histogram()
        var halves = [Histogram(), Histogram()]
        for value in 0..<10_000 as Range<UInt64> {
            whole.record(value * value)
            halves[Int(value % 2)].record(value * value)
        }
        halves[0].merge(halves[1])
        for fraction in [0.1, 0.5, 0.99] {
            #expect(halves[0].quantile(fraction) == whole.quantile(fraction))
        }
        #expect(halves[0].sum == whole.sum && halves[0].maximum == whole.maximum)
        whole.removeAll()
        #expect(whole.count == 0 && whole.quantile(0.5) == 0 && whole.mean == 0)
    }

    /// Values beyond the last bucket are counted in it; nothing is lost and nothing traps.
    @Test func enormousValues() {
        var histogram = Histogram()
        histogram.record(.max)
        histogram.record(1 << 40)
        histogram.record(0)
        #expect(histogram.count == 3)
        #expect(histogram.maximum == .max)
        #expect(histogram.quantile(0) == 0)
        #expect(histogram.quantile(1) == 1 << 40 - 1)
        #expect(histogram.count(belowPowerOfTwo: 40) == 3)
    }
}
