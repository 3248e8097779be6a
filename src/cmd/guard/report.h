/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reports of `truesum guard apply`, `status` and `revert`, as text and JSON. */
#ifndef TRUESUM_CMD_GUARD_REPORT_H
#define TRUESUM_CMD_GUARD_REPORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard/policy.h"
#include "guard/records.h"

struct inventory; /* net/inventory.h */
struct proof_result; /* guard/proof.h */

/* A container's device without a mitigation that the policy says. */
struct guard_bare {
	size_t space; /* number in the inventory */
	char device[IFNAMSIZ];
	uint32_t lacks; /* MITIGATION_BIT()s */
};

struct guard_status {
	struct records records;
	bool has_policy;
	struct policy policy;
	char kernel[65]; /* release of the running kernel */
	struct guard_bare *bare;
	size_t bare_count;
};

/* What revert did at a place. */
struct guard_reverted {
	struct records_place place; /* a copy; `records` owns what it points to */
	char why[300]; /* why it could not be undone; empty if it was */
};

struct guard_revert {
	struct records records;
	bool dry_run;
	struct guard_reverted *reverted;
	size_t count, failed;
	/* of killed runs: changes undone, devices out of reach */
	unsigned int recovered, lost;
	bool policy_removed;
};

/* Of the three subcommands the one that ran is set, the others are NULL. */
struct guard_report {
	const struct inventory *inventory;
	const struct proof_result *apply;
	const struct guard_status *status;
	const struct guard_revert *revert;
};

/* Prints the report to standard output: as text, or as one JSON object. -ENOMEM with a sentence. */
int guard_print(const struct guard_report *report, bool json);

#endif
