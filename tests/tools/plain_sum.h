/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checksums again, as simple as in their RFCs. Tests compare with these, which share no code
 * with truesum.
 */
#ifndef TRUESUM_TESTS_PLAIN_SUM_H
#define TRUESUM_TESTS_PLAIN_SUM_H

#include <stddef.h>
#include <stdint.h>

/* RFC 1071: adds the big-endian 16-bit words of data to an unfolded sum; an odd byte is padded. */
uint64_t plain_sum(uint64_t sum, const uint8_t *data, size_t len);
uint16_t plain_fold(uint64_t sum);

/*
 * RFC 9260 appendix A, bit by bit. `crc` is the register: begin with ~0 and complement the result.
 */
uint32_t plain_crc32c(uint32_t crc, const uint8_t *data, size_t len);

#endif
