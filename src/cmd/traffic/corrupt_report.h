/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `truesum corrupt` is about to do and what it did, as text and as JSON. */
#ifndef TRUESUM_CMD_TRAFFIC_CORRUPT_REPORT_H
#define TRUESUM_CMD_TRAFFIC_CORRUPT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/corrupt.h"
#include "net/tc.h"

#define CORRUPT_FEATURES_MAX 8

struct corrupt_plan {
	const char *device;
	const char *match; /* as given; NULL: everything */
	enum tc_direction direction;
	double rate; /* 0 < rate <= 1 */
	struct corrupt_config config;
	const char *features_off[CORRUPT_FEATURES_MAX];
	size_t feature_count;
	bool add_clsact;
};

struct corrupt_outcome {
	double seconds;
	struct corrupt_state state;
};

const char *corrupt_direction(const struct corrupt_plan *plan);

void corrupt_print_plan(const struct corrupt_plan *plan, bool json);
void corrupt_print_outcome(const struct corrupt_plan *plan, const struct corrupt_outcome *outcome,
			   bool json);

#endif
