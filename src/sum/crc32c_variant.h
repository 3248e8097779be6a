/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ways to CRC32c, for src/sum and its tests. */
#ifndef TRUESUM_SUM_CRC32C_VARIANT_H
#define TRUESUM_SUM_CRC32C_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As crc32c(), on any processor. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

/* The others take and give the register as it is, not inverted. */

/* x86-64 only: SSE4.2 and PCLMULQDQ. */
bool crc32c_sse42_usable(void);
uint32_t crc32c_sse42(uint32_t crc, const uint8_t *at, size_t len);

/* arm64 only. */
bool crc32c_armv8_usable(void);
uint32_t crc32c_armv8(uint32_t crc, const uint8_t *at, size_t len);

#endif
