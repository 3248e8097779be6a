// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Internet checksum, portably, and the choice of a variant.
 *
 * A one's complement sum does not care in which byte order its words are read, as long as the result
 * is read the same way (RFC 1071 section 2 B). Nor does it care how wide the words are: 2^16 - 1
 * divides 2^64 - 1. So whole 64-bit words are added as the machine reads them, carries are counted
 * and added at the end, and only the folded result is swapped.
 *
 * Headers are short and most of what is summed: up to SHORT bytes nothing more is called, and with
 * AVX-512 the length decides no branches.
 */
#include "sum/csum.h"

#include <endian.h>
#include <stdatomic.h>
#include <string.h>

#include "sum/csum_variant.h"

#define SHORT 128
#define WORD sizeof(uint64_t)

/* Each step adds the upper and the lower half, the carry coming round into the upper one. */
static inline uint16_t fold(uint64_t sum)
{
	uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}

/* One's complement addition. */
static inline uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;
	uint64_t carry = __builtin_add_overflow(a, b, &sum);

	return sum + carry;
}

static inline uint64_t word_at(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t two_words(const uint8_t *at)
{
	return add(word_at(at), word_at(at + WORD));
}

static inline uint64_t four_words(const uint8_t *at)
{
	return add(two_words(at), two_words(at + 2 * WORD));
}

/* Adds fewer than 8 bytes. */
static inline uint64_t add_few(uint64_t sum, const uint8_t *at, size_t len)
{
	uint32_t four;
	uint16_t two;

	if (len & 4) {
		memcpy(&four, at, sizeof(four));
		sum = add(sum, four);
		at += sizeof(four);
	}
	if (len & 2) {
		memcpy(&two, at, sizeof(two));
		sum = add(sum, two);
		at += sizeof(two);
	}
	return len & 1 ? add(sum, htobe16((uint16_t)(*at << 8))) : sum;
}

static inline uint64_t add_words(uint64_t sum, const uint8_t *at, size_t len)
{
	for (; len >= 8 * WORD; at += 8 * WORD, len -= 8 * WORD)
		sum = add(sum, add(four_words(at), four_words(at + 4 * WORD)));
	if (len & 4 * WORD) {
		sum = add(sum, four_words(at));
		at += 4 * WORD;
	}
	if (len & 2 * WORD) {
		sum = add(sum, two_words(at));
		at += 2 * WORD;
	}
	if (len & WORD) {
		sum = add(sum, word_at(at));
		at += WORD;
	}
	return len % WORD ? add_few(sum, at, len % WORD) : sum;
}

uint64_t csum_portable(const void *data, size_t len)
{
	return add_words(0, data, len);
}

static bool always(void)
{
	return true;
}

const struct csum_variant csum_variants[] = {
	{ "portable", always, csum_portable },
#ifdef __x86_64__
	{ "avx2", csum_avx2_usable, csum_avx2 },
	{ "avx512bw", csum_avx512bw_usable, csum_avx512bw },
	{ "avx512vnni", csum_avx512vnni_usable, csum_avx512vnni },
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	{ "neon", always, csum_neon },
#endif
	{ NULL, NULL, NULL },
};

/*
 * How csum_add() adds: chosen at the first use. Threads that come at once choose the same, and whichever
 * of the two stores another sees first, what it then does is right.
 */
typedef uint16_t adder(uint32_t sum, const void *data, size_t len);
static adder choose_and_add;
static adder *_Atomic add_bytes = choose_and_add;
static const struct csum_variant *_Atomic chosen = &csum_variants[0];

static __attribute__((noinline)) uint16_t add_long(uint32_t sum, const void *data, size_t len)
{
	const struct csum_variant *variant = atomic_load_explicit(&chosen, memory_order_relaxed);

	return be16toh(fold(add(variant->sum(data, len), htobe16((uint16_t)sum))));
}

/* The long ones apart, so that short ones need no stack. */
static uint16_t add_any(uint32_t sum, const void *data, size_t len)
{
	if (len > SHORT)
		return add_long(sum, data, len);
	return be16toh(fold(add_words(htobe16((uint16_t)sum), data, len)));
}

static void choose(void)
{
	const struct csum_variant *best = &csum_variants[0];

	for (const struct csum_variant *row = csum_variants; row->name; row++)
		if (row->usable())
			best = row;
	atomic_store_explicit(&chosen, best, memory_order_relaxed);
#ifdef __x86_64__
	if (best->sum == csum_avx512vnni) {
		atomic_store_explicit(&add_bytes, csum_avx512vnni_add, memory_order_relaxed);
		return;
	}
#endif
	atomic_store_explicit(&add_bytes, add_any, memory_order_relaxed);
}

static uint16_t choose_and_add(uint32_t sum, const void *data, size_t len)
{
	choose();
	return csum_add((uint16_t)sum, data, len);
}

const struct csum_variant *csum_chosen(void)
{
	if (atomic_load_explicit(&add_bytes, memory_order_relaxed) == choose_and_add)
		choose();
	return atomic_load_explicit(&chosen, memory_order_relaxed);
}

__attribute__((aligned(64))) uint16_t csum_add(uint16_t sum, const void *data, size_t len)
{
	return atomic_load_explicit(&add_bytes, memory_order_relaxed)(sum, data, len);
}

uint16_t csum_plus(uint16_t a, uint16_t b)
{
	return fold((uint64_t)a + b);
}

uint16_t csum_minus(uint16_t a, uint16_t b)
{
	return csum_plus(a, (uint16_t)~b);
}

uint16_t csum_combine(uint16_t a, uint16_t b, size_t offset)
{
	return csum_plus(a, offset % 2 ? (uint16_t)(b << 8 | b >> 8) : b);
}

uint16_t csum_update(uint16_t field, uint16_t before, uint16_t after)
{
	return (uint16_t)~csum_plus(csum_plus((uint16_t)~field, (uint16_t)~before), after);
}

uint16_t csum_pseudo(const void *src, const void *dst, size_t addr_len, uint8_t proto,
		     uint32_t l4_len)
{
	uint16_t sum = csum_add(csum_add(0, src, addr_len), dst, addr_len);

	return csum_plus(sum, fold((uint64_t)l4_len + proto));
}
