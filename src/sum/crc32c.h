/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC32c (Castagnoli; RFC 9260 appendix A), the checksum of SCTP. */
#ifndef TRUESUM_SUM_CRC32C_H
#define TRUESUM_SUM_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The CRC of len bytes, continued from `crc`: 0, or an earlier result. crc32c(0, "123456789", 9) is
 * 0xe3069283. SCTP stores it least significant byte first.
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The CRC of a message whose first part has the CRC `a` and the rest, of len_b bytes, on its own `b`. */
uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t len_b);

/* "portable", "sse4.2", "armv8-crc": what crc32c() uses here. */
const char *crc32c_chosen(void);

#endif
