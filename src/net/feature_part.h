/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What feature.c and feature_dump.c share. */
#ifndef TRUESUM_NET_FEATURE_PART_H
#define TRUESUM_NET_FEATURE_PART_H

#include <stdint.h>

#include "net/nl.h"

/*
 * Starts an ethtool message about features in `buffer` (NL_REQUEST_SIZE bytes): of `device`, bits with their
 * names; or of NULL, for dumps, as bare bits.
 */
struct nlmsghdr *feature_request(void *buffer, uint16_t type, uint8_t command, uint16_t flags,
				 const char *device);

#endif
