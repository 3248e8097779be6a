/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each mitigation costs on this host: measured on veth paths in unnamed namespaces, with
 * traffic of its own, in pairs of samples without and with the mitigation. Nothing of the host
 * itself is changed.
 */
#ifndef TRUESUM_GUARD_COST_COST_H
#define TRUESUM_GUARD_COST_COST_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/cost/bench.h"

struct policy; /* guard/policy.h */

#define COST_PAIRS_DEFAULT 100
#define COST_PAIRS_MIN 8 /* fewer have no estimate */
#define COST_PAIRS_MAX 1000
#define COST_ROWS_MAX 16

/* A row to measure. Without a mitigation it is a control: the path against itself. */
struct cost_row {
	const struct bench_path *path;
	enum mitigation mitigation;
	enum bench_place place;
};

/* The first row is the control of the first path; the others are judged by it. */
extern const struct cost_row cost_rows[];
extern const size_t cost_row_count;

/* Whether the policy puts the row's mitigation on such a place of this host. */
bool cost_row_is_chosen(const struct cost_row *row, const struct policy *policy);

/*
 * A median, and the range in which the median of all possible measurements lies, up to COST_RISK.
 */
struct cost_estimate {
	double median, low, high;
};

/* The probability, at most, that the range of an estimate of 8 or more values misses the truth. */
#define COST_RISK 0.01

/*
 * Of fewer than 8 values the range is from the lowest to the highest. Sorts them; all NAN if there
 * are none.
 */
struct cost_estimate cost_estimate(double *values, size_t count);

/* One figure in all pairs of a row. */
struct cost_figure {
	size_t pairs;
	double without, with; /* medians */
	struct cost_estimate change; /* of the pairs' with / without - 1 */
	/*
	 * Chance does not explain the change: its range lies beyond 0, and beyond the control's
	 * change.
	 */
	bool measurable;
};

struct cost_measured {
	const struct cost_row *row;
	char skipped[200]; /* why it was not measured; empty: it was */
	struct cost_figure cpu; /* nanoseconds a KiB, for sender, host and container together */
	struct cost_figure throughput; /* bytes per second */
	struct cost_estimate added; /* nanoseconds a KiB: with - without */
	double packet_bytes, packet_bytes_with; /* mean size of packets that enter the container */
};

/*
 * Nanoseconds to sum a KiB in segments of 1448 bytes that are in the second-level cache, as packets
 * are: in 64-bit words, as kernels do it, and by the fastest variant of sum/csum.h.
 */
struct cost_sum {
	double portable, chosen;
	const char *chosen_name;
};

struct cost_settings {
	unsigned int pairs;
	/* Called before each row; may be NULL. */
	void (*progress)(void *owner, const struct cost_row *row, size_t number, size_t count);
	void *owner;
};

struct cost_result {
	struct cost_measured measured[COST_ROWS_MAX]; /* one for each of cost_rows */
	size_t count, skipped;
	struct cost_sum sum;
	struct bench_facts facts;
	double seconds;
};

/* How many seconds cost_measure() takes, approximately. */
double cost_seconds(unsigned int pairs);

/* -errno with a sentence if the control could not be measured. */
int cost_measure(const struct cost_settings *settings, struct cost_result *ret_result);

#endif
