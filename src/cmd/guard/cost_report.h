/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How `truesum guard cost` tells what it measured. */
#ifndef TRUESUM_CMD_GUARD_COST_REPORT_H
#define TRUESUM_CMD_GUARD_COST_REPORT_H

#include "guard/cost/cost.h"
#include "guard/policy.h"

struct cost_report {
	struct cost_result result;
	struct policy policy;
	bool has_policy; /* a choice was recorded on this host */
	unsigned int pairs;
};

void cost_print_text(const struct cost_report *report);

/* -errno with a sentence. */
int cost_print_json(const struct cost_report *report);

#endif
