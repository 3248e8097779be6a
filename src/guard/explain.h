/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a target after a probe: as a score to compare, and in words. */
#ifndef TRUESUM_GUARD_EXPLAIN_H
#define TRUESUM_GUARD_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct probe_target; /* probe/run.h */

/* How many checks of a probe came to which result. */
struct explain_score {
	unsigned int delivering; /* in or out; without those that no protocol could verify */
	unsigned int received; /* of these, in: damage that the target read */
	unsigned int verified; /* in or out */
	unsigned int blocked;
};

struct explain_score explain_score(const struct probe_target *target);

/*
 * 1: better than before: less damage is delivered, more is proven, and nothing is cut off; a check
 * that delivered damage may be unknown now. -1: worse, as more damage is delivered or less is
 * proven. Else 0.
 */
int explain_compare(struct explain_score now, struct explain_score before);

/* What the words depend on besides the probe. */
struct explain_context {
	bool is_host, has_via;
	const char *device; /* the target's end; empty: none */
	uint32_t tried; /* MITIGATION_BIT()s that did not help */
};

/* Why the target still delivers damage, is blocked or unknown; empty if it verifies. */
void explain(const struct probe_target *target, const struct explain_context *context, char *text,
	     size_t size);

#endif
