/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy that follows from a proof: for kinds of container devices, and for the host itself. */
#ifndef TRUESUM_GUARD_DRAFT_H
#define TRUESUM_GUARD_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/conclusion.h"

struct inventory; /* net/inventory.h */

/* What a policy is made of. */
struct draft {
	const struct inventory *inventory;
	const size_t *spaces; /* the proof's targets: numbers in the inventory */
	size_t space_count;
	const struct conclusion_sight *sight; /* of their devices */
	size_t sight_count;
	/* Its rows stay for kinds and devices that the proof did not look at; NULL: none. */
	const struct policy *earlier;
	const char *via; /* the device that packets entered by; NULL: none */
	bool is_ordered; /* mitigations were put on by name */
};

/*
 * Fills the zeroed policy, except its verdict: rows for the kinds that were seen, what is recorded
 * on the host, and the earlier policy's rows for the rest. -errno with a sentence.
 */
int draft_policy(const struct draft *draft, struct policy *policy);

#endif
