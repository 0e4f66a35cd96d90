// See csimdjson.h. No exception leaves this file: simdjson is used through its error codes, and
// memory is asked for with nothrow.
#include "csimdjson.h"

#include <new>
#include <simdjson.h>

using namespace simdjson;

struct csimdjson_parser {
    dom::parser parser;
};

csimdjson_parser *csimdjson_create(void) { return new (std::nothrow) csimdjson_parser; }

void csimdjson_destroy(csimdjson_parser *parser) { delete parser; }

csimdjson_document csimdjson_parse(csimdjson_parser *parser, const void *bytes, size_t count) {
    dom::parser &p = parser->parser;
    error_code error = p.parse(static_cast<const uint8_t *>(bytes), count, true).error();
    if (error) return {nullptr, 0, nullptr, 0, error == NUMBER_ERROR};
    // The first word is the root; its payload is how many words there are. A string takes at most
    // 5 bytes for each 3 of the document ("" and a comma: a length and a zero).
    const uint64_t *tape = p.doc.tape.get();
    size_t tape_count = static_cast<size_t>(tape[0] & 0x00ffffffffffffff);
    return {tape, tape_count, p.doc.string_buf.get(), 5 * count / 3, 0};
}
