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

/* The sizes of the mix, in turn: single packets, jumbo frames, fragments and super-packets. */
static const uint32_t mix[] = { 80, 600, 1400, 80, 4000, 9000, 80, MESSAGE_SIZE_MAX };

size_t message_sized_len(uint32_t size, uint32_t k)
{
	if (size == MESSAGE_LINES)
		return message_len(k);
	return size == MESSAGE_MIX ? mix[k % (sizeof(mix) / sizeof(*mix))] : size;
}

size_t message_sized_write(uint32_t size, uint32_t k, char *text)
{
	size_t len = message_sized_len(size, k), digits = digits_of(k);

	if (size == MESSAGE_LINES)
		return message_write(k, text);
	memset(text, 'a', len);
	text[0] = 'z';
	for (size_t i = MESSAGE_TAG - 1, rest = size == MESSAGE_MIX ? 0 : size; i > 0;
	     i--, rest /= 10)
		text[i] = (char)('0' + rest % 10);
	text[len - digits - 2] = ' ';
	write_digits(k, text + len - digits - 1);
	text[len - 1] = '\n';
	return len;
}

uint32_t message_guess_size(const uint8_t *bytes)
{
	unsigned int like_tag = bytes[0] == 'z', like_letters = bytes[0] == 'a';
	uint32_t size = 0;

	for (size_t i = 1; i < MESSAGE_TAG; i++) {
		like_tag += isdigit(bytes[i]) != 0;
		like_letters += bytes[i] == 'a';
		size = 10 * size + (uint32_t)(bytes[i] - '0') % 10;
	}
	if (like_letters >= like_tag)
		return MESSAGE_LINES;
	return size < MESSAGE_SIZE_MIN || size > MESSAGE_SIZE_MAX ? MESSAGE_MIX : size;
}

/* Finds the message that the datagram equals. */
static int find_equal(uint32_t size, const uint8_t *datagram, size_t len, uint32_t *ret_k)
{
	char text[MESSAGE_SIZE_MAX];
	uint64_t k = 0;
	size_t at = len - 1;

	while (at > 0 && len - at <= DIGITS_MAX && isdigit(datagram[at - 1]))
		at--;
	for (size_t i = at; i < len - 1; i++)
		k = k * 10 + (uint64_t)(datagram[i] - '0');
	if (k > UINT32_MAX || message_sized_len(size, (uint32_t)k) != len)
		return -ENOENT;
	message_sized_write(size, (uint32_t)k, text);
	if (memcmp(datagram, text, len) != 0)
		return -ENOENT;
	*ret_k = (uint32_t)k;
	return 0;
}

int message_identify(const uint8_t *datagram, size_t len, uint32_t from, uint32_t until,
		     uint32_t *ret_k)
{
	return message_sized_identify(MESSAGE_LINES, datagram, len, from, until, ret_k);
}

int message_sized_identify(uint32_t size, const uint8_t *datagram, size_t len, uint32_t from,
			   uint32_t until, uint32_t *ret_k)
{
	unsigned int fewest = UINT32_MAX;

	if (len <= FRAME_LEN || len > MESSAGE_SIZE_MAX)
		return -ENOENT;
	if (!find_equal(size, datagram, len, ret_k))
		return 0;

	/* Messages of one length differ only at their ends. The lowest number wins a tie. */
	for (uint32_t k = from; k < until; k++) {
		char text[DIGITS_MAX + 2] = " ";
		size_t digits = digits_of(k), at = len - digits - 2;
		unsigned int bits = 0;

		if (message_sized_len(size, k) != len)
			continue;
		write_digits(k, text + 1);
		for (size_t i = 0; i < digits + 1; i++)
			bits += (unsigned int)__builtin_popcount((uint8_t)text[i] ^
								 datagram[at + i]);
		/* Where a longer number would have digits, this one has letters. */
		for (size_t i = at; size != MESSAGE_LINES && i > len - DIGITS_MAX - 2; i--)
			bits += (unsigned int)__builtin_popcount('a' ^ datagram[i - 1]);
		if (bits < fewest) {
			fewest = bits;
			*ret_k = k;
		}
	}
	return fewest == UINT32_MAX ? -ENOENT : 0;
}
