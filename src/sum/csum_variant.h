/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of csum_variants[]; see there for what each gives. For src/sum only. */
#ifndef TRUESUM_SUM_CSUM_VARIANT_H
#define TRUESUM_SUM_CSUM_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any processor; the others leave short lengths to it. */
uint64_t csum_portable(const void *data, size_t len);

/* x86-64 only. */
bool csum_avx2_usable(void);
uint64_t csum_avx2(const void *data, size_t len);
bool csum_avx512bw_usable(void);
uint64_t csum_avx512bw(const void *data, size_t len);
bool csum_avx512vnni_usable(void);
uint64_t csum_avx512vnni(const void *data, size_t len);
/* As csum_add(); `sum` is below 2^16. */
uint16_t csum_avx512vnni_add(uint32_t sum, const void *data, size_t len);

/* Little-endian arm64 only, where it is always there. */
uint64_t csum_neon(const void *data, size_t len);

#endif
