#define _GNU_SOURCE
#include "clinux.h"
#include <pthread.h>
#include <sched.h>

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
