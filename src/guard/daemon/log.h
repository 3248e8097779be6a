/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Telling what happens, a line for each device, in a flood one for many. */
#ifndef TRUESUM_GUARD_DAEMON_LOG_H
#define TRUESUM_GUARD_DAEMON_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "guard/daemon/news.h"

#define TELL_LINES 20 /* a second, before the rest is summed up */

/* Zeroed, but for the first three. */
struct teller {
	struct loop *loop;
	news_fn say;
	void *owner;
	unsigned int lines; /* in this second */
	size_t left_out[NEWS_KINDS];
	uint64_t slowest[NEWS_KINDS]; /* of those */
	struct loop_source *second;
};

/* One line; `space` and `device` may be NULL, and stand before the sentence in its words. */
void tell(struct teller *teller, enum news_kind kind, int level, const char *space,
	  const char *device, uint32_t mitigations, uint64_t ns, const char *format, ...)
	__attribute__((format(printf, 8, 9)));

/* What was done to a device, in the words of its kind. */
void tell_device(struct teller *teller, enum news_kind kind, int level, const char *space,
		 const char *device, uint32_t mitigations, uint64_t ns);

void tell_end(struct teller *teller);

#endif
