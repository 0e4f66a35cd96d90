// simdjson behind plain C. One call validates a whole document, UTF-8 included, and leaves it as
// simdjson's tape: 64-bit words, a type letter in the top byte and a payload in the other seven
// (https://github.com/simdjson/simdjson/blob/master/doc/tape.md). Whoever calls walks the tape
// itself, so one call a document is all that crosses the languages.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A parser with its buffers, which grow to the largest document seen and are used again.
typedef struct csimdjson_parser csimdjson_parser;

/// A parsed document. It lies in the parser and holds until its next call.
typedef struct {
    const uint64_t *tape;    ///< NULL if the bytes are not one valid document
    size_t tape_count;       ///< in words
    const uint8_t *strings;  ///< each with its 32-bit length before it
    size_t strings_count;    ///< in bytes, at least what the strings take
    int number_refused;      ///< the document failed for a number's spelling or for its size
} csimdjson_document;

/// NULL if there is no memory.
csimdjson_parser *csimdjson_create(void);
void csimdjson_destroy(csimdjson_parser *parser);
/// The bytes are copied (simdjson reads beyond the end of its input).
csimdjson_document csimdjson_parse(csimdjson_parser *parser, const void *bytes, size_t count);

#ifdef __cplusplus
}
#endif
