// What the cache needs of the machine and Swift cannot say: prefetch, and ranges of addresses that
// become memory only where they are touched.
#pragma once
#include <stddef.h>

/// Asks for the cache line at `address`; never faults, so any address will do.
static inline void cmemory_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

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
