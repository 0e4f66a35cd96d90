// Linux calls that Swift's Glibc module does not offer. GNU-only calls live in the .c file:
// defining _GNU_SOURCE here would change types that other modules share.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
