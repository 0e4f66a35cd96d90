// JSON in, by simdjson. A document is validated whole, to its last byte and with its UTF-8, before
// anything of it is looked at, so nothing of a malformed record is ever taken for good.
//
// How the forms of the contract are read, where JSON leaves it open:
// - A field may be named in snake_case or lowerCamelCase; unknown names are passed over; null is as
//   good as absent; a known field that comes twice is refused, because two readers could disagree
//   about which one counts.
// - A 64-bit number is a string in canonical decimal ("007", "+7" and "7.0" are not), or a JSON
//   number without a fraction, at most 2^53: a larger one has lost digits on its way through a
//   double. `1e3` is 1000; `1.5` and `-1` are no ids.
// - A number too large for 64 bits or for a double is valid JSON: in an unknown field it does no
//   harm, in a known one it is out of range (see `JSONNumbers`).
// - Nesting is limited to 1024 levels by simdjson; what is deeper counts as malformed.

import CSimdjson

/// The owner of a simdjson parser and its buffers, which are reused from document to document.
/// Safe: the C object is owned here, and documents cannot outlive the access that made them.
@safe struct JSONParser: ~Copyable {
    /// Owned: created in `init`, destroyed in `deinit`.
    private let parser: OpaquePointer

    init() {
        // A shard that cannot get its first few bytes cannot start at all.
        guard let parser = unsafe csimdjson_create() else { fatalError("no memory for a parser") }
        unsafe self.parser = parser
    }

    deinit { unsafe csimdjson_destroy(parser) }

    /// The document in `bytes`, until the next call; nil if they are not one valid JSON document.
    @_lifetime(&self)
    mutating func parse(_ bytes: RawSpan) -> JSONDocument? {
        var document = unsafe parsed(bytes)
        if unsafe document.number_refused != 0, let small = JSONNumbers.replacingLarge(in: bytes) {
            unsafe document = parsed(small.span.bytes)
        }
        guard let tape = unsafe document.tape, let strings = unsafe document.strings else {
            return nil
        }
        // Both lie in the parser, are as long as it says, and do not change until its next call,
        // which needs exclusive access to `self`.
        let words = unsafe Span(_unsafeStart: tape, count: document.tape_count)
        let text = unsafe RawSpan(_unsafeStart: strings, byteCount: document.strings_count)
        return unsafe _overrideLifetime(JSONDocument(tape: words, strings: text), mutating: &self)
    }

    private func parsed(_ bytes: RawSpan) -> csimdjson_document {
        // The bytes are borrowed for the call, and simdjson copies them first.
        unsafe bytes.withUnsafeBytes { unsafe csimdjson_parse(parser, $0.baseAddress, $0.count) }
    }
}
