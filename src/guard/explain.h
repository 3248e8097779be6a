/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a target after a probe, as numbers to compare and in words. */
#ifndef TRUESUM_GUARD_EXPLAIN_H
#define TRUESUM_GUARD_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/run.h"

struct grievance {
	unsigned int delivering; /* checks in and out; not where it is inherent */
	unsigned int verified; /* checks in and out */
	unsigned int blocked;
};

struct grievance grievance_of(const struct probe_target *target);

/*
 * Less damage is delivered, more is proven, and nothing is cut off. A check that delivered damage may be unknown now,
 * for what it lacked to prove more mattered not before.
 */
bool grievance_is_less(struct grievance now, struct grievance before);

/* More damage is delivered, or less is proven. */
bool grievance_is_more(struct grievance now, struct grievance before);

/* What else is to be known for the words. */
struct plight {
	bool is_host, has_via;
	const char *device; /* the target's end; empty: none */
	uint32_t tried; /* MITIGATION_BIT()s that did not help */
};

/* Why the target still delivers damage, or is blocked or unknown; empty where it verifies. */
void explain(const struct probe_target *target, const struct plight *plight, char *text,
	     size_t size);

/* "rx-off, reset"; "-" for none. */
void mitigation_words(uint32_t mask, char *text, size_t size);

#endif
