import TestSupport
import Testing

@testable import RedisLink

/// The parts without a socket: the byte queue, owed replies, waiting times, numbers.
struct BuffersTests {
    @Test("A byte queue gives out what went in, in order, however appends and takes mix")
    func queue() {
        for seed: UInt64 in 1...50 {
            var random = SeededNumbers(seed: seed)
            var queue = ByteBuffer(capacity: 1)
            var model: [UInt8] = []
            for step in 0..<400 {
                switch random.next() % 4 {
                case 0:
                    let bytes = (0..<Int(random.next() % 40)).map { UInt8(truncatingIfNeeded: $0) }
                    queue.append(bytes.span.bytes)
                    model += bytes
                case 1:
                    let number = random.next() >> (random.next() % 64)
                    queue.append(decimal: number)
                    model += Array(String(number).utf8)
                case 2:
                    let count = Int(random.next() % UInt64(model.count + 1))
                    queue.removeFirst(count)
                    model.removeFirst(count)
                default:
                    queue.append(UInt8(step % 256))
                    model.append(UInt8(step % 256))
                }
                let held = queue.bytes.array
                #expect(held == model, "seed \(seed), step \(step)")
            }
        }
    }

    /// Numbers are written as Swift spells them and read back.
    @Test(
        arguments: [
            0, 1, 9, 10, 12_345, UInt64(Int64.max), UInt64.max,
        ])
    func numbers(number: UInt64) {
        var buffer = ByteBuffer()
        buffer.append(decimal: number)
        #expect(buffer.bytes.text == String(number))
        #expect(buffer.bytes.decimal == number)
        #expect(ByteBuffer.digitCount(number) == String(number).utf8.count)
        var hexadecimal = ByteBuffer()
        hexadecimal.append(hexadecimal: number)
        #expect(hexadecimal.count == 16)
        #expect(hexadecimal.bytes.hexadecimal == number)
    }

    /// What is not a number as we write it is none.
    @Test(
        arguments: [
            "", "-1", "+1", " 1", "1 ", "01", "00", "1a", "18446744073709551616",
            "99999999999999999999",
        ])
    func noNumbers(text: String) {
        let bytes = Array(text.utf8)
        #expect(bytes.span.bytes.decimal == nil)
    }

    @Test("Each request gets one reply, and a transaction that of EXEC or its first error")
    func owed() {
        var owed = OwedReplies()
        #expect(owed.take(isError: false) == .unexpected)
        owed.appendPlain()
        owed.appendPlain()
        owed.appendTransaction(replies: 4)
        owed.appendTransaction(replies: 3)
        owed.appendPlain()
        #expect(owed.requests == 5)
        let fates = [
            false, true, false, false, false, true, false, true, true, false, false,
        ].map { owed.take(isError: $0) }
        #expect(
            fates == [
                .answer, .answer, .skip, .skip, .skip, .answer, .skip, .answer, .skip,
                .answer, .unexpected,
            ])
        #expect(owed.requests == 0)
    }

    @Test("Waiting times double from the floor to the ceiling, each in its upper half")
    func backoff() {
        for seed: UInt64 in 0..<20 {
            var backoff = Backoff(floor: 50, ceiling: 5_000, seed: seed)
            for full: Int64 in [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
                let wait = backoff.next()
                #expect((full / 2...full).contains(wait))
            }
            backoff.reset()
            #expect(backoff.next() <= 50)
        }
        var one = Backoff(floor: 1000, ceiling: 1000, seed: 1)
        var two = Backoff(floor: 1000, ceiling: 1000, seed: 2)
        let pairs = (0..<8).map { _ in (one.next(), two.next()) }
        #expect(pairs.contains { $0.0 != $0.1 }, "workers spread")
    }

    /// A server's error is told by its first word.
    @Test(
        arguments: [
            ("LOADING Redis is loading", RedisLinkError.Kind.loading, true),
            ("READONLY You can't write", .readOnly, true), ("OOM command", .outOfMemory, true),
            ("NOAUTH Authentication", .authentication, false),
            ("WRONGPASS x", .authentication, false),
            ("NOPERM x", .permission, false), ("NOSCRIPT x", .scriptMissing, true),
            ("BUSY x", .busy, true), ("MISCONF x", .writesRefused, true),
            ("NOREPLICAS x", .writesRefused, true), ("WRONGTYPE x", .wrongType, false),
            ("FENCED x", .fenced, false), ("ROLLED_BACK x", .rolledBack, false),
            ("MOVED 1 h:1", .cluster, false), ("ERR max number of clients reached", .busy, true),
            ("ERR x", .other, false), ("LOADINGX", .other, false), ("", .other, false),
        ])
    func kinds(message: String, kind: RedisLinkError.Kind, isRetriable: Bool) {
        let error = RedisLinkError.reply(message, to: .request)
        #expect(error.kind == kind)
        #expect(error.isRetriable == isRetriable)
        #expect(error.message == message)
    }
}
