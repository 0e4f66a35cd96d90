// What the cache needs of the machine and Swift cannot say: prefetch, and ranges of addresses that
// become memory only where they are touched.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Asks for the cache line at `address`; never faults, so any address will do.
static inline void cmemory_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

/// Which of the eight 64-bit words at `words` have `half` as their lower half: a bit for each, the
/// first word's is the lowest. Some ten instructions without a branch where a loop over the words
/// has one that nobody can predict.
static inline uint32_t cmemory_match(const void *words, uint32_t half) {
    typedef uint64_t Words __attribute__((ext_vector_type(8)));
    typedef uint32_t Halves __attribute__((ext_vector_type(8)));
    typedef bool Bits __attribute__((ext_vector_type(8)));
    Words found;
    memcpy(&found, words, sizeof found);
    Halves wanted = half;
    Bits same = __builtin_convertvector(__builtin_convertvector(found, Halves) == wanted, Bits);
    uint8_t bits;
    memcpy(&bits, &same, sizeof bits);
    return bits;
}

/// A range of addresses whose pages are zero until written; null if there is no room for it.
/// No page of it is huge unless `cmemory_populate` makes it so: the first touch of a huge page
/// takes milliseconds.
void *cmemory_reserve(size_t bytes);

/// The same memory in a larger range, perhaps elsewhere; nothing is copied. Null: no room, and
/// nothing was done.
void *cmemory_extend(void *start, size_t bytes, size_t newBytes);

/// Gives the range back.
void cmemory_release(void *start, size_t bytes);

/// Gives back the memory of a part of a range (whole pages); its addresses stay, and read as zero.
void cmemory_discard(void *start, size_t bytes);

/// Makes the whole pages in a part of a range memory now, if the machine can; none of them huge.
void cmemory_touch(void *start, size_t bytes);

/// Makes the whole pages in a part of a range memory now, in huge pages where possible. 0 if done.
int cmemory_populate(void *start, size_t bytes);
