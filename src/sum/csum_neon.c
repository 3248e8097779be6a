// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Internet checksum on arm64: one instruction adds the 16-bit words of a vector by pairs to
 * 32-bit lanes. A lane grows by at most 2 * 65535 a vector and is moved to 64 bits before it can
 * overflow.
 */

#if defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#include <arm_neon.h>

#include "sum/variant.h"

#define VECTOR sizeof(uint8x16_t)
#define LANES 4 /* accumulators, to hide the latency */
#define BLOCK (LANES * VECTOR)
#define BLOCKS_AT_ONCE 32768

static uint16x8_t words_at(const uint8_t *at)
{
	return vreinterpretq_u16_u8(vld1q_u8(at));
}

/* At most BLOCKS_AT_ONCE blocks. */
static uint64_t sum_blocks(const uint8_t *at, size_t blocks)
{
	uint32x4_t sums[LANES] = { vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0) };
	uint64_t sum = 0;

	for (; blocks; blocks--, at += BLOCK)
		for (size_t i = 0; i < LANES; i++)
			sums[i] = vpadalq_u16(sums[i], words_at(at + i * VECTOR));
	for (size_t i = 0; i < LANES; i++)
		sum += vaddlvq_u32(sums[i]);
	return sum;
}

static uint64_t sum_neon(const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t sum = 0;

	while (len >= BLOCK) {
		size_t blocks = len / BLOCK < BLOCKS_AT_ONCE ? len / BLOCK : BLOCKS_AT_ONCE;

		sum += sum_blocks(at, blocks);
		at += blocks * BLOCK;
		len -= blocks * BLOCK;
	}
	return csum_carry(sum, csum_portable.sum(at, len));
}

static bool has_neon(void)
{
	return true;
}

const struct csum_variant csum_neon = { "neon", has_neon, sum_neon, NULL };

#endif
