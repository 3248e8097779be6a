/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each mitigation costs on this host: measured over veth paths of unnamed namespaces, with traffic of our
 * own, in pairs of samples without and with it. Nothing of the host itself is touched.
 */
#ifndef TRUESUM_GUARD_COST_COST_H
#define TRUESUM_GUARD_COST_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard/cost/sample.h"
#include "guard/cost/site.h"
#include "guard/cost/stat.h"
#include "guard/policy.h"

#define COST_PAIRS_DEFAULT 100
#define COST_PAIRS_MIN 8 /* fewer have no estimate */
#define COST_PAIRS_MAX 1000

/* A row to measure. Without a mitigation it is a control: the path beside itself. */
struct cost_row {
	const struct cost_path *path;
	enum mitigation mitigation; /* MITIGATION_NONE: none */
	enum cost_place place;
};

/* The first row is the control of the first path, by which the others are judged. */
extern const struct cost_row cost_rows[];
extern const size_t cost_row_count;

/* Whether the policy puts the row's mitigation on such a place of this host. */
bool cost_row_is_chosen(const struct cost_row *row, const struct policy *policy);

/* One figure in all pairs of a row. */
struct cost_figure {
	size_t pairs;
	double without, with; /* medians */
	struct estimate change; /* of the pairs' with / without - 1 */
	/* Chance is no explanation: the range lies beyond 0, and beyond the control's change. */
	bool measurable;
};

struct cost_measured {
	const struct cost_row *row;
	char skipped[200]; /* why it was not measured; empty: it was */
	struct cost_figure cpu; /* nanoseconds a KiB, sender, host and container together */
	struct cost_figure throughput; /* bytes a second */
	struct estimate added; /* nanoseconds a KiB, with - without */
	double packet_bytes, packet_bytes_with; /* mean size of what enters the container */
};

struct cost_settings {
	unsigned int pairs;
	/* Told before each row; may be NULL. */
	void (*progress)(void *owner, const struct cost_row *row, size_t number, size_t count);
	void *owner;
};

struct cost_result {
	struct cost_measured *measured; /* a row each, as in cost_rows */
	size_t count, skipped;
	struct cost_sum sum;
	double elsewhere; /* share of what the kernel carried out of our sight */
	bool two_processors;
	double seconds;
};

/* How long it takes, about. */
double cost_seconds(unsigned int pairs);

/* -errno with a sentence where nothing could be measured. *ret_result: cost_result_release(). */
int cost_measure(const struct cost_settings *settings, struct cost_result *ret_result);
void cost_result_release(struct cost_result *result);

#endif
