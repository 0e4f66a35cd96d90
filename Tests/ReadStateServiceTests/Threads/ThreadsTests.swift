import Glibc
import ReadStateService
import Synchronization
import Testing

@Suite struct ThreadsTests {
    /// A thread runs its body once with state that is not Sendable, and join waits for its end.
    @Test func joinWaitsForTheBody() throws {
        final class Counter { var value = 0 }
        let box = ResultBox()
        let counter = Counter()
        let thread = try OSThread(name: "a-name-longer-than-fits") {
            for _ in 0..<1000 { counter.value += 1 }
            box.value.withLock { $0 = counter.value }
        }
        thread.join()
        #expect(box.value.withLock { $0 } == 1000)
    }

    /// Everything that four threads post arrives, in each one's order, at a loop that only wakes up
    /// when its descriptor says so: no wake-up is lost.
    @Test func mailboxLosesNothing() throws {
        let mailbox = try Mailbox<Int>()
        let perSender = 20_000
        for sender in 0..<4 {
            // Not joined: that everything arrived tells that they have ended.
            _ = try OSThread(name: "sender") {
                for index in 0..<perSender { mailbox.post(sender * perSender + index) }
            }
        }
        var epoll = try Epoll()
        try epoll.add(mailbox.fileDescriptor, token: 7)
        var ready: [Readiness] = []
        var taken: [Int] = []
        var next = [0, 0, 0, 0]
        let deadline = SystemClock.now().advanced(byMilliseconds: 30_000)
        while next.reduce(0, +) < 4 * perSender, SystemClock.now() < deadline {
            epoll.wait(into: &ready, timeoutMilliseconds: 5000)
            guard ready.first?.token == 7 else { continue }
            mailbox.drain(into: &taken)
            for item in taken {
                #expect(item % perSender == next[item / perSender])
                next[item / perSender] += 1
            }
        }
        #expect(next == [perSender, perSender, perSender, perSender])
        mailbox.drain(into: &taken)
        #expect(taken.isEmpty)
    }

    /// Epoll reports each descriptor by its token, level-triggered, with the interest it was given,
    /// and a closed peer as a hang-up.
    @Test func epollReportsTokens() throws {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        var epoll = try Epoll()
        var ready: [Readiness] = []
        try epoll.add(ends[0], token: .max)
        epoll.wait(into: &ready, timeoutMilliseconds: 0)
        #expect(ready.isEmpty)
        try epoll.modify(ends[0], token: .max, [.read, .write])
        epoll.wait(into: &ready, timeoutMilliseconds: 0)
        #expect(ready.map(\.writable) == [true])
        #expect(ready.map(\.readable) == [false])
        try epoll.modify(ends[0], token: 3, .read)
        #expect(write(ends[1], "x", 1) == 1)
        for _ in 0..<2 {  // not read, so reported again
            epoll.wait(into: &ready, timeoutMilliseconds: 1000)
            #expect(ready.map(\.token) == [3])
            #expect(ready.map(\.readable) == [true])
            #expect(ready.map(\.hangup) == [false])
        }
        close(ends[1])
        epoll.wait(into: &ready, timeoutMilliseconds: 1000)
        #expect(ready.map(\.hangup) == [true])
        epoll.remove(ends[0])
        epoll.wait(into: &ready, timeoutMilliseconds: 0)
        #expect(ready.isEmpty)
        do throws(SystemCallError) {
            try epoll.modify(ends[0], token: 1, .read)
            Issue.record("a descriptor that was removed cannot be modified")
        } catch {
            #expect(error.code == ENOENT)
            #expect(error.description == "epoll modify: No such file or directory")
        }
    }

    /// A signal that is waited for is read instead of ending the process, and tells its name;
    /// without one the wait ends by itself. (In a thread of its own: the mask must not reach other
    /// tests.)
    @Test func signals() throws {
        let box = SignalBox()
        let thread = try OSThread(name: "signals") {
            guard let waiter = try? SignalWaiter() else { return }
            var found = [waiter.take(), waiter.wait(timeoutMilliseconds: 1)]
            pthread_kill(pthread_self(), SIGTERM)
            found.append(waiter.wait(timeoutMilliseconds: 10_000))
            pthread_kill(pthread_self(), SIGINT)
            found.append(waiter.take())
            box.signals.withLock { $0 = found }
        }
        thread.join()
        #expect(box.signals.withLock { $0 } == [nil, nil, .terminate, .interrupt])
    }
}

/// A place for a result that a thread leaves behind.
private final class ResultBox: Sendable {
    let value = Mutex(0)
}

private final class SignalBox: Sendable {
    let signals = Mutex<[SignalWaiter.Signal?]>([])
}
