// Requests in RESP, appended to one buffer that goes out as it stands:
// `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`. hiredis would format each command into memory of its own and
// append that to a buffer from whose front it then moves the rest at every write: quadratic for a
// long pipeline, and slower for a short one.

/// Writes requests and remembers what replies they are owed. A command is its head and then exactly
/// as many arguments as the head said; anything else is a bug and traps, because one wrong count
/// would shift every reply behind it.
package struct RespWriter: ~Copyable {
    private(set) var buffer = ByteBuffer(capacity: 16 * 1024)
    var owed = OwedReplies()
    /// What the server calls the scripts: the replies to `SCRIPT LOAD`, by `Script.rawValue`.
    var scriptHashes: [String] = []
    /// Arguments that the command being written still lacks.
    private var missing = 0
    /// Commands of the transaction being written, `MULTI` among them; 0 outside of one.
    private var transactionCount = 0

    init() {}

    /// Whether everything begun is finished.
    var isComplete: Bool { missing == 0 && transactionCount == 0 }

    /// Begins a command of `count` arguments, its name among them.
    package mutating func command(arguments count: Int) {
        precondition(missing == 0 && count > 0, "the command before this one is not finished")
        missing = count
        buffer.appendHead(UInt8(ascii: "*"), count)
        if transactionCount > 0 {
            transactionCount += 1
        } else {
            owed.appendPlain()
        }
    }

    /// A command of words only.
    package mutating func command(_ words: String...) {
        command(words)
    }

    package mutating func command(_ words: [String]) {
        command(arguments: words.count)
        for word in words { argument(word) }
    }

    package mutating func argument(_ bytes: RawSpan) {
        countArgument()
        buffer.appendBulk(bytes)
    }

    package mutating func argument(_ text: StaticString) {
        countArgument()
        buffer.appendBulk(text)
    }

    package mutating func argument(_ text: String) {
        countArgument()
        buffer.appendBulk(text)
    }

    /// A number in decimal.
    package mutating func argument(_ number: UInt64) {
        countArgument()
        buffer.appendBulk(decimal: number)
    }

    /// A number in decimal.
    package mutating func argument(_ number: Int64) {
        countArgument()
        buffer.appendBulk(decimal: number)
    }

    /// `prefix` and a number in decimal, as one argument: the key of a user.
    package mutating func argument(_ prefix: String, _ number: UInt64) {
        countArgument()
        buffer.appendBulk(prefix, decimal: number)
    }

    mutating func argument(_ token: StoredToken) {
        countArgument()
        buffer.appendHead(UInt8(ascii: "$"), 32)
        buffer.append(hexadecimal: token.high)
        buffer.append(hexadecimal: token.low)
        buffer.endLine()
    }

    /// `<offset>:<hash>`, or nothing.
    mutating func argument(_ fingerprint: Fingerprint?) {
        guard let fingerprint else { return argument("" as StaticString) }
        countArgument()
        buffer.appendBulk(fingerprint)
    }

    /// Begins an `EVALSHA` of a script of ours; its keys and then its other arguments follow.
    mutating func script(_ script: Script, keys: Int, arguments: Int) {
        command(arguments: 3 + keys + arguments)
        argument("EVALSHA" as StaticString)
        argument(scriptHashes[script.rawValue])
        argument(UInt64(keys))
    }

    /// Arguments that were encoded by another writer.
    mutating func arguments(_ encoded: RawSpan, count: Int) {
        precondition(missing >= count, "more arguments than the command's head said")
        missing -= count
        buffer.append(encoded)
    }

    /// `MULTI`; the commands up to `endTransaction` have one reply together.
    package mutating func beginTransaction() {
        precondition(isComplete)
        buffer.appendHead(UInt8(ascii: "*"), 1)
        missing = 1
        transactionCount = 1
        argument("MULTI" as StaticString)
    }

    /// `EXEC`
    package mutating func endTransaction() {
        precondition(transactionCount > 0, "no transaction was begun")
        command(arguments: 1)
        argument("EXEC" as StaticString)
        owed.appendTransaction(replies: transactionCount)
        transactionCount = 0
    }

    /// Forgets everything, as at the end of a connection.
    mutating func removeAll() {
        buffer.removeAll(keepingAtMost: Self.idleCapacity)
        owed.removeAll()
        missing = 0
        transactionCount = 0
    }

    /// Takes what the socket took.
    mutating func removeFirst(_ count: Int) {
        buffer.removeFirst(count)
        if buffer.isEmpty { buffer.removeAll(keepingAtMost: Self.idleCapacity) }
    }

    /// More than this is given back once it is written.
    private static let idleCapacity = 1 << 20

    private mutating func countArgument() {
        precondition(missing > 0, "more arguments than the command's head said")
        missing -= 1
    }
}

// RESP2 strings and the heads of arrays.
extension ByteBuffer {
    mutating func appendBulk(_ bytes: RawSpan) {
        appendHead(UInt8(ascii: "$"), bytes.byteCount)
        append(bytes)
        endLine()
    }

    mutating func appendBulk(_ text: StaticString) {
        appendHead(UInt8(ascii: "$"), text.utf8CodeUnitCount)
        append(text)
        endLine()
    }

    mutating func appendBulk(_ text: String) {
        appendHead(UInt8(ascii: "$"), text.utf8.count)
        append(text)
        endLine()
    }

    mutating func appendBulk(decimal number: UInt64) {
        appendHead(UInt8(ascii: "$"), Self.digitCount(number))
        append(decimal: number)
        endLine()
    }

    mutating func appendBulk(decimal number: Int64) {
        appendHead(
            UInt8(ascii: "$"), Self.digitCount(number.magnitude) + (number < 0 ? 1 : 0))
        if number < 0 { append(UInt8(ascii: "-")) }
        append(decimal: number.magnitude)
        endLine()
    }

    mutating func appendBulk(_ prefix: String, decimal number: UInt64) {
        appendHead(UInt8(ascii: "$"), prefix.utf8.count + Self.digitCount(number))
        append(prefix)
        append(decimal: number)
        endLine()
    }

    mutating func appendBulk(_ fingerprint: Fingerprint) {
        let offset = UInt64(fingerprint.offset)
        appendHead(
            UInt8(ascii: "$"),
            Self.digitCount(offset) + 1 + Self.digitCount(fingerprint.hash))
        append(decimal: offset)
        append(UInt8(ascii: ":"))
        append(decimal: fingerprint.hash)
        endLine()
    }

    mutating func appendHead(_ mark: UInt8, _ count: Int) {
        if count < 10 {
            append(mark, UInt8(ascii: "0") + UInt8(count))
        } else {
            append(mark)
            append(decimal: UInt64(count))
        }
        endLine()
    }

    mutating func endLine() {
        append(13, 10)
    }
}
