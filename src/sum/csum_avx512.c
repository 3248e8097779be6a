// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Internet checksum with AVX-512, in two ways that take two instructions for each 64 bytes.
 *
 * VNNI: vpdpwssd with a vector of ones adds pairs of signed 16-bit words to 32-bit lanes. Flipping
 * their top bit makes words signed. That takes 32768 from each, 2^20 from a vector, which is added
 * again at the end. The 16 lanes together stay within 2^31 for LINES_AT_ONCE vectors and both ends.
 *
 * BW: 64-bit additions. The lost carries are recovered from averages, as csum_avx2.c explains.
 *
 * Both go through the buffer by cache lines. The first and the last line are loaded with a mask, so
 * that nothing outside the buffer is read. Since lines are aligned, no masked byte is in another
 * page, which would be slow. If the address is odd, words have their bytes swapped against the
 * message, which is undone at the end.
 */

#ifdef __x86_64__

#include <immintrin.h>

#include "sum/variant.h"

#define BW __attribute__((target("avx512bw")))
#define VNNI __attribute__((target("avx512bw,avx512vl,avx512vnni,bmi2")))
#define PAGE 4096
#define LINE sizeof(__m512i)
#define BLOCK (8 * LINE)
#define LINES_AT_ONCE 2040
#define BLOCKS_AT_ONCE 2048

/* The lines of a buffer. The first and the last are masked. */
struct lines {
	const uint8_t *first; /* begins before the buffer if that is not aligned */
	__mmask64 first_mask, last_mask;
	size_t between; /* lines between these two */
};

static bool has_bw(void)
{
	return __builtin_cpu_supports("avx512bw");
}

static bool has_vnni(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("bmi2");
}

/* For more than LINE bytes, so that there are at least two lines. */
static inline struct lines lines_of(const uint8_t *data, size_t len)
{
	size_t before = (uintptr_t)data % LINE;
	size_t spanned = before + len;

	return (struct lines){
		.first = data - before,
		.first_mask = ~0ULL << before,
		.last_mask = ~0ULL >> (-spanned % LINE),
		.between = (spanned - 1) / LINE - 1,
	};
}

BW static inline __m512i line_at(const uint8_t *at)
{
	return _mm512_load_si512((const __m512i *)at);
}

BW static inline __m512i line_once(const uint8_t *at)
{
	__m512i words = line_at(at);

	__asm__("" : "+v"(words));
	return words;
}

/* The sum of the 32-bit lanes, which does not overflow. */
VNNI static inline int32_t sum_dots(__m512i lanes)
{
	__m256i eight = _mm256_add_epi32(_mm512_castsi512_si256(lanes),
					 _mm512_extracti64x4_epi64(lanes, 1));
	__m128i four =
		_mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));

	four = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
	four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 1));
	return _mm_cvtsi128_si32(four);
}

VNNI static inline __m512i dot(__m512i sum, __m512i words)
{
	return _mm512_dpwssd_epi32(sum, _mm512_xor_si512(words, _mm512_set1_epi16(-32768)),
				   _mm512_set1_epi16(1));
}

/* The sum of up to LINES_AT_ONCE lines, signed, and of `before`. */
VNNI static inline int32_t dot_lines(__m512i before, const uint8_t *at, size_t lines)
{
	__m512i a = before, b = _mm512_setzero_si512(), c = b, d = b, e = b, f = b, g = b, h = b;

	for (; lines >= 8; lines -= 8, at += 8 * LINE) {
		a = dot(a, line_at(at));
		b = dot(b, line_at(at + LINE));
		c = dot(c, line_at(at + 2 * LINE));
		d = dot(d, line_at(at + 3 * LINE));
		e = dot(e, line_at(at + 4 * LINE));
		f = dot(f, line_at(at + 5 * LINE));
		g = dot(g, line_at(at + 6 * LINE));
		h = dot(h, line_at(at + 7 * LINE));
	}
	if (lines & 4) {
		a = dot(a, line_at(at));
		b = dot(b, line_at(at + LINE));
		c = dot(c, line_at(at + 2 * LINE));
		d = dot(d, line_at(at + 3 * LINE));
		at += 4 * LINE;
	}
	if (lines & 2) {
		e = dot(e, line_at(at));
		f = dot(f, line_at(at + LINE));
		at += 2 * LINE;
	}
	if (lines & 1)
		g = dot(g, line_at(at));
	a = _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d));
	e = _mm512_add_epi32(_mm512_add_epi32(e, f), _mm512_add_epi32(g, h));
	return sum_dots(_mm512_add_epi32(a, e));
}

