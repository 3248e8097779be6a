/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judges one checksum, once everything it covers has been added up. */
#ifndef TRUESUM_PACKET_VERDICT_SUM_H
#define TRUESUM_PACKET_VERDICT_SUM_H

#include "packet/verdict.h"

/* Where each kind keeps its checksum: offset in its header. */
static const uint8_t sum_field[LAYER_KINDS] = {
	[LAYER_IPV4] = 10,   [LAYER_TCP] = 16, [LAYER_UDP] = 6,
	[LAYER_UDPLITE] = 6, [LAYER_ICMP] = 2, [LAYER_ICMP6] = 2,
	[LAYER_IGMP] = 2,    [LAYER_SCTP] = 8, [LAYER_GRE] = 4,
};

/*
 * Sets verdict, reason and computed of a layer with its kind and stored. `total` is the folded sum of
 * everything covered, field and pseudo-header too; `addresses` that of the pseudo-header's addresses,
 * `proto` and `len` the rest of it (0, 0, 0 where the kind has none).
 */
void sum_judge(struct packet_layer *layer, uint16_t total, uint16_t addresses, uint8_t proto,
	       uint32_t len);

/* The pseudo-header's sum (RFC 793, RFC 8200 section 8.1). */
uint16_t sum_pseudo(uint16_t addresses, uint8_t proto, uint32_t len);

/* The same for SCTP, by the CRC of the packet with the field taken as 0. */
void sum_judge_crc(struct packet_layer *layer, uint32_t crc);

/*
 * Outer sums that are right as soon as the inner ones are finished: turns BAD into ARTEFACT
 * (Documentation/networking/checksum-offloads.rst, "LCO").
 */
void sum_local_offload(struct packet_layer *layers, size_t count);

/* The packet's verdict: the one of all that matters most; `ended` is that on the walk itself. */
enum sum_verdict sum_worst(enum sum_verdict ended, const struct packet_layer *layers, size_t count);

#endif
