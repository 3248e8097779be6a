/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum (RFC 1071): one's complement sums of 16-bit big-endian words, at the speed
 * of memory. The first use chooses the fastest variant that this processor can run.
 */
#ifndef TRUESUM_SUM_CSUM_H
#define TRUESUM_SUM_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The folded one's complement sum of len bytes (not complemented), continued from `sum`: 0, or an
 * earlier result. An odd last byte is padded with zero on the right, as RFC 1071 says. The value is
 * in host byte order, as if the words had been read big-endian. `data` may be NULL if len is 0, and
 * may lie at any address. Nothing outside of it is read.
 */
uint16_t csum_add(uint16_t sum, const void *data, size_t len);

/* One's complement addition of two folded sums, and a - b. */
uint16_t csum_plus(uint16_t a, uint16_t b);
uint16_t csum_minus(uint16_t a, uint16_t b);

/*
 * The checksum field (complemented, host byte order) of a message in which a 16-bit word changed
 * from `before` to `after` (RFC 1624, equation 3).
 */
uint16_t csum_update(uint16_t field, uint16_t before, uint16_t after);

/*
 * The pseudo-header's sum (RFC 793, RFC 8200 section 8.1): addresses of 4 or 16 bytes each
 * (`addr_len`) in network order, the protocol number and the length of transport header and
 * payload.
 */
uint16_t csum_pseudo(const void *src, const void *dst, size_t addr_len, uint8_t proto,
		     uint32_t l4_len);

/* One way to add up bytes. For tests and measurements; everything else calls csum_add(). */
struct csum_variant {
	const char *name; /* "avx2" */
	bool (*usable)(void); /* whether this processor has what it needs */
	/*
	 * A number that is congruent, modulo 65535, to the sum of the 16-bit words as this machine
	 * reads them (not swapped); 0 only if every byte is 0.
	 */
	uint64_t (*sum)(const void *data, size_t len);
	/* As csum_add(), `sum` below 2^16. NULL: nothing faster for short lengths than portable. */
	uint16_t (*add)(uint32_t sum, const void *data, size_t len);
};

/* Every variant built in, slowest first: the portable one. Ends with NULL. */
extern const struct csum_variant *const csum_variants[];

/* The variant that csum_add() uses here. */
const struct csum_variant *csum_chosen(void);

#endif
