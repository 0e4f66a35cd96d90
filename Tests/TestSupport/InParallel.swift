// Work that mostly waits, done on several threads at once. The threads are its own: those of
// Swift's pool must not be kept waiting.

import Foundation
import Synchronization

/// Does `work` with each number below `count` at the same time, and gives what came of each.
package func inParallel<Value: Sendable>(
    _ count: Int, _ work: @escaping @Sendable (Int) -> Value
) -> [Value] {
    let results = Mutex<[Int: Value]>([:])
    let done = DispatchSemaphore(value: 0)
    return withExtendedLifetime(results) {
        for number in 0..<count {
            let thread = Thread {
                let value = work(number)
                results.withLock { $0[number] = value }
                done.signal()
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
        for _ in 0..<count { done.wait() }
        return results.withLock { results in (0..<count).map { results[$0]! } }
    }
}
