#define _GNU_SOURCE
#include "clinux.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int clinux_pin_thread(int cpu) {
    if (cpu < 0 || cpu >= CPU_SETSIZE) return 22; // EINVAL
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

void clinux_name_thread(const char *name) {
    char fitting[16] = {0};
    for (int i = 0; i < 15 && name[i]; i++) fitting[i] = name[i];
    pthread_setname_np(pthread_self(), fitting);
}

// The kernel's struct sched_attr in its first form, which no header of this libc has.
struct turn {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period; // nanoseconds
};

int clinux_set_turn(int microseconds) {
    // Policy and niceness stay what they are.
    struct turn turn;
    if (syscall(SYS_sched_getattr, 0, &turn, sizeof turn, 0) != 0) return errno;
    turn.runtime = (uint64_t)microseconds * 1000;
    return syscall(SYS_sched_setattr, 0, &turn, 0) == 0 ? 0 : errno;
}

int clinux_usable_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

extern char **environ;
char **clinux_environment(void) { return environ; }
