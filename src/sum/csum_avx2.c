// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Internet checksum with AVX2: two instructions for each 32 bytes loaded.
 *
 * The first adds 64-bit lanes and loses their carries. The second makes it possible to work out how
 * many were lost, from an estimate of the lane's sum. It averages 16-bit words (vpavgw), in a tree
 * over a block of 8 vectors: 8 times the average of the highest words is the sum of the lane in
 * units of 2^48, but for rounding. Per block, ignoring the lower words makes it too small by less
 * than 8, and rounding up (1/2 at each of 3 levels) too large by at most 12. The carries are the
 * estimate minus what the lane holds, in units of 2^16 (of 2^48). This is exact while the errors
 * stay below half a unit: for 2048 blocks.
 *
 * Vectors are aligned, as loads that cross a cache line cost two. The bytes before and after them
 * are loaded unaligned, from inside the buffer, and masked. If the address is odd, aligned words
 * have their bytes swapped against the message: the ends are swapped to match, and the result is
 * swapped back.
 */

#ifdef __x86_64__

#include <immintrin.h>

#include "sum/variant.h"

#define AVX2 __attribute__((target("avx2")))
#define VECTOR sizeof(__m256i)
#define BLOCK (8 * VECTOR)
#define BLOCKS_AT_ONCE 2048
#define SHORT 128

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

/* From byte 32 - n on: a mask of the first n bytes. From byte 32 + n on: of the last n. */
static const uint8_t edge[3 * 32] __attribute__((aligned(32))) = {
	[0 ... 31] = 0xff,
	[32 ... 63] = 0,
	[64 ... 95] = 0xff,
};

AVX2 static inline __m256i load(const uint8_t *at)
{
	return _mm256_loadu_si256((const __m256i *)at);
}

/* For a value used twice: the compiler would load it twice, but loads are the bottleneck. */
AVX2 static inline __m256i load_once(const uint8_t *at)
{
	__m256i words = load(at);

	__asm__("" : "+x"(words));
	return words;
}

/* Adds the 32-bit halves of each lane, so that no carry is lost. */
AVX2 static inline __m256i add_halves(__m256i sum, __m256i words)
{
	sum = _mm256_add_epi64(sum, _mm256_srli_epi64(words, 32));
	return _mm256_add_epi64(sum, _mm256_blend_epi32(words, _mm256_setzero_si256(), 0xaa));
}

/* Moves each byte to the other half of its 16-bit word if `swap`. */
AVX2 static inline __m256i swap_if(__m256i words, bool swap)
{
	__m256i swapped = _mm256_or_si256(_mm256_slli_epi16(words, 8), _mm256_srli_epi16(words, 8));

	return swap ? swapped : words;
}

AVX2 static inline __m256i average(__m256i a, __m256i b)
{
	return _mm256_avg_epu16(a, b);
}

/* Adds at most BLOCKS_AT_ONCE aligned blocks. */
AVX2 static inline __m256i add_blocks(__m256i sum, const uint8_t *at, size_t blocks)
{
	__m256i low = _mm256_setzero_si256(), low2 = low, tops = low, carries;
	__m256i a, b, c, d, even, odd;

	for (; blocks; blocks--, at += BLOCK) {
		a = load_once(at);
		b = load_once(at + VECTOR);
		c = load_once(at + 2 * VECTOR);
		d = load_once(at + 3 * VECTOR);
		low = _mm256_add_epi64(low, a);
		low2 = _mm256_add_epi64(low2, b);
		low = _mm256_add_epi64(low, c);
		low2 = _mm256_add_epi64(low2, d);
		even = average(average(a, b), average(c, d));
		a = load_once(at + 4 * VECTOR);
		b = load_once(at + 5 * VECTOR);
		c = load_once(at + 6 * VECTOR);
		d = load_once(at + 7 * VECTOR);
		low = _mm256_add_epi64(low, a);
		low2 = _mm256_add_epi64(low2, b);
		low = _mm256_add_epi64(low, c);
		low2 = _mm256_add_epi64(low2, d);
		odd = average(average(a, b), average(c, d));
		tops = _mm256_add_epi64(tops, _mm256_srli_epi64(average(even, odd), 48));
	}
	low = _mm256_add_epi64(low, low2);
	carries = _mm256_sub_epi64(_mm256_slli_epi64(tops, 3), _mm256_srli_epi64(low, 48));
	carries = _mm256_srli_epi64(_mm256_add_epi64(carries, _mm256_set1_epi64x(32768)), 16);
	return _mm256_add_epi64(add_halves(sum, low), carries);
}

/* The sum of the lanes, each of which is below 2^60. */
AVX2 static inline uint64_t sum_lanes(__m256i lanes)
{
	__m128i two =
		_mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));

	return (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two)));
}

AVX2 static uint64_t sum_avx2(const void *data, size_t len)
{
	const uint8_t *at = data, *end;
	size_t before = -(uintptr_t)at % VECTOR, blocks;
	bool odd = (uintptr_t)at % 2;
	__m256i sum = _mm256_setzero_si256(), first, last;

	if (len < SHORT)
		return csum_portable.sum(data, len);
	end = at + len;
	first = _mm256_and_si256(load(at), load(edge + VECTOR - before));
	sum = add_halves(sum, swap_if(first, odd));
	at += before;
	for (; (size_t)(end - at) >= BLOCK; at += blocks * BLOCK) {
		blocks = (size_t)(end - at) / BLOCK;
		blocks = blocks < BLOCKS_AT_ONCE ? blocks : BLOCKS_AT_ONCE;
		sum = add_blocks(sum, at, blocks);
	}
	for (; (size_t)(end - at) >= VECTOR; at += VECTOR)
		sum = add_halves(sum, load(at));
	last = _mm256_and_si256(load(end - VECTOR), load(edge + VECTOR + (end - at)));
	sum = add_halves(sum, swap_if(last, (uintptr_t)end % 2));
	return csum_unswap(sum_lanes(sum), data);
}

const struct csum_variant csum_avx2 = { "avx2", has_avx2, sum_avx2, NULL };

#endif
