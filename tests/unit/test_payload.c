// SPDX-License-Identifier: GPL-2.0-or-later
/* probe/payload.c: what each kind of damage changes in a payload, and which checksums notice it. */
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

/* For every value of the field: one bit changes, and the result never means "no checksum". */
static void test_field(void **state)
{
	(void)state;
	for (unsigned int field = 0; field <= UINT16_MAX; field++) {
		uint8_t bytes[2] = { (uint8_t)(field >> 8), (uint8_t)field };
		unsigned int after;

		payload_damage_field(bytes);
		after = (unsigned int)(bytes[0] << 8 | bytes[1]);
		if (!after || __builtin_popcount(field ^ after) != 1)
			fail_msg("0x%04x became 0x%04x", field, after);
	}
}

static unsigned int bits_between(const uint8_t *a, const uint8_t *b)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < PAYLOAD_LEN; i++)
		bits += (unsigned int)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

static const struct {
	enum message message;
	unsigned int bits;
	bool sum_differs, noticeable;
} rows[] = {
	{ MESSAGE_INTACT, 0, false, false },
	{ MESSAGE_BAD_PAYLOAD, 1, true, true },
	{ MESSAGE_BAD_FIELD, 2, true, true },
	{ MESSAGE_CANCELLING, 2, false, false },
};

static const struct token token = { .secret = { 0x0123456789abcdef, 0xfedcba9876543210 },
				    .used = 1 };

static void test_damage(void **state)
{
	(void)state;
	for (unsigned int number = 0; number < CHECK_MESSAGES_MAX; number++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			uint8_t intact[PAYLOAD_LEN], payload[PAYLOAD_LEN];

			payload_write(number, &token, intact);
			memcpy(payload, intact, PAYLOAD_LEN);
			payload_damage(rows[i].message, payload);
			assert_int_equal(payload_number(payload), number);
			assert_memory_equal(payload, token.secret, TOKEN_SECRET);
			assert_int_equal(bits_between(intact, payload), rows[i].bits);
			assert_int_equal(csum_add(0, intact, PAYLOAD_LEN) !=
						 csum_add(0, payload, PAYLOAD_LEN),
					 rows[i].sum_differs);
			assert_int_equal(payload_is_noticeable(rows[i].message),
					 rows[i].noticeable);
		}
	}
}

/*
 * Every check proves that damage gets through at all, and begins and ends with a message that must
 * arrive.
 */
static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < check_row_count; i++) {
		const enum message *messages = check_rows[i].messages;
		unsigned int count = 0, cancelling = 0, noticeable = 0;

		for (; messages[count] != MESSAGE_END; count++) {
			cancelling += messages[count] == MESSAGE_CANCELLING;
			noticeable += payload_is_noticeable(messages[count]);
		}
		assert_in_range(count, 3, CHECK_MESSAGES_MAX);
		assert_int_equal(messages[0], MESSAGE_INTACT);
		assert_int_equal(messages[count - 1], MESSAGE_INTACT);
		assert_int_equal(cancelling, 1);
		assert_true(noticeable);
	}
}

/* A secret may be damaged on its way, but not guessed. */
static void test_secret(void **state)
{
	uint8_t payload[PAYLOAD_LEN];
	struct token other = token;

	(void)state;
	payload_write(0, &token, payload);
	assert_true(payload_is_ours(payload, PAYLOAD_LEN, &token));
	assert_true(payload_is_ours(payload, TOKEN_SECRET, &token));
	assert_false(payload_is_ours(payload, TOKEN_SECRET - 1, &token));
	for (unsigned int bit = 0; bit < TOKEN_FLIPS; bit++)
		payload[bit * 5 / 8] ^= (uint8_t)(1 << bit * 5 % 8);
	assert_true(payload_is_ours(payload, PAYLOAD_LEN, &token));
	payload[TOKEN_SECRET - 1] ^= 0x80;
	assert_false(payload_is_ours(payload, PAYLOAD_LEN, &token));
	payload_write(0, &token, payload);
	other.secret[0] = ~other.secret[0];
	assert_false(payload_is_ours(payload, PAYLOAD_LEN, &other));
	other = token;
	other.used = 0;
	assert_false(payload_is_ours(payload, PAYLOAD_LEN, &other));
}

/* Whoever does not know the numbers is refused at the edges of the window, and around 0. */
static void test_numbers(void **state)
{
	const uint32_t firsts[] = { 1, 4000, 0x80000000, UINT32_MAX - 5 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		uint32_t first = firsts[i], ours = first + 77;
		struct token one = { .target_isn = first, .peer_isn = ours, .used = 1 };

		assert_true(token_is_to_peer(&one, true, first, 0));
		assert_false(token_is_to_peer(&one, true, first + 1, 0));
		assert_true(token_is_to_peer(&one, false, first + 1, ours + 1));
		assert_true(
			token_is_to_peer(&one, false, first + TOKEN_WINDOW, ours + TOKEN_WINDOW));
		assert_false(token_is_to_peer(&one, false, first + TOKEN_WINDOW + 1, ours + 1));
		assert_false(token_is_to_peer(&one, false, first + 1, ours - 1));
		assert_false(token_is_to_peer(&one, false, first - 1, ours));
		assert_true(token_is_from_peer(&one, ours, first + 1));
		assert_false(token_is_from_peer(&one, ours - 1, first + 1));
		assert_false(token_is_from_peer(&one, ours, first + TOKEN_WINDOW + 1));
		one.used = 0;
		assert_false(token_is_to_peer(&one, true, first, 0));
		assert_false(token_is_from_peer(&one, ours, first));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field),	cmocka_unit_test(test_damage),
		cmocka_unit_test(test_rows),	cmocka_unit_test(test_secret),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
