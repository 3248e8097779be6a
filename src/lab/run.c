// SPDX-License-Identifier: GPL-2.0-or-later
/* Counting and ordering the cells of a run. */
#include "lab/run.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fail.h"

static size_t *counter_of(struct lab_counts *counts, const struct cell_result *result)
{
	if (result->skipped)
		return &counts->skipped;
	if (result->verdict == VERDICT_UNKNOWN)
		return &counts->unknown;
	if (!result->has_expected)
		return &counts->no_expectation;
	return result->as_expected ? &counts->as_known : &counts->differing;
}

struct lab_counts lab_count(const struct lab_cell *cells, size_t count)
{
	struct lab_counts counts = { .cells = count };

	for (size_t i = 0; i < count; i++)
		++*counter_of(&counts, &cells[i].result);
	return counts;
}

static int order(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare(const void *a, const void *b)
{
	const struct cell_key *x = &(*(const struct lab_cell *const *)a)->key;
	const struct cell_key *y = &(*(const struct lab_cell *const *)b)->key;
	const int64_t steps[][2] = {
		{ (int64_t)(intptr_t)x->topology, (int64_t)(intptr_t)y->topology },
		{ x->family, y->family },
		{ x->proto, y->proto },
		{ x->nic, y->nic },
		{ x->behaviour, y->behaviour },
		{ x->mitigation, y->mitigation },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int step = order(steps[i][0], steps[i][1]);

		if (step)
			return step;
	}
	return 0;
}

int lab_sort(const struct lab_cell *cells, size_t count, const struct lab_cell ***ret_sorted)
{
	const struct lab_cell **sorted = calloc(count ? count : 1, sizeof(const struct lab_cell *));

	if (!sorted)
		return fail(-ENOMEM, "no memory to sort %zu cells", count);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &cells[i];
	qsort(sorted, count, sizeof(const void *), compare);
	*ret_sorted = sorted;
	return 0;
}
