// JSON that is built up piece by piece: log lines and `/status`. Keys are our own words and come in
// the order they are written; texts may hold anything and are escaped.

/// A JSON text that is being written.
package struct JSONText: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// Whether the next member or element is the first one of its object or array.
    private var isFirst = true

    package init() {}

    /// A text, number or truth as a whole value.
    package mutating func value(_ value: LogValue) {
        separate()
        append(value)
    }

    /// An object, whose members `body` writes.
    package mutating func object(_ body: (inout JSONText) -> Void) {
        nested(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    /// An array, whose elements `body` writes.
    package mutating func array(_ body: (inout JSONText) -> Void) {
        nested(UInt8(ascii: "["), UInt8(ascii: "]"), body)
    }

    package mutating func member(_ name: String, _ value: LogValue) {
        key(name)
        append(value)
        isFirst = false
    }

    package mutating func member(_ name: String, object body: (inout JSONText) -> Void) {
        key(name)
        object(body)
    }

    package mutating func member(_ name: String, array body: (inout JSONText) -> Void) {
        key(name)
        array(body)
    }

    private mutating func key(_ name: String) {
        separate()
        appendJSONString(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        isFirst = true
    }

    private mutating func nested(
        _ opening: UInt8, _ closing: UInt8, _ body: (inout JSONText) -> Void
    ) {
        separate()
        bytes.append(opening)
        isFirst = true
        body(&self)
        bytes.append(closing)
        isFirst = false
    }

    private mutating func separate() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
    }

    private mutating func append(_ value: LogValue) {
        switch value {
        case .number(let number): bytes += String(number).utf8
        case .isTrue(let isTrue): bytes += (isTrue ? "true" : "false").utf8
        case .text(let text): appendJSONString(text, to: &bytes)
        }
    }
}
