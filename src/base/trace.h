/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace lines on stderr, to find a bug: TRUESUM_DEBUG=netlink,bpf truesum ...
 *
 * The environment variable lists areas, or says "all". A program that runs with more rights than
 * its user (set-user-ID, file capabilities) ignores it.
 */
#ifndef TRUESUM_BASE_TRACE_H
#define TRUESUM_BASE_TRACE_H

#include <stdbool.h>

/* False as soon as it is known that no area is traced. Use trace(). */
extern bool trace_may_be_on;

/*
 * Writes one line: seconds on the monotonic clock, the area, the text. `area` is one of "netlink",
 * "bpf", "probe", "guard", "links", "pcap". Does not change errno or fail_text(). Without
 * TRUESUM_DEBUG it costs one branch, and the arguments are not evaluated.
 */
#define trace(area, ...)                                                                           \
	do {                                                                                       \
		if (trace_may_be_on)                                                               \
			trace_write(area, __VA_ARGS__);                                            \
	} while (0)

void trace_write(const char *area, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
