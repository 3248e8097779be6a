// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of flows with damage: finds each again, is bounded, and gives the worst in order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "pcap/flows.h"

#define MANY 5000

static struct packet_flow flow_number(uint32_t n)
{
	struct packet_flow flow = { .family = AF_INET, .proto = 6, .dst_port = 443 };

	memcpy(flow.src, &n, sizeof(n));
	return flow;
}

static void test_every_flow_is_found_again(void **state)
{
	struct flows *flows;
	struct packet_flow flow;
	size_t row;

	(void)state;
	assert_int_equal(flows_new(MANY, &flows), 0);
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < MANY; i++) {
			flow = flow_number(i);
			assert_int_equal(flows_add_damaged(flows, &flow, INT64_MIN, &row), 0);
			assert_int_equal(row, i);
		}
	}
	assert_int_equal(flows_count(flows), MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		flow = flow_number(i);
		assert_ptr_equal(flows_find(flows, &flow), flows_row(flows, i));
		flow.proto = 17;
		assert_null(flows_find(flows, &flow));
	}
	/* The table is full: it takes no new flow, but still finds those it has. */
	flow = flow_number(MANY);
	assert_int_equal(flows_add_damaged(flows, &flow, INT64_MIN, &row), -ENOSPC);
	flow = flow_number(7);
	assert_int_equal(flows_add_damaged(flows, &flow, INT64_MIN, &row), 0);
	flows_free(flows);
}

static void test_first_and_last_time_of_the_damage(void **state)
{
	static const int64_t times[] = { 500, -3, 20 };
	struct flows *flows;
	struct packet_flow flow = flow_number(1);
	size_t row;

	(void)state;
	assert_int_equal(flows_new(10, &flows), 0);
	assert_int_equal(flows_add_damaged(flows, &flow, INT64_MIN, &row), 0);
	assert_int_equal(flows_row(flows, row)->first_ns, INT64_MIN);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		assert_int_equal(flows_add_damaged(flows, &flow, times[i], &row), 0);
	assert_int_equal(flows_row(flows, row)->first_ns, -3);
	assert_int_equal(flows_row(flows, row)->last_ns, 500);
	assert_int_equal(flows_row(flows, row)->damaged, 4);
	flows_free(flows);
}

/* Whether a belongs before b. */
static int in_order(const struct flow_row *a, const struct flow_row *b)
{
	if (a->damaged != b->damaged)
		return a->damaged > b->damaged;
	return a->packets != b->packets ? a->packets < b->packets : a < b;
}

static void test_the_worst_come_first(void **state)
{
	static const size_t wanted[] = { 0, 1, 2, 20, 777, MANY, 2 * MANY };
	static uint32_t rows[2 * MANY];
	size_t with_damage = 0;
	struct flows *flows;

	(void)state;
	assert_int_equal(flows_new(MANY, &flows), 0);
	assert_int_equal(flows_worst(flows, 20, rows), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		struct packet_flow flow = flow_number(i);
		size_t row;

		assert_int_equal(flows_add_damaged(flows, &flow, INT64_MIN, &row), 0);
		flows_row(flows, row)->damaged = (uint32_t)rand() % 50;
		flows_row(flows, row)->packets = (uint64_t)rand() % 50;
		with_damage += flows_row(flows, row)->damaged > 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		size_t count = flows_worst(flows, wanted[i], rows), better = 0;

		/* A flow without damage is never among the worst. */
		assert_int_equal(count, wanted[i] < with_damage ? wanted[i] : with_damage);
		for (size_t k = 1; k < count; k++)
			assert_true(
				in_order(flows_row(flows, rows[k - 1]), flows_row(flows, rows[k])));
		/* Nothing worse was left out. */
		for (size_t k = 0; count && k < MANY; k++)
			better += in_order(flows_row(flows, k), flows_row(flows, rows[count - 1]));
		if (count)
			assert_int_equal(better, count - 1);
	}
	flows_free(flows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_flow_is_found_again),
		cmocka_unit_test(test_first_and_last_time_of_the_damage),
		cmocka_unit_test(test_the_worst_come_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
