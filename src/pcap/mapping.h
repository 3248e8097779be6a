/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A regular file in memory that survives somebody cutting the file short: what is no longer there
 * reads as zeros, and mapping_check() says so from then on.
 */
#ifndef TRUESUM_PCAP_MAPPING_H
#define TRUESUM_PCAP_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping;

/* Maps `size` (> 0) bytes of `fd`, which stays the caller's and must stay open. -errno, no sentence. */
int mapping_new(int fd, uint64_t size, struct mapping **ret_mapping);
void mapping_free(struct mapping *mapping);

const uint8_t *mapping_data(const struct mapping *mapping);

/* NULL, or why the bytes cannot be trusted any more (a static sentence). Any thread may call it. */
const char *mapping_check(const struct mapping *mapping);

#endif