VNNI static uint64_t sum_vnni(const void *data, size_t len)
{
	struct lines all;
	const uint8_t *at;
	__m512i ends = _mm512_setzero_si512();
	int64_t sum = 0;
	size_t rest;

	if (len <= LINE)
		return csum_portable.sum(data, len);
	all = lines_of(data, len);
	at = all.first + LINE;
	rest = all.between;
	ends = dot(ends, _mm512_maskz_loadu_epi8(all.first_mask, all.first));
	ends = dot(ends, _mm512_maskz_loadu_epi8(all.last_mask, at + rest * LINE));
	for (; rest > LINES_AT_ONCE; rest -= LINES_AT_ONCE, at += LINES_AT_ONCE * LINE)
		sum += dot_lines(_mm512_setzero_si512(), at, LINES_AT_ONCE);
	sum += dot_lines(ends, at, rest);
	return csum_unswap((uint64_t)sum + ((all.between + 2) << 20), data);
}

/*
 * Folds a sum of words in the machine's byte order into the order of the message, and adds
 * `before`. Swapping the bytes of a 16-bit word multiplies by 2^8.
 */
static inline uint16_t folded(uint32_t below_2_23, uint32_t before)
{
	uint32_t sum = (below_2_23 << 8) + before;

	return (uint16_t)((sum + (sum << 16 | sum >> 16)) >> 16);
}

VNNI static __attribute__((noinline)) uint16_t add_long_vnni(uint32_t sum, const void *data,
							     size_t len)
{
	uint64_t words = sum_vnni(data, len);

	words = (words >> 32) + (uint32_t)words;
	return folded((uint32_t)((words >> 16) + (uint16_t)words), sum);
}

/*
 * Operands in memory: the compiler would need two instructions to make each in a register. They are
 * not const, and "used", to keep the compiler from doing that.
 */
static uint16_t sign[LINE / 2] __attribute__((aligned(64), used)) = { [0 ... 31] = 0x8000 };
static uint16_t ones[LINE / 2] __attribute__((aligned(64), used)) = { [0 ... 31] = 1 };
static uint32_t start[LINE / 4] __attribute__((aligned(64), used)) = { [0 ... 15] = 65536 };

/* Adds the words of up to LINE bytes to the 32-bit lanes. */
VNNI static inline __m512i add_part(__m512i lanes, const uint8_t *at, size_t len)
{
	__mmask64 mask = _bzhi_u64(~0ULL, (unsigned int)len);
	__m512i words = _mm512_maskz_loadu_epi8(mask, at);

	/*
	 * What the flipped signs take from each lane is given back beforehand: no lane is negative.
	 */
	words = _mm512_xor_si512(words, _mm512_load_si512(sign));
	lanes = _mm512_add_epi32(lanes, _mm512_load_si512(start));
	return _mm512_dpwssd_epi32(lanes, words, _mm512_load_si512(ones));
}

/*
 * Short lengths take only one branch on the length: one masked load or two. Near the end of a page,
 * masked bytes could be in an unmapped page, which is safe but slow.
 */
