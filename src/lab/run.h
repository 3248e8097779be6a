/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A finished run of the lab: its cells and what they have in common. The three renderings (matrix.h,
 * json.h, report.h) read it; none changes it.
 */
#ifndef TRUESUM_LAB_RUN_H
#define TRUESUM_LAB_RUN_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lab/cell.h"

struct lab_cell {
	struct cell_key key;
	struct cell_result result;
};

struct lab_run {
	const struct lab_settings *settings;
	const char *kernel; /* uname's release, "6.18.0" */
	const char *version; /* truesum's */
	uint64_t duration_ns; /* of the whole run */
	time_t started; /* wall clock, for the report; 0: left out */
};

/* Every cell is in exactly one of these. */
struct lab_counts {
	size_t cells; /* all of them */
	size_t as_known; /* judged, and as known */
	size_t differing; /* judged, and not as known */
	size_t no_expectation; /* judged, and nothing is known of it */
	size_t skipped; /* this kernel cannot build or emulate it */
	size_t unknown; /* could not find out; not skipped */
};

struct lab_counts lab_count(const struct lab_cell *cells, size_t count);

/*
 * The cells in one stable order, whatever order they finished in: topology (its table's order),
 * family, protocol, NIC, behaviour, mitigation. *ret_sorted is the caller's to free.
 */
int lab_sort(const struct lab_cell *cells, size_t count, const struct lab_cell ***ret_sorted);

#endif
