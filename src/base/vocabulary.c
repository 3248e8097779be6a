// SPDX-License-Identifier: GPL-2.0-or-later
/* The shared words: see vocabulary.h. */
#include "base/vocabulary.h"

#include <stddef.h>

const char *const verdict_names[] = { "unknown", "verified",	 "delivers-corrupt",
				      "blocked", "not-possible", NULL };

const char *const caught_by_names[] = { "unknown",   "nobody", "socket",    "container", "host",
					"conntrack", "rule",   "outer-udp", NULL };

const char *const mitigation_names[] = { "none",   "rx-off", "reset", "conntrack-checksum",
					 "tx-off", NULL };

enum verdict vocabulary_worse(enum verdict a, enum verdict b)
{
	static const int rank[VERDICTS + 1] = {
		[VERDICTS] = 0,	       [VERDICT_NOT_POSSIBLE] = 1, [VERDICT_VERIFIED] = 2,
		[VERDICT_BLOCKED] = 3, [VERDICT_UNKNOWN] = 4,	   [VERDICT_DELIVERS_CORRUPT] = 5,
	};

	return rank[b] > rank[a] ? b : a;
}

const char *const verdict_meanings[] = {
	"it could not be found out; the reason is given",
	"the application read no wrong byte",
	"the application read wrong bytes",
	"no data came through, damaged or not",
	"this kernel is too old for what is tried; not counted",
	NULL,
};

const char *const caught_by_meanings[] = {
	"no counter shows it",
	"damaged data was delivered",
	"the TCP or UDP of the socket that was to read it (probe)",
	"the container's own TCP or UDP (lab)",
	"the host's own TCP or UDP; with NAT because conntrack did not translate (lab)",
	"the host's own TCP or UDP, because conntrack did not translate (probe)",
	"a firewall rule on the host that drops what conntrack finds INVALID",
	"the host's UDP, by the outer checksum of the tunnel",
	NULL,
};

const char *const mitigation_meanings[] = {
	"nothing is done",
	"receive checksum offload off on the device",
	"tc BPF at ingress removes the mark: the stack verifies again",
	"conntrack verifies, so NAT translates no damaged packet",
	"transmit checksum offload off: checksums are finished earlier",
	NULL,
};
