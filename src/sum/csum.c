// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Internet checksum, portably.
 *
 * A one's complement sum does not care in which byte order its words are read, as long as the result
 * is read the same way (RFC 1071 section 2 B). So whole 32-bit words are added as the machine reads
 * them into 64 bits, which cannot overflow below 16 GiB, and only the folded result is swapped.
 */
#include "sum/csum.h"

#include <endian.h>
#include <string.h>

static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}

uint16_t csum_add(uint16_t sum, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t words = htobe16(sum);
	uint32_t word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		words += word;
	}
	if (len) {
		word = 0;
		memcpy(&word, at, len);
		words += word;
	}
	return be16toh(fold(words));
}

uint16_t csum_plus(uint16_t a, uint16_t b)
{
	return fold((uint64_t)a + b);
}

uint16_t csum_minus(uint16_t a, uint16_t b)
{
	return csum_plus(a, (uint16_t)~b);
}

uint16_t csum_pseudo(const void *src, const void *dst, size_t addr_len, uint8_t proto,
		     uint32_t l4_len)
{
	uint16_t sum = csum_add(csum_add(0, src, addr_len), dst, addr_len);

	return csum_plus(sum, fold((uint64_t)l4_len + proto));
}
