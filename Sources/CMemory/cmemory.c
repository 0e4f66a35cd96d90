#define _GNU_SOURCE
#include "cmemory.h"

#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { page = 4096 };

void *cmemory_reserve(size_t bytes) {
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return NULL;
    madvise(start, bytes, MADV_NOHUGEPAGE);
    return start;
}

void *cmemory_extend(void *start, size_t bytes, size_t newBytes) {
    void *moved = mremap(start, bytes, newBytes, MREMAP_MAYMOVE);
    return moved == MAP_FAILED ? NULL : moved;
}

void cmemory_release(void *start, size_t bytes) { munmap(start, bytes); }

/// The whole pages within a range: those at its ends that it shares with others are left out.
static size_t whole_pages(void **start, size_t bytes) {
    uintptr_t first = ((uintptr_t)*start + page - 1) & ~(uintptr_t)(page - 1);
    uintptr_t end = ((uintptr_t)*start + bytes) & ~(uintptr_t)(page - 1);
    *start = (void *)first;
    return end > first ? end - first : 0;
}

void cmemory_discard(void *start, size_t bytes) {
    size_t whole = whole_pages(&start, bytes);
    if (whole > 0) madvise(start, whole, MADV_DONTNEED);
}

void cmemory_touch(void *start, size_t bytes) {
    size_t whole = whole_pages(&start, bytes);
    if (whole > 0) madvise(start, whole, MADV_POPULATE_WRITE);
}

int cmemory_populate(void *start, size_t bytes) {
    size_t whole = whole_pages(&start, bytes);
    if (whole == 0) return 0;
    madvise(start, whole, MADV_HUGEPAGE);
    return madvise(start, whole, MADV_POPULATE_WRITE);
}
