// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the checksum can see, compared with damaging data and summing it again, and with plain
 * counting.
 */
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
#define LEN 64

/* One bit that changed. */
struct bit_flip {
	size_t offset;
	uint8_t bit; /* 0 (0x01) .. 7 (0x80) */
	bool up; /* from 0 to 1 */
};

/* Adds a packet with these flips; returns whether the checksum sees them. */
static bool add_flips(struct detect_damage *damage, const struct bit_flip *flips, size_t count)
{
	uint8_t want[LEN] = { 0 }, got[LEN] = { 0 };

	for (size_t i = 0; i < count; i++) {
		uint8_t mask = (uint8_t)(1 << flips[i].bit);

		*(flips[i].up ? &got[flips[i].offset] : &want[flips[i].offset]) |= mask;
	}
	return detect_add(damage, 0, got, want, LEN);
}

static bool sees(const struct bit_flip *flips, size_t count)
{
	struct detect_damage damage = { 0 };
	bool seen = add_flips(&damage, flips, count);

	assert_int_equal(damage.packets[count], 1);
	assert_int_equal(damage.missed, !seen);
	return seen;
}

static void one_flip_is_seen(void **state)
{
	const struct detect_damage nothing = { 0 };
	struct detect_damage damage = { 0 };

	(void)state;
	for (uint8_t bit = 0; bit < 8; bit++)
		for (size_t offset = 0; offset < 4; offset++)
			for (int up = 0; up < 2; up++) {
				struct bit_flip flip = { offset, bit, up };

				assert_true(sees(&flip, 1));
			}
	assert_false(add_flips(&damage, NULL, 0));
	assert_memory_equal(&damage, &nothing, sizeof(damage));
	assert_true(detect_missed_share(&damage) == 0);
}

static void flips_are_counted_by_column(void **state)
{
	const uint8_t want[] = { 0x04, 0x00, 0xff }, got[] = { 0x00, 0x04, 0x7f };
	struct detect_damage damage = { 0 };

	(void)state;
	assert_true(detect_add(&damage, 0, got, want, 3));
	assert_int_equal(damage.flips[10][0], 1);
	assert_int_equal(damage.flips[2][1], 1);
	assert_int_equal(damage.flips[15][0], 1);
	assert_int_equal(damage.packets[3], 1);
	assert_true(detect_add(&damage, 7, got, want, 3));
	assert_int_equal(damage.flips[2][0], 1);
	assert_int_equal(damage.flips[10][1], 1);
	assert_int_equal(damage.flips[7][0], 1);
	assert_int_equal(damage.packets[3], 2);
}

/*
 * Two flips of one column, one up and one down, cancel; a stuck line, which only clears, never
 * does.
 */
static void two_flips(void **state)
{
	const struct bit_flip cancel[] = { { 23, 2, true }, { 55, 2, false } };
	const struct bit_flip stuck[] = { { 23, 2, false }, { 55, 2, false } };
	const struct bit_flip columns[] = { { 23, 2, true }, { 54, 2, false } };

	(void)state;
	assert_false(sees(cancel, 2));
	assert_true(sees(stuck, 2));
	assert_true(sees(columns, 2));
}

/* Two flips of one column equal one of the next; the first column comes after the last. */
static void carries(void **state)
{
	const struct bit_flip next[] = { { 1, 0, true }, { 3, 0, true }, { 5, 1, false } };
	const struct bit_flip around[] = { { 0, 7, true }, { 2, 7, true }, { 5, 0, false } };
	struct bit_flip whole_word[16];

	(void)state;
	assert_false(sees(next, 3));
	assert_false(sees(around, 3));
	for (uint8_t i = 0; i < 16; i++)
		whole_word[i] = (struct bit_flip){ 8 + i / 8, i % 8, false };
	assert_false(sees(whole_word, 16));
	assert_true(sees(whole_word, 15));
}

/* Few columns, so that some of the flips cancel. */
static void agrees_with_summing_again(void **state)
{
	struct detect_damage damage = { 0 };
	unsigned int missed = 0;

	(void)state;
	for (uint64_t run = 0; run < 20000; run++) {
		uint8_t want[50], got[50];
		uint16_t before, after;

		for (size_t i = 0; i < sizeof(want); i++)
			want[i] = (uint8_t)damage_random(~run, i);
		memcpy(got, want, sizeof(got));
		for (uint64_t i = 0; i < 1 + run % 6; i++) {
			uint64_t random = damage_random(run, i);

			got[random % sizeof(got)] ^= (uint8_t)(1 << (random >> 32 & 1));
		}
		before = csum_add(0, want, sizeof(want));
		after = csum_add(0, got, sizeof(got));
		assert_int_equal(detect_add(&damage, run % 2, got, want, sizeof(got)),
				 after != before);
		missed += after == before && memcmp(got, want, sizeof(got)) != 0;
	}
	assert_int_equal(damage.missed, missed);
	assert_in_range(missed, 100, 15000);
}

