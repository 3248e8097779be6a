// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The numbered messages: their lengths and offsets if the number has one more digit, the number of
 * a message, and that a damaged datagram is recognised no matter which byte is damaged.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/message.h"

static void test_text(void **state)
{
	char text[MESSAGE_MAX];
	size_t len = message_write(12, text);

	(void)state;
	assert_int_equal(len, 61);
	assert_memory_equal(text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 12\n",
			    len);
}

static void test_lengths_when_a_digit_is_gained(void **state)
{
	static const struct {
		uint32_t k;
		size_t len;
		uint64_t offset;
	} rows[] = {
		{ 0, 60, 0 },
		{ 1, 60, 60 },
		{ 9, 60, 540 },
		{ 10, 61, 600 },
		{ 11, 61, 661 },
		{ 99, 61, 600 + 89 * 61 },
		{ 100, 62, 600 + 90 * 61 },
		{ 999, 62, 600 + 90 * 61 + 899 * 62 },
		{ 1000, 63, 600 + 90 * 61 + 900 * 62 },
		{ UINT32_MAX, 69, 295241632245 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[MESSAGE_MAX];

		assert_int_equal(message_len(rows[i].k), rows[i].len);
		assert_int_equal(message_write(rows[i].k, text), rows[i].len);
		assert_true(message_offset(rows[i].k) == rows[i].offset);
	}
}

static void test_stream_is_the_messages_in_a_row(void **state)
{
	uint64_t at = 0;

	(void)state;
	for (uint32_t k = 0; k < 10100; k++) {
		char text[MESSAGE_MAX];
		size_t len = message_write(k, text);

		assert_true(message_offset(k) == at);
		assert_int_equal(message_at(at), k);
		assert_int_equal(message_at(at + len - 1), k);
		assert_int_equal(text[0], 'a');
		assert_int_equal(text[len - 1], '\n');
		assert_int_equal(text[len - 2], '0' + k % 10);
		at += len;
	}
}

static void test_inverse_at_the_far_end(void **state)
{
	static const uint32_t far[] = { 99999999, 100000000, 999999999, 1000000000, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		uint64_t at = message_offset(far[i]);

		assert_int_equal(message_at(at), far[i]);
		assert_int_equal(message_at(at - 1), far[i] - 1);
		assert_int_equal(message_at(at + message_len(far[i]) - 1), far[i]);
	}
}

/* A message with one flipped bit is recognised, unless the flip makes it another message. */
static void test_identify_with_any_bit_flipped(void **state)
{
	static const uint32_t numbers[] = { 0, 9, 10, 57, 99, 100, 123, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[MESSAGE_MAX];
		size_t len = message_write(numbers[i], text);

		for (size_t bit = 0; bit < (len - 1) * 8; bit++) {
			uint32_t k = UINT32_MAX;
			size_t byte = bit / 8;

			text[byte] = (char)(text[byte] ^ (1 << bit % 8));
			assert_int_equal(message_identify((uint8_t *)text, len, numbers[i],
							  numbers[i] + 1, &k),
					 0);
			if (byte < MESSAGE_LETTERS + 1)
				assert_int_equal(k, numbers[i]);
			text[byte] = (char)(text[byte] ^ (1 << bit % 8));
		}
	}
}

static int identify(const char *text, size_t len, uint32_t from, uint32_t until, uint32_t *ret_k)
{
	return message_identify((const uint8_t *)text, len, from, until, ret_k);
}

static void test_identify_damaged_counter(void **state)
{
	char text[MESSAGE_MAX];
	size_t len = message_write(12, text);
	uint32_t k = 0;

	(void)state;
	text[MESSAGE_LETTERS + 2] ^= 0x40; /* "12" becomes "1r": nearest is 12 */
	assert_int_equal(identify(text, len, 0, 1000, &k), 0);
	assert_int_equal(k, 12);

	message_write(12, text);
	text[MESSAGE_LETTERS + 2] ^= 0x08; /* "1:" is as near to 12 as to 18 */
	assert_int_equal(identify(text, len, 11, 1000, &k), 0);
	assert_int_equal(k, 12);
	assert_int_equal(identify(text, len, 13, 1000, &k), 0);
	assert_int_equal(k, 18);

	message_write(12, text);
	text[MESSAGE_LETTERS + 2] ^= 0x01; /* "13": looks like message 13 */
	assert_int_equal(identify(text, len, 12, 13, &k), 0);
	assert_int_equal(k, 13);
}

static void test_identify_damaged_newline(void **state)
{
	char text[MESSAGE_MAX];
	size_t len = message_write(100, text);
	uint32_t k = 0;

	(void)state;
	text[len - 1] ^= 0x01;
	assert_int_equal(identify(text, len, 90, 200, &k), 0);
	assert_int_equal(k, 100);
	assert_int_equal(identify(text, len, 90, 100, &k), -ENOENT);
}

static void test_identify_refuses_other_texts(void **state)
{
	char text[1500];
	uint32_t k = 77;

	(void)state;
	memset(text, '0', sizeof(text));
	assert_int_equal(identify(text, 0, 0, 1000, &k), -ENOENT);
	assert_int_equal(identify(text, 59, 0, 1000, &k), -ENOENT);
	assert_int_equal(identify(text, 70, 0, 1000, &k), -ENOENT);
	assert_int_equal(identify(text, sizeof(text), 0, 1000, &k), -ENOENT);
	assert_int_equal(identify(text, 62, 0, 100, &k), -ENOENT);
	assert_int_equal(k, 77);

	/* Ten digits that are no 32-bit number. */
	message_write(UINT32_MAX, text);
	text[MESSAGE_LETTERS + 1] = '9';
	assert_int_equal(identify(text, 69, 0, 100, &k), -ENOENT);
	/* A leading zero is no message's number; by length it is one of 10..99. */
	message_write(12, text);
	text[MESSAGE_LETTERS + 1] = '0';
	assert_int_equal(identify(text, 61, 0, 100, &k), 0);
	assert_int_equal(k, 12);
}

/* Every message tells its size, and is the one that it is identified as. */
static void test_sized_messages(void **state)
{
	static const uint32_t sizes[] = { MESSAGE_LINES, MESSAGE_MIX,	  MESSAGE_SIZE_MIN, 81,
					  1400,		 MESSAGE_SIZE_MAX };
	static const uint32_t numbers[] = { 0, 1, 7, 9, 10, 15, 99, 100, 4711, 4294967295 };
	static char text[MESSAGE_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
			uint32_t k = numbers[n], found = 0;
			size_t len = message_sized_write(sizes[i], k, text);

			assert_int_equal(len, message_sized_len(sizes[i], k));
			if (sizes[i] >= MESSAGE_SIZE_MIN)
				assert_int_equal(len, sizes[i]);
			assert_int_equal(message_guess_size((uint8_t *)text), sizes[i]);
			assert_int_equal(text[len - 1], '\n');
			assert_int_equal(strtoul(memrchr(text, ' ', len), NULL, 10), k);
			assert_int_equal(message_sized_identify(sizes[i], (uint8_t *)text, len, 0,
								5, &found),
					 0);
			assert_int_equal(found, k);
		}
	for (uint32_t k = 0; k < 16; k++)
		assert_true(message_sized_len(MESSAGE_MIX, k) <= MESSAGE_SIZE_MAX);
	assert_int_equal(message_sized_len(MESSAGE_MIX, 7), MESSAGE_SIZE_MAX);
}

/* One wrong bit anywhere hides neither the size nor the number; in the tag it may hide the size. */
static void test_sized_messages_with_any_bit_flipped(void **state)
{
	static const uint32_t sizes[] = { MESSAGE_MIX, 600 };
	char text[1500];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len = message_sized_write(sizes[i], 9, text);

		for (size_t bit = 0; bit < 8 * len; bit++) {
			uint32_t k = 0, guess;

			text[bit / 8] ^= (char)(1 << bit % 8);
			guess = message_guess_size((uint8_t *)text);
			assert_int_not_equal(guess, MESSAGE_LINES);
			if (bit / 8 >= MESSAGE_TAG)
				assert_int_equal(guess, sizes[i]);
			/* Another digit may be another message: who knows which is due decides. */
			if (bit / 8 != len - 2) {
				assert_int_equal(message_sized_identify(sizes[i], (uint8_t *)text,
									len, 0, 16, &k),
						 0);
				assert_int_equal(k, 9);
			}
			text[bit / 8] ^= (char)(1 << bit % 8);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_lengths_when_a_digit_is_gained),
		cmocka_unit_test(test_stream_is_the_messages_in_a_row),
		cmocka_unit_test(test_inverse_at_the_far_end),
		cmocka_unit_test(test_identify_with_any_bit_flipped),
		cmocka_unit_test(test_identify_damaged_counter),
		cmocka_unit_test(test_identify_damaged_newline),
		cmocka_unit_test(test_identify_refuses_other_texts),
		cmocka_unit_test(test_sized_messages),
		cmocka_unit_test(test_sized_messages_with_any_bit_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
