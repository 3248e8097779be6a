// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The numbered messages: see message.h.
 *
 * A message's length depends only on how many digits its number has. Offsets and their inverse are
 * therefore sums over at most ten groups of messages of one length; nothing is stored.
 */
#include "lab/message.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_AT (MESSAGE_LETTERS + 1) /* after the letters and a space */
#define FRAME_LEN (DIGITS_AT + 1) /* all but the digits: letters, space, newline */
#define DIGITS_MAX 10 /* of a 32-bit number */

static size_t digits_of(uint32_t k)
{
	size_t digits = 1;

	while (k >= 10) {
		k /= 10;
		digits++;
	}
	return digits;
}

/* Writes the digits of k, without a terminator, and returns how many. */
static size_t write_digits(uint32_t k, char *text)
{
	size_t digits = digits_of(k);

	for (size_t i = digits; i-- > 0; k /= 10)
		text[i] = (char)('0' + k % 10);
	return digits;
}

size_t message_write(uint32_t k, char text[MESSAGE_MAX])
{
	size_t digits;

	memset(text, 'a', MESSAGE_LETTERS);
	text[MESSAGE_LETTERS] = ' ';
	digits = write_digits(k, text + DIGITS_AT);
	text[DIGITS_AT + digits] = '\n';
	return FRAME_LEN + digits;
}

size_t message_len(uint32_t k)
{
	return FRAME_LEN + digits_of(k);
}

uint64_t message_offset(uint32_t k)
{
	/* Every message has one digit, those from 10 on a second one, and so on. */
	uint64_t offset = (uint64_t)k * (FRAME_LEN + 1);

	for (uint64_t power = 10; power < k; power *= 10)
		offset += k - power;
	return offset;
}

uint32_t message_at(uint64_t stream_offset)
{
	uint64_t first = 0, end = 10;

	for (size_t digits = 1;; digits++) {
		uint64_t len = FRAME_LEN + digits;
		uint64_t k = first + stream_offset / len;

		if (k < end || digits == DIGITS_MAX)
			return k < UINT32_MAX ? (uint32_t)k : UINT32_MAX;
		stream_offset -= (end - first) * len;
		first = end;
		end *= 10;
	}
}

/* Finds the message that the datagram equals. */
static int find_equal(const uint8_t *datagram, size_t len, uint32_t *ret_k)
{
	char text[MESSAGE_MAX];
	uint64_t k = 0;

	for (size_t i = DIGITS_AT; i < len - 1; i++) {
		if (!isdigit(datagram[i]))
			return -ENOENT;
		k = k * 10 + (uint64_t)(datagram[i] - '0');
	}
	if (k > UINT32_MAX || message_write((uint32_t)k, text) != len ||
	    memcmp(datagram, text, len) != 0)
		return -ENOENT;
	*ret_k = (uint32_t)k;
	return 0;
}

int message_identify(const uint8_t *datagram, size_t len, uint32_t from, uint32_t until,
		     uint32_t *ret_k)
{
	size_t digits = len - FRAME_LEN;
	unsigned int fewest = UINT32_MAX;

	if (len <= FRAME_LEN || digits > DIGITS_MAX)
		return -ENOENT;
	if (!find_equal(datagram, len, ret_k))
		return 0;

	/* Messages of one length differ only in their digits. The lowest number wins a tie. */
	for (uint32_t k = from; k < until; k++) {
		char text[DIGITS_MAX] = { 0 };
		unsigned int bits = 0;

		if (digits_of(k) != digits)
			continue;
		write_digits(k, text);
		for (size_t i = 0; i < digits; i++)
			bits += (unsigned int)__builtin_popcount((uint8_t)text[i] ^
								 datagram[DIGITS_AT + i]);
		if (bits < fewest) {
			fewest = bits;
			*ret_k = k;
		}
	}
	return fewest == UINT32_MAX ? -ENOENT : 0;
}
