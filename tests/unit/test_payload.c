// SPDX-License-Identifier: GPL-2.0-or-later
/* probe/letter.c: what is done to a letter, and which sums see it. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "probe/payload.h"
#include "sum/csum.h"

/* Of all fields there are: one bit differs, and never is the result "no checksum". */
static void test_field(void **state)
{
	(void)state;
	for (unsigned int field = 0; field <= UINT16_MAX; field++) {
		uint8_t bytes[2] = { (uint8_t)(field >> 8), (uint8_t)field };
		unsigned int after;

		letter_damage_field(bytes);
		after = (unsigned int)(bytes[0] << 8 | bytes[1]);
		if (!after || __builtin_popcount(field ^ after) != 1)
			fail_msg("0x%04x became 0x%04x", field, after);
	}
}

static unsigned int bits_between(const uint8_t *a, const uint8_t *b)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < LETTER_LEN; i++)
		bits += (unsigned int)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

static const struct {
	enum treatment treatment;
	unsigned int bits;
	bool sum_differs, seen;
} rows[] = {
	{ TREAT_INTACT, 0, false, false },
	{ TREAT_PAYLOAD, 1, true, true },
	{ TREAT_FIELD, 2, true, true },
	{ TREAT_PAIR, 2, false, false },
};

static void test_treatments(void **state)
{
	(void)state;
	for (unsigned int number = 0; number < LETTERS_MAX; number++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			uint8_t intact[LETTER_LEN], letter[LETTER_LEN];

			letter_write(number, 0x4000, intact);
			memcpy(letter, intact, LETTER_LEN);
			letter_damage(rows[i].treatment, letter);
			assert_int_equal(letter_number(letter), number);
			assert_int_equal(bits_between(intact, letter), rows[i].bits);
			assert_int_equal(csum_add(0, intact, LETTER_LEN) !=
						 csum_add(0, letter, LETTER_LEN),
					 rows[i].sum_differs);
			assert_int_equal(letter_is_seen(rows[i].treatment), rows[i].seen);
		}
	}
}

/* Every check shows that damage gets through at all, and begins and ends with what must arrive. */
static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < check_row_count; i++) {
		const enum treatment *letters = check_rows[i].letters;
		unsigned int count = 0, pairs = 0, seen = 0;

		for (; letters[count] != TREAT_END; count++) {
			pairs += letters[count] == TREAT_PAIR;
			seen += letter_is_seen(letters[count]);
		}
		assert_in_range(count, 3, LETTERS_MAX);
		assert_int_equal(letters[0], TREAT_INTACT);
		assert_int_equal(letters[count - 1], TREAT_INTACT);
		assert_int_equal(pairs, 1);
		assert_true(seen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_treatments),
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
