/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A regular file in memory that survives if somebody cuts the file short: what is no longer there
 * reads as zeros, and mapping_check() says so from then on.
 *
 * While there are mappings, a handler for SIGBUS is installed: no thread may block that signal. A
 * SIGBUS that is not about a mapping has the effect it had before.
 */
#ifndef TRUESUM_PCAP_MAPPING_H
#define TRUESUM_PCAP_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct mapping;

/*
 * Maps `size` (> 0) bytes of `fd`, which stays the caller's and must stay open as long. *ret_data
 * is valid until mapping_free(). -errno, no sentence: -EMFILE if there are 16 mappings already.
 */
int mapping_new(int fd, uint64_t size, struct mapping **ret_mapping, const uint8_t **ret_data);
void mapping_free(struct mapping *mapping);
DEFINE_CLEANUP(struct mapping *, mapping, mapping_free)

/* NULL, or why the bytes cannot be trusted any more (a static sentence). Any thread may call it. */
const char *mapping_check(const struct mapping *mapping);

#endif
