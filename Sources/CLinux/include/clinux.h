// Linux calls that Swift's Glibc module does not offer. GNU-only calls live in the .c file:
// defining _GNU_SOURCE here would change types that other modules share.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

// Names the calling thread as `top -H` shows it, at most 15 bytes.
void clinux_name_thread(const char *name);
// How many cores this process may run on, at least 1.
int clinux_usable_cores(void);
// The process' environment: `NAME=value` strings, ended by a null pointer.
char **clinux_environment(void);
