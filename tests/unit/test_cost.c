// SPDX-License-Identifier: GPL-2.0-or-later
/* guard/cost/cost.c: medians and their ranges; which rows a policy chooses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "base/cleanup.h"
#include "guard/cost/cost.h"
#include "guard/policy.h"

#define MANY 1000

/* 1..count, each once, shuffled. */
static void fill(double *values, size_t count)
{
	unsigned int state = 1;

	for (size_t i = 0; i < count; i++)
		values[i] = (double)(i + 1);
	for (size_t i = count; i > 1; i--) {
		double *other;

		state = state * 1103515245 + 12345;
		other = &values[(state >> 16) % i];
		double swapped = values[i - 1];

		values[i - 1] = *other;
		*other = swapped;
	}
}

static void median_is_in_the_middle(void **state)
{
	double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 2 }, one[] = { -7 };

	(void)state;
	assert_true(cost_estimate(odd, 3).median == 5);
	assert_true(cost_estimate(even, 4).median == 2.5);
	assert_true(cost_estimate(one, 1).median == -7);
	assert_true(isnan(cost_estimate(one, 0).median));
}

static void range_agrees_with_binomial_tables(void **state)
{
	/* The ranks of the 99 % interval, from tables of the sign test. */
	static const struct {
		size_t count;
		double median, low, high;
	} known[] = {
		{ 8, 4.5, 1, 8 },    { 9, 5, 1, 9 },	 { 10, 5.5, 1, 10 },
		{ 11, 6, 1, 11 },    { 12, 6.5, 2, 11 }, { 15, 8, 3, 13 },
		{ 20, 10.5, 4, 17 }, { 25, 13, 6, 20 },	 { 100, 50.5, 37, 64 },
	};
	double values[MANY];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct cost_estimate estimate;

		fill(values, known[i].count);
		estimate = cost_estimate(values, known[i].count);
		assert_true(estimate.median == known[i].median);
		assert_true(estimate.low == known[i].low);
		assert_true(estimate.high == known[i].high);
	}
}

static void few_values_give_their_extremes(void **state)
{
	double values[MANY];

	(void)state;
	for (size_t count = 1; count < 8; count++) {
		struct cost_estimate estimate;

		fill(values, count);
		estimate = cost_estimate(values, count);
		assert_true(estimate.low == 1 && estimate.high == (double)count);
	}
	assert_true(isnan(cost_estimate(values, 0).median));
	assert_true(isnan(cost_estimate(values, 0).low));
}

static void range_shrinks_with_more_values(void **state)
{
	double values[MANY], last = 1;

	(void)state;
	for (size_t count = 8; count <= MANY; count *= 2) {
		struct cost_estimate estimate;
		double width;

		fill(values, count);
		estimate = cost_estimate(values, count);
		width = (estimate.high - estimate.low) / (double)count;
		assert_true(estimate.low <= estimate.median && estimate.median <= estimate.high);
		assert_true(width < last);
		last = width;
	}
	assert_true(last < 0.12);
}

/*
 * 2,000 samples of which half lie below 0: the range misses 0 in about 1 % of the cases, not in 5.
 */
static void range_misses_as_rarely_as_promised(void **state)
{
	unsigned int random = 7, missed = 0;
	double values[41];

	(void)state;
	for (int turn = 0; turn < 2000; turn++) {
		struct cost_estimate estimate;

		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			random = random * 1664525 + 1013904223;
			values[i] = (double)(random >> 8) / (1 << 24) - 0.5;
		}
		estimate = cost_estimate(values, ARRAY_SIZE(values));
		missed += estimate.low > 0 || estimate.high < 0;
	}
	assert_true(missed < 40);
}

static size_t count_chosen(const struct policy *policy, enum mitigation mitigation)
{
	size_t chosen = 0, others = 0;

	for (size_t i = 0; i < cost_row_count; i++) {
		bool is = cost_row_is_chosen(&cost_rows[i], policy);

		chosen += is && cost_rows[i].mitigation == mitigation;
		others += is && cost_rows[i].mitigation != mitigation;
	}
	assert_int_equal(others, 0);
	return chosen;
}

static void rows_that_the_policy_chooses(void **state)
{
	const struct policy nothing = { 0 };
	struct policy of_kind = { 0 }, of_device = { 0 }, of_nic = { 0 };
	const struct policy of_host = { .host = MITIGATION_BIT(MITIGATION_CONNTRACK_CHECKSUM) };

	(void)state;
	assert_int_equal(count_chosen(&nothing, MITIGATION_RESET), 0);
	assert_int_equal(
		policy_add(&of_kind, POLICY_KIND, "veth", MITIGATION_BIT(MITIGATION_RESET)), 0);
	assert_true(count_chosen(&of_kind, MITIGATION_RESET) >= 4);
	assert_int_equal(
		policy_add(&of_nic, POLICY_DEVICE, "eth0", MITIGATION_BIT(MITIGATION_RESET)), 0);
	assert_true(count_chosen(&of_nic, MITIGATION_RESET) >= 4);
	/* A device of the host is a tunnel: the row between containers is not chosen. */
	assert_int_equal(policy_add(&of_device, POLICY_DEVICE, "flannel.1",
				    MITIGATION_BIT(MITIGATION_TX_OFF)),
			 0);
	assert_int_equal(count_chosen(&of_device, MITIGATION_TX_OFF), 1);
	assert_int_equal(count_chosen(&of_host, MITIGATION_CONNTRACK_CHECKSUM), 1);
}

static void first_row_is_the_control(void **state)
{
	(void)state;
	assert_string_equal(mitigation_names[cost_rows[0].mitigation], "none");
	for (size_t i = 1; i < cost_row_count; i++)
		assert_true(cost_rows[i].mitigation != MITIGATION_NONE);
	/* The default run takes less than 20 s. */
	assert_true(cost_seconds(COST_PAIRS_DEFAULT) < 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(median_is_in_the_middle),
		cmocka_unit_test(range_agrees_with_binomial_tables),
		cmocka_unit_test(few_values_give_their_extremes),
		cmocka_unit_test(range_shrinks_with_more_values),
		cmocka_unit_test(range_misses_as_rarely_as_promised),
		cmocka_unit_test(rows_that_the_policy_chooses),
		cmocka_unit_test(first_row_is_the_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
