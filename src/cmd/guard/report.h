/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `truesum guard apply`, `status` and `revert` print. */
#ifndef TRUESUM_CMD_GUARD_REPORT_H
#define TRUESUM_CMD_GUARD_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/records.h"
#include "guard/policy.h"

struct inventory; /* net/inventory.h */
struct proof_result; /* guard/proof.h */

/* An end of a container that has not got what the policy says. */
struct guard_bare {
	size_t space;
	char device[IFNAMSIZ];
	uint32_t lacks; /* MITIGATION_BIT()s */
};

struct guard_status {
	struct records records;
	bool has_policy;
	struct policy policy;
	char kernel[65]; /* the one that runs */
	struct guard_bare *bare;
	size_t bare_count;
};

/* What was done to a place. */
struct guard_reverted {
	struct records_place place; /* a copy; `records` owns what it points to */
	char why[300]; /* why it could not be undone; empty: it was */
};

struct guard_revert {
	struct records records;
	struct guard_reverted *reverted;
	size_t count, failed;
	unsigned int recovered,
		lost; /* left by killed runs: changes undone, devices out of reach */
	bool policy_removed;
};

/* Prints the verdict, then one row for each target, then what to do. */
void guard_print_apply(const struct proof_result *result, const struct inventory *inventory);
void guard_print_status(const struct guard_status *status, const struct inventory *inventory);
void guard_print_revert(const struct guard_revert *revert, bool dry_run);

/* One JSON object each. -ENOMEM with a sentence. */
int guard_print_apply_json(const struct proof_result *result, const struct inventory *inventory);
int guard_print_status_json(const struct guard_status *status, const struct inventory *inventory);
int guard_print_revert_json(const struct guard_revert *revert);

/*
 * "in-force" if every recorded change is in force; "unknown" if one could not be read; else
 * "drifted".
 */
const char *guard_state(const struct records *records);

#endif
