// A reply as the server sent it, flat: the nodes of its tree in the order in which they arrive (an
// array, then its elements), and all texts end to end in one buffer. Both are reused for the next
// reply, so a reply of thousands of elements allocates nothing once the buffers have grown.
//
//     *2 $1 a *2 :7 $1 b     nodes:  array(2, end 5)  string a  array(2, end 5)  7  string b
//                            texts:  "ab"

/// One node of a reply's tree.
struct ReplyNode {
    var kind: Reply.Kind
    /// An integer's value; where a text begins.
    var value: Int
    /// A text's length in bytes; an array's number of elements.
    var count: Int
    /// The index of the node behind this one and all that is in it.
    var end: Int
}

/// A reply or an element of one, for as long as its connection is not used for anything else.
/// Asking it for what it is not gives nil or an empty span: what a server sends is not ours to
/// trust.
package struct Reply: ~Escapable {
    package enum Kind: UInt8, Hashable, Sendable {
        case string, status, error, integer, null, array
    }

    private let nodes: Span<ReplyNode>
    private let texts: RawSpan
    private let index: Int

    @_lifetime(copy nodes, copy texts)
    init(nodes: Span<ReplyNode>, texts: RawSpan, index: Int) {
        self.nodes = nodes
        self.texts = texts
        self.index = index
    }

    fileprivate var node: ReplyNode { nodes[index] }

    package var kind: Kind { node.kind }
    package var isNull: Bool { node.kind == .null }
    package var isError: Bool { node.kind == .error }

    /// How many elements an array has; 0 for anything else.
    package var count: Int { node.kind == .array ? node.count : 0 }

    /// The bytes of a string, status or error; empty for anything else.
    package var bytes: RawSpan {
        @_lifetime(copy self)
        get {
            switch node.kind {
            case .string, .status, .error:
                return texts.extracting(node.value..<node.value + node.count)
            case .integer, .null, .array: return texts.extracting(0..<0)
            }
        }
    }

    /// The value of an integer.
    package var integer: Int64? { node.kind == .integer ? Int64(node.value) : nil }

    /// The value of a string that is a decimal number from 0 on, with no sign or leading zero.
    package var decimal: UInt64? { node.kind == .string ? bytes.decimal : nil }

    /// The text of a string, status or error, with bytes that are no UTF-8 replaced; in tools and
    /// errors, not on the hot path.
    package var text: String { bytes.text }

    /// The element at `position`; which must be there.
    package subscript(position: Int) -> Reply {
        @_lifetime(copy self)
        get {
            precondition(position >= 0 && position < count, "an array has no such element")
            // Mostly nothing is nested, and an element is where it would be.
            if node.end - index - 1 == node.count { return at(index + 1 + position) }
            var child = index + 1
            for _ in 0..<position { child = nodes[child].end }
            return at(child)
        }
    }

    /// The elements of an array, one after the other; none of anything else.
    package var elements: Elements {
        @_lifetime(copy self)
        get { Elements(self, next: index + 1, left: count) }
    }

    /// Walks over the elements of an array, which may be arrays themselves.
    package struct Elements: ~Escapable {
        private let array: Reply
        private var index: Int
        private var left: Int

        @_lifetime(copy array)
        fileprivate init(_ array: Reply, next index: Int, left: Int) {
            self.array = array
            self.index = index
            self.left = left
        }

        @_lifetime(copy self)
        package mutating func next() -> Reply? {
            if left == 0 { return nil }
            let element = array.at(index)
            left -= 1
            index = element.node.end
            return element
        }
    }

    /// What an error reply says; nil for any other.
    package func error(_ operation: RedisLinkError.Operation = .request) -> RedisLinkError? {
        isError ? .reply(text, to: operation) : nil
    }

    /// The reply as a value that can be kept.
    package func copy() -> RedisValue {
        switch kind {
        case .string: return .string(bytes.array)
        case .status: return .status(text)
        case .error: return .error(.reply(text, to: .request))
        case .integer: return .integer(Int64(node.value))
        case .null: return .null
        case .array:
            var elements: [RedisValue] = []
            elements.reserveCapacity(count)
            var walk = self.elements
            while let element = walk.next() { elements.append(element.copy()) }
            return .array(elements)
        }
    }

    @_lifetime(copy self)
    fileprivate func at(_ index: Int) -> Reply {
        Reply(nodes: nodes, texts: texts, index: index)
    }
}

/// A reply that was copied, for tools and tests.
package enum RedisValue: Hashable, Sendable {
    case string([UInt8])
    case status(String)
    case error(RedisLinkError)
    case integer(Int64)
    case null
    case array([RedisValue])

    /// The text of a string or status.
    package var text: String? {
        switch self {
        case .string(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .status(let text): return text
        case .error, .integer, .null, .array: return nil
        }
    }
    package var integer: Int64? {
        if case .integer(let value) = self { return value }
        return nil
    }
    package var elements: [RedisValue]? {
        if case .array(let elements) = self { return elements }
        return nil
    }
}
