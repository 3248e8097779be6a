// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CRC32c: the choice of a variant, the portable one, and combining two CRCs.
 *
 * The register holds a polynomial over GF(2), least significant bit = x^31. The portable variant
 * takes eight bytes at once with eight tables: table n says what a byte adds to the register if n
 * more bytes follow it. It reads words as little-endian on every machine. The first use makes the
 * tables, 8 KiB.
 */
#include "sum/crc32c.h"

#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "sum/variant.h"

#define POLYNOMIAL 0x82f63b78u
#define SLICES 8

static uint32_t tables[SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static uint32_t times_x(uint32_t polynomial)
{
	return polynomial >> 1 ^ (polynomial & 1 ? POLYNOMIAL : 0);
}

static void make_tables(void)
{
	for (unsigned int byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = times_x(crc);
		tables[0][byte] = crc;
	}
	for (unsigned int n = 1; n < SLICES; n++)
		for (unsigned int byte = 0; byte < 256; byte++) {
			uint32_t crc = tables[n - 1][byte];

			tables[n][byte] = crc >> 8 ^ tables[0][crc & 0xff];
		}
}

static uint32_t add_by_tables(uint32_t crc, const uint8_t *at, size_t len)
{
	uint64_t word;

	pthread_once(&tables_once, make_tables);
	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		word = le64toh(word) ^ crc;
		crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^
		      tables[5][word >> 16 & 0xff] ^ tables[4][word >> 24 & 0xff] ^
		      tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
		      tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
	}
	while (len--)
		crc = crc >> 8 ^ tables[0][(crc ^ *at++) & 0xff];
	return crc;
}

static bool always_usable(void)
{
	return true;
}

static const struct crc32c_variant portable = { "portable", always_usable, add_by_tables };

const struct crc32c_variant *const crc32c_variants[] = {
	&portable,
#ifdef __x86_64__
	&crc32c_sse42,
#elif defined(__aarch64__)
	&crc32c_armv8,
#endif
	NULL,
};

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	static const struct crc32c_variant *_Atomic chosen;
	const struct crc32c_variant *variant = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (!variant) { /* threads whose first calls coincide choose the same */
		variant = &portable;
		for (const struct crc32c_variant *const *row = crc32c_variants; *row; row++)
			if ((*row)->usable())
				variant = *row;
		atomic_store_explicit(&chosen, variant, memory_order_relaxed);
	}
	return ~variant->add(~crc, data, len);
}

/* a * b modulo the polynomial. */
static uint32_t times(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (; a; a <<= 1, b = times_x(b))
		if (a & 0x80000000)
			product ^= b;
	return product;
}

/* Appending len_b bytes multiplies by x^(8 len_b). The inversions at both ends cancel out. */
uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t len_b)
{
	uint32_t power = 0x00800000; /* x^8 */

	for (; len_b; len_b >>= 1, power = times(power, power))
		if (len_b & 1)
			a = times(a, power);
	return a ^ b;
}
