// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Internet checksum on any processor.
 *
 * A one's complement sum does not depend on the byte order in which its words are read, as long as
 * the result is read the same way (RFC 1071 section 2 B). Nor does it depend on how wide the words
 * are: 2^16 - 1 divides 2^64 - 1. So this adds whole 64-bit words as the machine reads them, and
 * adds each carry again. Only the folded result is swapped.
 */
#include <endian.h>
#include <string.h>

#include "sum/variant.h"

#define WORD sizeof(uint64_t)

static inline uint64_t word_at(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t two_words(const uint8_t *at)
{
	return csum_carry(word_at(at), word_at(at + WORD));
}

static inline uint64_t four_words(const uint8_t *at)
{
	return csum_carry(two_words(at), two_words(at + 2 * WORD));
}

/* Adds fewer than 8 bytes. */
static inline uint64_t add_few(uint64_t sum, const uint8_t *at, size_t len)
{
	uint32_t four;
	uint16_t two;

	if (len & 4) {
		memcpy(&four, at, sizeof(four));
		sum = csum_carry(sum, four);
		at += sizeof(four);
	}
	if (len & 2) {
		memcpy(&two, at, sizeof(two));
		sum = csum_carry(sum, two);
		at += sizeof(two);
	}
	return len & 1 ? csum_carry(sum, htobe16((uint16_t)(*at << 8))) : sum;
}

static inline uint64_t add_words(uint64_t sum, const uint8_t *at, size_t len)
{
	for (; len >= 8 * WORD; at += 8 * WORD, len -= 8 * WORD)
		sum = csum_carry(sum, csum_carry(four_words(at), four_words(at + 4 * WORD)));
	if (len & 4 * WORD) {
		sum = csum_carry(sum, four_words(at));
		at += 4 * WORD;
	}
	if (len & 2 * WORD) {
		sum = csum_carry(sum, two_words(at));
		at += 2 * WORD;
	}
	if (len & WORD) {
		sum = csum_carry(sum, word_at(at));
		at += WORD;
	}
	return len % WORD ? add_few(sum, at, len % WORD) : sum;
}

static uint64_t sum_portable(const void *data, size_t len)
{
	return add_words(0, data, len);
}

static uint16_t add_portable(uint32_t sum, const void *data, size_t len)
{
	return be16toh(csum_fold(add_words(htobe16((uint16_t)sum), data, len)));
}

static bool any_processor(void)
{
	return true;
}

const struct csum_variant csum_portable = { "portable", any_processor, sum_portable, add_portable };
