// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CRC32c with SSE4.2. The instruction takes 3 cycles, but a new one can start in each cycle, so
 * three stretches of the message are computed side by side. To join them, the first two are moved
 * on by the length of what follows: a carry-less multiplication by x^(8 n - 33), then one more
 * instruction, which reduces the product and multiplies it by x^32. The last factor x comes from
 * products of reflected numbers being one bit short.
 */
#ifdef __x86_64__

#include <immintrin.h>
#include <string.h>

#include "sum/variant.h"

#define SSE42 __attribute__((target("sse4.2,pclmul")))
#define WORD sizeof(uint64_t)

/* Stretches of `len` bytes, and x^(8 n - 33) modulo the polynomial for n = 2 len and n = len. */
static const struct stretch {
	size_t len;
	uint32_t over_two, over_one;
} stretches[] = {
	{ 1024, 0xa51b6135, 0x170076fa },
	{ 128, 0xb9e02b86, 0x0d3b6092 },
};

static bool has_sse42(void)
{
	return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

SSE42 static inline uint64_t add_word(uint64_t crc, const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return _mm_crc32_u64(crc, word);
}

SSE42 static inline uint64_t move_on(uint64_t crc, uint32_t factor)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
					       _mm_cvtsi64_si128(factor), 0);

	return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* Adds three stretches. */
SSE42 static inline uint64_t add_three(uint64_t crc, const uint8_t *at,
				       const struct stretch *stretch)
{
	uint64_t second = 0, third = 0;

	for (size_t i = 0; i < stretch->len; i += WORD) {
		crc = add_word(crc, at + i);
		second = add_word(second, at + stretch->len + i);
		third = add_word(third, at + 2 * stretch->len + i);
	}
	return move_on(crc, stretch->over_two) ^ move_on(second, stretch->over_one) ^ third;
}

SSE42 static uint32_t add_sse42(uint32_t crc32, const uint8_t *at, size_t len)
{
	uint64_t crc = crc32;

	for (size_t i = 0; i < sizeof(stretches) / sizeof(stretches[0]); i++) {
		size_t three = 3 * stretches[i].len;

		for (; len >= three; at += three, len -= three)
			crc = add_three(crc, at, &stretches[i]);
	}
	for (; len >= WORD; at += WORD, len -= WORD)
		crc = add_word(crc, at);
	while (len--)
		crc = _mm_crc32_u8((uint32_t)crc, *at++);
	return (uint32_t)crc;
}

const struct crc32c_variant crc32c_sse42 = { "sse4.2", has_sse42, add_sse42 };

#endif