VNNI __attribute__((aligned(64))) static uint16_t add_vnni(uint32_t sum, const void *data,
							   size_t len)
{
	const uint8_t *at = data;
	__m512i lanes;
	__m256i eight;
	__m128i four;
	uint64_t two;
	uint32_t in_page = (uint32_t)(uintptr_t)at; /* its last 12 bits */

	if (len > 2 * LINE || in_page << 20 > (PAGE - 2 * LINE) << 20)
		return add_long_vnni(sum, data, len);
	lanes = add_part(_mm512_setzero_si512(), at, len);
	if (len > LINE)
		lanes = add_part(lanes, at + LINE, len - LINE);
	eight = _mm256_add_epi32(_mm512_castsi512_si256(lanes),
				 _mm512_extracti64x4_epi64(lanes, 1));
	four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
	four = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
	two = (uint64_t)_mm_cvtsi128_si64(four);
	return folded((uint32_t)two + (uint32_t)(two >> 32), sum);
}

BW static inline __m512i bw_average(__m512i a, __m512i b)
{
	return _mm512_avg_epu16(a, b);
}

/* Adds the 32-bit halves of each lane, so that no carry is lost. */
BW static inline __m512i bw_add_halves(__m512i sum, __m512i words)
{
	sum = _mm512_add_epi64(sum, _mm512_srli_epi64(words, 32));
	return _mm512_add_epi64(sum, _mm512_maskz_mov_epi32(0x5555, words));
}

/* Adds at most BLOCKS_AT_ONCE blocks. */
BW static inline __m512i bw_add_blocks(__m512i sum, const uint8_t *at, size_t blocks)
{
	__m512i low = _mm512_setzero_si512(), low2 = low, tops = low, carries;
	__m512i a, b, c, d, even, odd;

	for (; blocks; blocks--, at += BLOCK) {
		a = line_once(at);
		b = line_once(at + LINE);
		c = line_once(at + 2 * LINE);
		d = line_once(at + 3 * LINE);
		low = _mm512_add_epi64(low, a);
		low2 = _mm512_add_epi64(low2, b);
		low = _mm512_add_epi64(low, c);
		low2 = _mm512_add_epi64(low2, d);
		even = bw_average(bw_average(a, b), bw_average(c, d));
		a = line_once(at + 4 * LINE);
		b = line_once(at + 5 * LINE);
		c = line_once(at + 6 * LINE);
		d = line_once(at + 7 * LINE);
		low = _mm512_add_epi64(low, a);
		low2 = _mm512_add_epi64(low2, b);
		low = _mm512_add_epi64(low, c);
		low2 = _mm512_add_epi64(low2, d);
		odd = bw_average(bw_average(a, b), bw_average(c, d));
		tops = _mm512_add_epi64(tops, _mm512_srli_epi64(bw_average(even, odd), 48));
	}
	low = _mm512_add_epi64(low, low2);
	carries = _mm512_sub_epi64(_mm512_slli_epi64(tops, 3), _mm512_srli_epi64(low, 48));
	carries = _mm512_srli_epi64(_mm512_add_epi64(carries, _mm512_set1_epi64(32768)), 16);
	return _mm512_add_epi64(bw_add_halves(sum, low), carries);
}

BW static uint64_t sum_bw(const void *data, size_t len)
{
	struct lines all;
	const uint8_t *at;
	__m512i sum = _mm512_setzero_si512();
	size_t rest, blocks;

	if (len <= LINE)
		return csum_portable.sum(data, len);
	all = lines_of(data, len);
	at = all.first + LINE;
	sum = bw_add_halves(sum, _mm512_maskz_loadu_epi8(all.first_mask, all.first));
	for (rest = all.between; rest >= 8; rest -= blocks * 8, at += blocks * BLOCK) {
		blocks = rest / 8 < BLOCKS_AT_ONCE ? rest / 8 : BLOCKS_AT_ONCE;
		sum = bw_add_blocks(sum, at, blocks);
	}
	for (; rest; rest--, at += LINE)
		sum = bw_add_halves(sum, line_at(at));
	sum = bw_add_halves(sum, _mm512_maskz_loadu_epi8(all.last_mask, at));
	return csum_unswap((uint64_t)_mm512_reduce_add_epi64(sum), data);
}

const struct csum_variant csum_avx512bw = { "avx512bw", has_bw, sum_bw, NULL };
const struct csum_variant csum_avx512vnni = { "avx512vnni", has_vnni, sum_vnni, add_vnni };

#endif
