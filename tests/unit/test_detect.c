// SPDX-License-Identifier: GPL-2.0-or-later
/* What the checksum can see: against damaging data and summing it again, and against plain counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "packet/damage.h"
#include "sum/csum.h"
#include "sum/detect.h"

#define MODULUS 65535

static void one_flip_is_seen(void **state)
{
	(void)state;
	for (uint8_t bit = 0; bit < 8; bit++)
		for (size_t offset = 0; offset < 4; offset++)
			for (int up = 0; up < 2; up++) {
				struct bit_flip flip = { offset, bit, up };

				assert_true(detect_csum_sees(&flip, 1));
			}
	assert_false(detect_csum_sees(NULL, 0));
	assert_int_equal(detect_difference(&(struct bit_flip){ 0, 2, true }, 1), 0x0400);
	assert_int_equal(detect_difference(&(struct bit_flip){ 1, 2, true }, 1), 0x0004);
	assert_int_equal(detect_difference(&(struct bit_flip){ 7, 2, false }, 1), 0xfffb);
}

/* Two flips of one column, one up and one down, cancel; a stuck line, which only clears, never does. */
static void two_flips(void **state)
{
	const struct bit_flip cancel[] = { { 23, 2, true }, { 55, 2, false } };
	const struct bit_flip stuck[] = { { 23, 2, false }, { 55, 2, false } };
	const struct bit_flip columns[] = { { 23, 2, true }, { 54, 2, false } };

	(void)state;
	assert_false(detect_csum_sees(cancel, 2));
	assert_true(detect_csum_sees(stuck, 2));
	assert_true(detect_csum_sees(columns, 2));
}

/* Two of one column equal one of the next, and the first column follows on the last. */
static void carries(void **state)
{
	const struct bit_flip next[] = { { 1, 0, true }, { 3, 0, true }, { 5, 1, false } };
	const struct bit_flip around[] = { { 0, 7, true }, { 2, 7, true }, { 5, 0, false } };
	struct bit_flip whole_word[16];

	(void)state;
	assert_false(detect_csum_sees(next, 3));
	assert_false(detect_csum_sees(around, 3));
	for (uint8_t i = 0; i < 16; i++)
		whole_word[i] = (struct bit_flip){ 8 + i / 8, i % 8, false };
	assert_false(detect_csum_sees(whole_word, 16));
	assert_true(detect_csum_sees(whole_word, 15));
}

/* Flips up to `most` different bits of the data, in few columns so that some cancel; returns how many. */
static size_t flip_some(uint8_t *data, size_t len, uint64_t run, struct bit_flip *flips,
			size_t most)
{
	uint8_t *flipped = calloc(len, 1);
	size_t count = 0;

	assert_non_null(flipped);
	for (size_t i = 0; i < most; i++) {
		uint64_t random = damage_random(run, i);
		size_t offset = random % len;
		uint8_t bit = random >> 32 & 1, mask = (uint8_t)(1 << bit);

		if (flipped[offset] & mask)
			continue;
		flipped[offset] |= mask;
		flips[count++] = (struct bit_flip){ offset, bit, !(data[offset] & mask) };
		data[offset] ^= mask;
	}
	free(flipped);
	return count;
}

static void agrees_with_summing_again(void **state)
{
	unsigned int unseen = 0;

	(void)state;
	for (uint64_t run = 0; run < 20000; run++) {
		struct bit_flip flips[6];
		uint8_t data[50];
		uint16_t before, after, difference;
		size_t count;

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)damage_random(~run, i);
		before = csum_add(0, data, sizeof(data));
		count = flip_some(data, sizeof(data), run, flips, 1 + run % 6);
		after = csum_add(0, data, sizeof(data));
		difference = detect_difference(flips, count);
		assert_int_equal(csum_plus(before, difference) % MODULUS, after % MODULUS);
		assert_int_equal(detect_csum_sees(flips, count), after != before);
		unseen += after == before;
	}
	assert_in_range(unseen, 100, 15000);
}

/*
 * Counts, for every number of bits k, the choices of k bits of `words` words and their directions whose
 * changes add up to 0, bit by bit; and all choices.
 */
