/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Internet checksum (RFC 1071): one's complement sums of 16-bit big-endian words. */
#ifndef TRUESUM_SUM_CSUM_H
#define TRUESUM_SUM_CSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The folded, un-complemented one's complement sum of len bytes, continued from `sum` (0, or an
 * earlier result). An odd last byte is padded with zero on the right, as RFC 1071 says. The value is
 * in host byte order, as if the words had been read big-endian. `data` may be NULL if len is 0.
 */
uint16_t csum_add(uint16_t sum, const void *data, size_t len);

/* One's complement addition of two folded sums, and a - b. */
uint16_t csum_plus(uint16_t a, uint16_t b);
uint16_t csum_minus(uint16_t a, uint16_t b);

/*
 * The pseudo-header's sum (RFC 793, RFC 8200 section 8.1): addresses of 4 or 16 bytes each
 * (`addr_len`) in network order, the protocol number and the length of transport header and payload.
 */
uint16_t csum_pseudo(const void *src, const void *dst, size_t addr_len, uint8_t proto,
		     uint32_t l4_len);

#endif
