/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC32c (Castagnoli; RFC 9260 appendix A), the checksum of SCTP. */
#ifndef TRUESUM_SUM_CRC32C_H
#define TRUESUM_SUM_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The CRC of len bytes, continued from `crc`: 0, or an earlier result. crc32c(0, "123456789", 9) is
 * 0xe3069283. SCTP stores the CRC least significant byte first.
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/*
 * The CRC of a message of two parts: `a` is the CRC of the first, `b` that of the second (len_b
 * bytes).
 */
uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t len_b);

/* One way to compute it. For tests; everything else calls crc32c(). */
struct crc32c_variant {
	const char *name; /* "sse4.2" */
	bool (*usable)(void); /* whether this processor has what it needs */
	/* Takes and returns the register as it is: crc32c() inverts it before and after. */
	uint32_t (*add)(uint32_t crc, const uint8_t *at, size_t len);
};

/* Every variant built in, slowest first; crc32c() uses the last usable one. Ends with NULL. */
extern const struct crc32c_variant *const crc32c_variants[];

#endif
