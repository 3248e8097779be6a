/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Damage patterns for user space: their names, and damaging a whole payload in memory. */
#ifndef TRUESUM_PACKET_PATTERN_H
#define TRUESUM_PACKET_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/damage.h"

/* What a pattern is called and does, one row a kind, DAMAGE_KINDS rows. */
struct pattern_row {
	const char *name;
	const char *help;
	bool unseen; /* the Internet checksum cannot see it */
};

extern const struct pattern_row pattern_rows[DAMAGE_KINDS];

/* The places, by name: payload, transport, network. */
extern const char *const pattern_wheres[DAMAGE_WHERES];

/* The kind called `name`, or -EINVAL. */
int pattern_by_name(const char *name);

/*
 * Damages `payload` (len bytes) as the n-th packet under the spec's seed. Returns the number of bits
 * changed, 0 if none. Bytes outside the payload are never touched.
 */
unsigned int pattern_damage(const struct damage_spec *spec, uint64_t n, uint8_t *payload,
			    size_t len);

#endif
