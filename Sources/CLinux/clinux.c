#define _GNU_SOURCE
#include "clinux.h"
#include <pthread.h>
#include <sched.h>

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

int clinux_usable_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

extern char **environ;
char **clinux_environment(void) { return environ; }
