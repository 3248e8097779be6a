/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What time it is. */
#ifndef TRUESUM_BASE_CLOCK_H
#define TRUESUM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock (clock_gettime(2)): CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID, ... */
static inline uint64_t clock_ns_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The monotonic clock: for durations and deadlines. */
static inline uint64_t clock_ns(void)
{
	return clock_ns_of(CLOCK_MONOTONIC);
}

#endif
