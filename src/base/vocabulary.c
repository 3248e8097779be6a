// SPDX-License-Identifier: GPL-2.0-or-later
/* The shared words: see vocabulary.h. */
#include "base/vocabulary.h"

#include <stddef.h>

const char *const verdict_names[] = { "unknown", "verified", "delivers-corrupt", "blocked", NULL };

const char *const caught_by_names[] = { "unknown",   "nobody", "socket",    "container", "host",
					"conntrack", "rule",   "outer-udp", NULL };

const char *const mitigation_names[] = { "none",   "rx-off", "reset", "conntrack-checksum",
					 "tx-off", NULL };

enum verdict vocabulary_worse(enum verdict a, enum verdict b)
{
	static const int rank[VERDICTS + 1] = {
		[VERDICTS] = 0,	       [VERDICT_VERIFIED] = 1,	       [VERDICT_BLOCKED] = 2,
		[VERDICT_UNKNOWN] = 3, [VERDICT_DELIVERS_CORRUPT] = 4,
	};

	return rank[b] > rank[a] ? b : a;
}
