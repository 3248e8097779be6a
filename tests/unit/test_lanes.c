// SPDX-License-Identifier: GPL-2.0-or-later
/* One bad data line over constant bytes: which constant changes of a sum it explains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pcap/lanes.h"

static void test_one_bit(void **state)
{
	(void)state;
	for (unsigned int column = 0; column < 16; column++) {
		assert_true(lanes_one_bit((uint16_t)(1U << column)));
		assert_true(lanes_one_bit((uint16_t)(0xffff - (1U << column))));
	}
	assert_false(lanes_one_bit(0));
	assert_false(lanes_one_bit(0xffff));
	assert_false(lanes_one_bit(3));
	assert_false(lanes_one_bit(0x7800));
	assert_false(lanes_one_bit(0xfffc));
}

/* 64 bytes at offset 40 with any bits, but with the bit 0x04 of every 16th stuck at `up`. */
static void fill(struct lanes *lanes, bool up)
{
	uint8_t bytes[64];

	memset(lanes, 0, sizeof(*lanes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761U >> 13);
	for (size_t i = 7; i < sizeof(bytes); i += 16)
		bytes[i] = (uint8_t)(up ? bytes[i] | 0x04 : bytes[i] & ~0x04);
	lanes_add(lanes, bytes, 40, sizeof(bytes), sizeof(bytes));
}

static void test_stuck_line(void **state)
{
	struct lanes lanes;

	(void)state;
	/* Four bytes at odd offsets lost 0x04: a change of -4 * 4; three of them, -3 * 4. */
	fill(&lanes, false);
	assert_true(lanes_explain(&lanes, 0xffff - 16, false, 16));
	assert_true(lanes_explain(&lanes, 0xffff - 12, false, 16));
	assert_false(lanes_explain(&lanes, 0xffff - 20, false, 16));
	assert_false(lanes_explain(&lanes, 12, false, 16));
	/* If the words begin at odd offsets, these are the high bytes. */
	assert_true(lanes_explain(&lanes, 0xffff - 12 * 256, true, 16));
	assert_false(lanes_explain(&lanes, 0xffff - 12 * 256, false, 16));
	fill(&lanes, true);
	assert_true(lanes_explain(&lanes, 12, false, 16));
	assert_false(lanes_explain(&lanes, 0xffff - 12, false, 16));
}

/* One byte with the other bit proves that it was not this line. */
static void test_refuted(void **state)
{
	struct lanes lanes;
	uint8_t byte = 0x65;

	(void)state;
	fill(&lanes, false);
	lanes_add(&lanes, &byte, 40 + 7 + 16, 1, 0);
	assert_false(lanes_explain(&lanes, 0xffff - 12, false, 16));
	/* A wider memory may have its line elsewhere, but then fewer bytes are on it. */
	assert_false(lanes_explain(&lanes, 0xffff - 12, false, 64));
}

/* Bytes with every bit in both states explain nothing. */
static void test_random(void **state)
{
	struct lanes lanes;
	uint8_t bytes[1024];

	(void)state;
	memset(&lanes, 0, sizeof(lanes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761U >> 13);
	lanes_add(&lanes, bytes, 0, sizeof(bytes), sizeof(bytes));
	for (uint32_t change = 1; change < 0xffff; change++)
		assert_false(lanes_explain(&lanes, (uint16_t)change, false, LANES));
}

/* An 8-bit-wide path hits bytes at even and at odd offsets. */
static void test_narrow(void **state)
{
	struct lanes lanes;
	uint8_t bytes[20];

	(void)state;
	memset(&lanes, 0, sizeof(lanes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)((i * 37) & ~0x10U);
	lanes_add(&lanes, bytes, 34, sizeof(bytes), sizeof(bytes));
	assert_true(lanes_explain(&lanes, (uint16_t)(0xffff - (0x10 * 3 + 0x1000 * 5)), false, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_bit), cmocka_unit_test(test_stuck_line),
		cmocka_unit_test(test_refuted), cmocka_unit_test(test_random),
		cmocka_unit_test(test_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
