/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Medians, and how sure one can be of them without knowing how the values are distributed. */
#ifndef TRUESUM_GUARD_COST_STAT_H
#define TRUESUM_GUARD_COST_STAT_H

#include <stddef.h>

/* The chance that `low`..`high` of an estimate is beside the truth, at most; not of fewer than 8 values. */
#define ESTIMATE_RISK 0.01

struct estimate {
	double median, low, high;
};

/* Sorts the values. NAN where there are none. */
double median_of(double *values, size_t count);

/*
 * The median, and between which of the values the median of all that could have been measured lies with a
 * chance of 99 % (order statistics: a value is below it as often as a coin falls on one side). Fewer than 8
 * values cannot say so: then the lowest and the highest. Sorts the values; all NAN where there are none.
 */
struct estimate estimate_of(double *values, size_t count);

#endif
