// SPDX-License-Identifier: GPL-2.0-or-later
/* Medians: see cost_stat.h. */
#include "guard/cost/stat.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

static double middle(const double *sorted, size_t count)
{
	if (!count)
		return NAN;
	return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

double median_of(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return middle(values, count);
}

/*
 * How many values at each end may be left out. The truth lies below the k-th value where fewer than k of
 * `count` coins show heads: the largest k is sought for which that, at either end, is rare enough.
 */
static size_t left_out(size_t count)
{
	double chance = pow(0.5, (double)count), fewer = chance;
	size_t k = 0;

	while (2 * fewer <= ESTIMATE_RISK) {
		chance *= (double)(count - k) / (double)(k + 1);
		fewer += chance;
		k++;
	}
	return k ? k - 1 : 0;
}

struct estimate estimate_of(double *values, size_t count)
{
	struct estimate estimate = { NAN, NAN, NAN };
	size_t out = left_out(count);

	qsort(values, count, sizeof(*values), compare);
	if (count) {
		estimate.median = middle(values, count);
		estimate.low = values[out];
		estimate.high = values[count - 1 - out];
	}
	return estimate;
}
