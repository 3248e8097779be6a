// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Internet checksum: the choice of a variant, and arithmetic with sums.
 *
 * Most of what is summed are headers, which are short. So up to SHORT bytes the portable variant
 * adds them, unless the chosen variant has an `add` of its own.
 */
#include "sum/csum.h"

#include <endian.h>
#include <stdatomic.h>

#include "sum/variant.h"

#define SHORT 128

const struct csum_variant *const csum_variants[] = {
	&csum_portable,
#ifdef __x86_64__
	&csum_avx2,	&csum_avx512bw, &csum_avx512vnni,
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	&csum_neon,
#endif
	NULL,
};

/*
 * How csum_add() adds: chosen at the first call. Threads whose first calls coincide choose the same
 * variant. A thread that sees only one of the two stores adds correctly, too.
 */
typedef uint16_t adder(uint32_t sum, const void *data, size_t len);
static adder choose_and_add;
static adder *_Atomic add_bytes = choose_and_add;
static const struct csum_variant *_Atomic chosen = &csum_portable;

static __attribute__((noinline)) uint16_t add_long(uint32_t sum, const void *data, size_t len)
{
	const struct csum_variant *variant = atomic_load_explicit(&chosen, memory_order_relaxed);

	return be16toh(csum_fold(csum_carry(variant->sum(data, len), htobe16((uint16_t)sum))));
}

/* Long ones have a function of their own, so that short ones need no stack. */
static uint16_t add_any(uint32_t sum, const void *data, size_t len)
{
	return len > SHORT ? add_long(sum, data, len) : csum_portable.add(sum, data, len);
}

static void choose_variant(void)
{
	const struct csum_variant *best = &csum_portable;

	for (const struct csum_variant *const *row = csum_variants; *row; row++)
		if ((*row)->usable())
			best = *row;
	atomic_store_explicit(&chosen, best, memory_order_relaxed);
	atomic_store_explicit(&add_bytes, best->add ? best->add : add_any, memory_order_relaxed);
}

static uint16_t choose_and_add(uint32_t sum, const void *data, size_t len)
{
	choose_variant();
	return csum_add((uint16_t)sum, data, len);
}

const struct csum_variant *csum_chosen(void)
{
	if (atomic_load_explicit(&add_bytes, memory_order_relaxed) == choose_and_add)
		choose_variant();
	return atomic_load_explicit(&chosen, memory_order_relaxed);
}

__attribute__((aligned(64))) uint16_t csum_add(uint16_t sum, const void *data, size_t len)
{
	return atomic_load_explicit(&add_bytes, memory_order_relaxed)(sum, data, len);
}

uint16_t csum_plus(uint16_t a, uint16_t b)
{
	return csum_fold((uint64_t)a + b);
}

uint16_t csum_minus(uint16_t a, uint16_t b)
{
	return csum_plus(a, (uint16_t)~b);
}

uint16_t csum_update(uint16_t field, uint16_t before, uint16_t after)
{
	return (uint16_t)~csum_plus(csum_plus((uint16_t)~field, (uint16_t)~before), after);
}

uint16_t csum_pseudo(const void *src, const void *dst, size_t addr_len, uint8_t proto,
		     uint32_t l4_len)
{
	uint16_t sum = csum_add(csum_add(0, src, addr_len), dst, addr_len);

	return csum_plus(sum, csum_fold((uint64_t)l4_len + proto));
}
