// What the cache needs of the machine and Swift cannot say: prefetch, and memory mapped in large pieces.
#pragma once
#include <stddef.h>

/// Asks for the cache line at `address`; never faults, so any address will do.
static inline void cmemory_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }
