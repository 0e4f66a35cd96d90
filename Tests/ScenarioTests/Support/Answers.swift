// What every scenario ends with: all that workers answer, and all that they have stored, is the
// fold of what was published.

import ReadStateCore
import RedisLink
import ScenarioSupport
import TestSupport
import Testing

extension Scenario {
    /// Asks workers for all states of all users, once their partitions have applied what was
    /// published, and expects what the fold says. Returns how many answers were not exact.
    @discardableResult
    func expectAnswers(
        within limit: Duration = ordinaryDeadline,
        judge: @escaping Comparison.Judge = Comparison.isEqual,
        at location: SourceLocation = #_sourceLocation
    ) throws -> Int {
        let outcome = try comparison().answers(fold, ends: ends, within: limit, judge: judge)
        expectNothingWrong(outcome, at: location)
        return outcome.inexact
    }

    /// Reads all users' hashes and expects what the fold says: nothing is missing in the store.
    func expectStored(at location: SourceLocation = #_sourceLocation) throws {
        let outcome = try comparison().stored(fold, judge: Comparison.isEqual)
        expectNothingWrong(outcome, at: location)
    }

    private func expectNothingWrong(_ outcome: Comparison.Outcome, at location: SourceLocation) {
        let wrong = outcome.wrong
        #expect(outcome.compared > 0, sourceLocation: location)
        #expect(
            wrong.isEmpty, "\(wrong.count) differ: \(wrong.prefix(5))", sourceLocation: location)
    }

    /// The position that is stored for each partition.
    func storedPositions() throws -> [Int32: Int64] {
        var client = try BlockingRedis(address())
        var positions: [Int32: Int64] = [:]
        for partition in 0..<partitions {
            let key = keys.partition(partition).position
            if let text = try client.call("HGET", key, "offset").copy().text {
                positions[partition] = Int64(text)
            }
        }
        return positions
    }
}