static void compare_counts(unsigned int words)
{
	unsigned int bits = 16 * words;
	uint64_t(*ways)[MODULUS] = calloc(bits + 1, sizeof(*ways));

	assert_non_null(ways);
	ways[0][0] = 1;
	for (unsigned int bit = 0; bit < bits; bit++) {
		unsigned int by = 1u << bit % 16;

		for (unsigned int k = bit + 1; k > 0; k--)
			for (unsigned int sum = 0; sum < MODULUS; sum++)
				ways[k][sum] += ways[k - 1][(sum + by) % MODULUS] +
						ways[k - 1][(sum + MODULUS - by) % MODULUS];
	}
	for (unsigned int k = 1; k <= bits; k++) {
		double all = 0, want, got = detect_passes(k, words);

		for (unsigned int sum = 0; sum < MODULUS; sum++)
			all += (double)ways[k][sum];
		want = (double)ways[k][0] / all;
		if (fabs(got - want) > 1e-10 * want)
			fail_msg("%u of %u bits: %.15g instead of %.15g", k, bits, got, want);
	}
	free(ways);
}

static void passes_is_exact(void **state)
{
	(void)state;
	compare_counts(1);
	compare_counts(2);
}

/* Two bits: the same column, opposite directions: (N - 1) of the 16 N - 1 others, half of the time. */
static void passes_of_two(void **state)
{
	static const size_t words[] = { 1, 2, 3, 10, 730, 32768, 1000000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		double n = (double)words[i], want = (n - 1) / (2 * (16 * n - 1));

		assert_true(fabs(detect_passes(2, words[i]) - want) <= 1e-10 * want);
		assert_true(detect_passes(1, words[i]) == 0);
	}
	assert_true(fabs(detect_passes(2, SIZE_MAX) - 1.0 / 32) < 1e-12);
}

static void passes_of_many(void **state)
{
	const double even = 1.0 / MODULUS;

	(void)state;
	for (unsigned int bits = 150; bits < 700; bits += 7)
		assert_true(fabs(detect_passes(bits, 730) / even - 1) < 1e-9);
	assert_true(fabs(detect_passes(480, 30) / even - 1) < 1e-9);
	assert_true(isnan(detect_passes(0, 730)));
	assert_true(isnan(detect_passes(1, 0)));
	assert_true(isnan(detect_passes(33, 2)));
	assert_false(isnan(detect_passes(32, 2)));
}

/* Random damage done to random data, as often as leaves an error of a few per cent; four sigmas. */
static void passes_agrees_with_trying(void **state)
{
	enum { WORDS = 20, RUNS = 400000 };

	(void)state;
	for (unsigned int bits = 2; bits <= 4; bits++) {
		double want = detect_passes(bits, WORDS) * RUNS;
		unsigned int unseen = 0;

		for (uint64_t run = 0; run < RUNS; run++) {
			struct bit_flip flips[4];
			unsigned int count = 0;

			for (uint64_t i = 0; count < bits; i++) {
				uint64_t random = damage_random(run * 8 + bits, i);
				struct bit_flip flip = { random % (2 * WORDS), random >> 32 & 7,
							 random >> 40 & 1 };
				bool again = false;

				for (unsigned int j = 0; j < count; j++)
					again |= flips[j].offset == flip.offset &&
						 flips[j].bit == flip.bit;
				if (!again)
					flips[count++] = flip;
			}
			unseen += !detect_csum_sees(flips, bits);
		}
		if (fabs(unseen - want) > 4 * sqrt(want))
			fail_msg("%u bits: %u unseen instead of %.0f", bits, unseen, want);
	}
}

static void single_flips(void **state)
{
	unsigned int found = 0;

	(void)state;
	for (uint32_t difference = 0; difference <= 0xffff; difference++) {
		unsigned int column = 99;
		bool up = false;
		struct bit_flip flip;

		if (!detect_single((uint16_t)difference, &column, &up)) {
			assert_int_equal(column, 99);
			continue;
		}
		found++;
		flip = (struct bit_flip){ column < 8, column % 8, up };
		assert_int_equal(detect_difference(&flip, 1), difference);
	}
	assert_int_equal(found, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flip_is_seen), cmocka_unit_test(two_flips),
		cmocka_unit_test(carries),	    cmocka_unit_test(agrees_with_summing_again),
		cmocka_unit_test(passes_is_exact),  cmocka_unit_test(passes_of_two),
		cmocka_unit_test(passes_of_many),   cmocka_unit_test(passes_agrees_with_trying),
		cmocka_unit_test(single_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
