// Scenarios wait for other processes most of their time, and block their threads meanwhile.
// Swift's own pool has a thread per core only: two scenarios would keep every other test, and the
// report of what has passed, waiting for minutes. So scenarios run on a few threads of their own.

import Foundation
import Synchronization
import Testing

/// Runs a suite's tests on threads that may block.
struct OwnThreads: SuiteTrait, TestTrait, TestScoping {
    /// More would only make all of them slower: each scenario runs several servers.
    private static let threads = BlockingThreads(count: 4)

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Self.threads) { try await function() }
    }
}

extension Trait where Self == OwnThreads {
    static var ownThreads: OwnThreads { OwnThreads() }
}

/// A fixed number of threads that run one job after the other.
private final class BlockingThreads: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    private let wake = DispatchSemaphore(value: 0)

    init(count: Int) {
        for number in 0..<count {
            let thread = Thread { [self] in serve() }
            thread.name = "scenario-\(number)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        wake.signal()
    }

    private func serve() {
        while true {
            wake.wait()
            let job = jobs.withLock { $0.removeFirst() }
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
