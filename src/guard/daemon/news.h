/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon tells: an event as a sentence, and as the facts it is made of. */
#ifndef TRUESUM_GUARD_DAEMON_NEWS_H
#define TRUESUM_GUARD_DAEMON_NEWS_H

#include <stdint.h>

enum news_kind {
	NEWS_PROTECTED, /* a device got its mitigations */
	NEWS_RESTORED, /* somebody had taken one off: it is on again */
	NEWS_TAKEN_OFF, /* what the policy does not want any more */
	NEWS_SUMMARY, /* of more devices than lines are written for */
	NEWS_TROUBLE, /* something could not be done */
	NEWS_PROOF, /* a proof's beginning, or its end */
	NEWS_STATE, /* of the daemon */
	NEWS_KINDS
};

struct news {
	enum news_kind kind;
	int level; /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO */
	const char *space, *device; /* NULL: of none; may hold any bytes but the device's NUL */
	uint32_t mitigations; /* MITIGATION_BIT() */
	uint64_t ns; /* since the event that led to it; 0: none did */
	const char *sentence; /* all of that in words, printable */
};

typedef void (*news_fn)(void *owner, const struct news *news);

#endif
