// What a benchmark must see and Swift cannot say: each call of malloc, the processor's own clock.
#pragma once
#include <stdint.h>

/// Calls of malloc, calloc, realloc and aligned_alloc in this process so far.
uint64_t cbench_allocations(void);

/// The processor's clock: cheap to read, steady, of a rate that is to be measured.
static inline uint64_t cbench_ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#endif
}
