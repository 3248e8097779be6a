// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shape of damage: counts every bit at its place, and distinguishes a bad data line from
 * chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/shape.h"

#define LEN 1500

/*
 * Flips `mask` of the byte at `at`, upwards or downwards, in an otherwise equal message at
 * `offset`.
 */
static uint64_t flip(struct shape *shape, size_t offset, size_t at, uint8_t mask, bool up)
{
	uint8_t want[LEN], got[LEN];

	for (size_t i = 0; i < LEN; i++)
		want[i] = (uint8_t)rand();
	memcpy(got, want, LEN);
	want[at] = up ? want[at] & (uint8_t)~mask : want[at] | mask;
	got[at] = want[at] ^ mask;
	return shape_add(shape, offset, got, want, LEN);
}

static void test_counts_every_bit_where_it_is(void **state)
{
	(void)state;
	for (size_t at = 0; at < LEN; at += 7) {
		struct shape shape = { 0 };
		uint64_t down, up, counts[SHAPE_STRIDE];

		assert_int_equal(flip(&shape, 3, at, 0x24, true), 2);
		assert_int_equal(flip(&shape, 3, at, 0x80, false), 1);
		assert_int_equal(shape.flips[(3 + at) % 64][2][1], 1);
		assert_int_equal(shape.flips[(3 + at) % 64][5][1], 1);
		assert_int_equal(shape.flips[(3 + at) % 64][7][0], 1);
		shape_directions(&shape, &down, &up);
		assert_int_equal(down, 1);
		assert_int_equal(up, 2);
		for (unsigned int stride = 1; stride <= SHAPE_STRIDE; stride *= 2) {
			shape_by_offset(&shape, stride, counts);
			for (unsigned int i = 0; i < stride; i++)
				assert_int_equal(counts[i], i == (3 + at) % stride ? 3 : 0);
		}
	}
}

static void test_equal_bytes_change_nothing(void **state)
{
	uint8_t bytes[LEN] = { 1, 2, 3 };
	struct shape shape = { 0 }, empty = { 0 };

	(void)state;
	assert_int_equal(shape_add(&shape, 9, bytes, bytes, LEN), 0);
	assert_int_equal(shape_add(&shape, 9, bytes, bytes, 0), 0);
	assert_memory_equal(&shape, &empty, sizeof(shape));
}

/*
 * The original fault: payload offsets 23, 55, 71, 87, bit 0x04 stuck at 0: one line of a memory 128
 * bits wide.
 */
static void test_the_original_fault(void **state)
{
	static const size_t offsets[] = { 23, 55, 71, 87 };
	struct shape shape = { 0 };
	struct shape_line line;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_false(shape_stuck_line(&shape, &line));
		flip(&shape, 0, offsets[i], 0x04, false);
	}
	assert_true(shape_stuck_line(&shape, &line));
	assert_int_equal(line.stride, 16);
	assert_int_equal(line.phase, 7);
	assert_int_equal(line.bit, 2);
	assert_false(line.up);
	assert_int_equal(line.flips, 4);
}

static void test_every_width_is_recognised(void **state)
{
	(void)state;
	for (unsigned int stride = 1; stride <= SHAPE_STRIDE; stride *= 2) {
		unsigned int phase = stride * 5 / 8;
		struct shape shape = { 0 };
		struct shape_line line;

		for (unsigned int i = 0; i < 8; i++)
			flip(&shape, 0, phase + i * stride, 0x80, true);
		assert_true(shape_stuck_line(&shape, &line));
		assert_int_equal(line.stride, stride);
		assert_int_equal(line.phase, phase);
		assert_int_equal(line.bit, 7);
		assert_true(line.up);
	}
}

static void test_chance_is_no_data_line(void **state)
{
	struct shape shape = { 0 };
	struct shape_line line = { .stride = 99 };

	(void)state;
	for (unsigned int i = 0; i < 40; i++)
		flip(&shape, 0, i * 16, 0x04, false);
	assert_true(shape_stuck_line(&shape, &line));
	line.stride = 99;
	flip(&shape, 0, 16, 0x04, true); /* the other direction once */
	assert_false(shape_stuck_line(&shape, &line));
	memset(&shape, 0, sizeof(shape));
	for (unsigned int i = 0; i < 40; i++)
		flip(&shape, 0, i * 16, i == 20 ? 0x08 : 0x04, false); /* another bit once */
	assert_false(shape_stuck_line(&shape, &line));
	assert_int_equal(line.stride, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_every_bit_where_it_is),
		cmocka_unit_test(test_equal_bytes_change_nothing),
		cmocka_unit_test(test_the_original_fault),
		cmocka_unit_test(test_every_width_is_recognised),
		cmocka_unit_test(test_chance_is_no_data_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
