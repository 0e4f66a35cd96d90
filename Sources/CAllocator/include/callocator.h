// The program's allocator: jemalloc takes the place of the C library's malloc in whatever is linked
// with this target. Nothing has to be called.
//
// librdkafka's threads allocate each record and a shard frees it. glibc gives such memory back to
// the arena of the thread that it came from, under that arena's lock, so the shards and the threads
// that fetch stood in line for one lock: each shard slept on it 3,700 times a second, and a worker
// took half as much CPU again for an event (docs/performance.md, "The allocator").
#pragma once

/// What jemalloc reads when the process starts: how long it keeps memory that was freed. Its own
/// ten seconds are 15 to 25 MB more of a worker that catches up with a log; none at all is a third
/// more CPU. `MALLOC_CONF` in the environment has the last word.
extern const char *malloc_conf;
