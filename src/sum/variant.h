/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The variants of both sums for different processors, and what those of the Internet checksum
 * share. Only src/sum uses this. Tests find the variants in csum_variants[] and crc32c_variants[].
 */
#ifndef TRUESUM_SUM_VARIANT_H
#define TRUESUM_SUM_VARIANT_H

#include "sum/crc32c.h"
#include "sum/csum.h"

extern const struct csum_variant csum_portable; /* the others leave short lengths to it */
#ifdef __x86_64__
extern const struct csum_variant csum_avx2, csum_avx512bw, csum_avx512vnni;
extern const struct crc32c_variant crc32c_sse42; /* with PCLMULQDQ */
#elif defined(__aarch64__)
extern const struct crc32c_variant crc32c_armv8;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
extern const struct csum_variant csum_neon;
#endif
#endif

/* One's complement addition: the carry is added again. */
static inline uint64_t csum_carry(uint64_t a, uint64_t b)
{
	uint64_t sum;
	uint64_t carry = __builtin_add_overflow(a, b, &sum);

	return sum + carry;
}

/*
 * To 16 bits. Each step adds the upper and the lower half, and the carry ends up in the upper one.
 */
static inline uint16_t csum_fold(uint64_t sum)
{
	uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}

/*
 * Corrects a sum that was made from aligned words. If `data` is at an odd address, the bytes of
 * these words are swapped against the message. Swapping them back multiplies by 2^8, which modulo
 * 2^64 - 1 is a rotation.
 */
static inline uint64_t csum_unswap(uint64_t sum, const void *data)
{
	unsigned int by = (uintptr_t)data % 2 * 8;

	return sum << by | sum >> (-by % 64);
}

#endif