/* The share by counting: the distribution of the sum after each further flip. */
static double counted(const struct detect_damage *damage)
{
	double *now = calloc(MODULUS, sizeof(*now)), *next = calloc(MODULUS, sizeof(*next));
	double flips = 0, packets = 0, share = 0;

	assert_true(now && next);
	for (int b = 0; b < DETECT_COLUMNS; b++)
		flips += (double)(damage->flips[b][0] + damage->flips[b][1]);
	now[0] = 1;
	for (int k = 1; k <= DETECT_BITS; k++) {
		double *last = now;

		memset(next, 0, MODULUS * sizeof(*next));
		for (int b = 0; b < DETECT_COLUMNS; b++)
			for (int up = 0; up < 2; up++) {
				unsigned int by = up ? 1u << b : MODULUS - (1u << b);
				double p = (double)damage->flips[b][up] / flips;

				for (unsigned int sum = 0; p > 0 && sum < MODULUS; sum++)
					next[(sum + by) % MODULUS] += p * now[sum];
			}
		share += (double)damage->packets[k] * next[0];
		packets += (double)damage->packets[k];
		now = next;
		next = last;
	}
	free(now);
	free(next);
	return share / packets;
}

/* Up to six flips a packet in even runs, up to 64 in odd ones. */
static void share_is_exact(void **state)
{
	(void)state;
	for (uint64_t run = 0; run < 12; run++) {
		struct detect_damage damage = { 0 };
		unsigned int most = run % 2 ? DETECT_BITS : 6;
		double want, got;

		for (uint64_t i = 0; i < 1 + 4 * (run / 2); i++) {
			uint64_t random = damage_random(run, i);

			damage.flips[random % 16][random >> 8 & 1] += random >> 16 & 0xff;
			damage.packets[1 + (random >> 24) % most] += random >> 32 & 0xff;
		}
		want = counted(&damage);
		got = detect_missed_share(&damage);
		if (fabs(got - want) > 1e-12)
			fail_msg("run %d: %.15g instead of %.15g", (int)run, got, want);
	}
}

/* Flips in every column alike, `bits` in each packet. */
static double share_of_even(unsigned int bits)
{
	struct detect_damage damage = { 0 };

	for (int b = 0; b < DETECT_COLUMNS; b++)
		damage.flips[b][0] = damage.flips[b][1] = 1000;
	damage.packets[bits] = 10;
	return detect_missed_share(&damage);
}

static void share_of_known_kinds(void **state)
{
	struct detect_damage damage = { .flips[3] = { 7, 0 } };

	(void)state;
	assert_true(share_of_even(1) == 0);
	assert_true(fabs(share_of_even(2) - 1.0 / 32) < 1e-12);
	assert_true(fabs(share_of_even(DETECT_BITS) * MODULUS - 1) < 1e-3);

	/* A stuck data line: one column, one direction. */
	for (int k = 1; k <= DETECT_BITS; k++)
		damage.packets[k] = 1;
	assert_true(detect_missed_share(&damage) == 0);
	/* Two flips of one column in both directions: every other pair cancels. */
	damage = (struct detect_damage){ .flips[3] = { 7, 7 }, .packets[1] = 1, .packets[2] = 3 };
	assert_true(fabs(detect_missed_share(&damage) - 3.0 / 4 / 2) < 1e-12);
}

/* Random damage to random data, often enough for an error of a few per cent; within four sigmas. */
static void share_agrees_with_trying(void **state)
{
	enum { RUNS = 200000 };

	(void)state;
	for (unsigned int bits = 2; bits <= 4; bits++) {
		struct detect_damage damage = { 0 };
		double want;

		for (uint64_t run = 0; run < RUNS; run++) {
			uint8_t want_bytes[1000], got[1000];

			for (size_t i = 0; i < sizeof(got); i += 8)
				memcpy(want_bytes + i, &(uint64_t){ damage_random(~run, i) }, 8);
			memcpy(got, want_bytes, sizeof(got));
			for (uint64_t i = 0; i < bits; i++) {
				uint64_t random = damage_random(run * 8 + bits, i);

				got[random % sizeof(got)] ^= (uint8_t)(1 << (random >> 32 & 7));
			}
			detect_add(&damage, 0, got, want_bytes, sizeof(got));
		}
		want = detect_missed_share(&damage) * RUNS;
		if (fabs((double)damage.missed - want) > 4 * sqrt(want))
			fail_msg("%u bits: %u missed instead of %.0f", bits,
				 (unsigned int)damage.missed, want);
	}
}

static void single_flips(void **state)
{
	unsigned int found = 0;

	(void)state;
	for (uint32_t difference = 0; difference <= 0xffff; difference++) {
		unsigned int column = 99;
		bool up = false;

		if (!detect_single((uint16_t)difference, &column, &up)) {
			assert_int_equal(column, 99);
			continue;
		}
		found++;
		assert_in_range(column, 0, 15);
		assert_int_equal(difference, up ? 1u << column : MODULUS - (1u << column));
	}
	assert_int_equal(found, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flip_is_seen),
		cmocka_unit_test(flips_are_counted_by_column),
		cmocka_unit_test(two_flips),
		cmocka_unit_test(carries),
		cmocka_unit_test(agrees_with_summing_again),
		cmocka_unit_test(share_is_exact),
		cmocka_unit_test(share_of_known_kinds),
		cmocka_unit_test(share_agrees_with_trying),
		cmocka_unit_test(single_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
