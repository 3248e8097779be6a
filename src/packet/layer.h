/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges one checksum when everything it covers has been added up, and all of a packet's together.
 */
#ifndef TRUESUM_PACKET_LAYER_H
#define TRUESUM_PACKET_LAYER_H

#include "packet/verdict.h"

/* Where each kind has its checksum: offset in its header. */
static const uint8_t layer_field[LAYER_KINDS] = {
	[LAYER_IPV4] = 10,   [LAYER_TCP] = 16, [LAYER_UDP] = 6,
	[LAYER_UDPLITE] = 6, [LAYER_ICMP] = 2, [LAYER_ICMP6] = 2,
	[LAYER_IGMP] = 2,    [LAYER_SCTP] = 8, [LAYER_GRE] = 4,
};

/*
 * The pseudo-header's sum (RFC 793, RFC 8200 section 8.1): `addresses` is the folded sum of both
 * addresses, `len` that of transport header and payload in bytes.
 */
uint16_t layer_pseudo(uint16_t addresses, uint8_t proto, uint32_t len);

/*
 * Sets verdict, reason and computed of a layer whose kind and stored are set. `total` is the folded
 * sum of everything covered, including the field and the pseudo-header. `addresses`, `proto` and
 * `len` are the pseudo-header's, as for layer_pseudo(); 0 for kinds without one.
 */
void layer_judge(struct packet_layer *layer, uint16_t total, uint16_t addresses, uint8_t proto,
		 uint32_t len);

/* The same for SCTP. `crc` is that of the packet with the field taken as 0. */
void layer_judge_crc(struct packet_layer *layer, uint32_t crc);

/*
 * Turns BAD into UNFINISHED for outer sums that become right when the inner ones are finished
 * (Documentation/networking/checksum-offloads.rst, "LCO").
 */
void layer_local_offload(struct packet_layer *layers, size_t count);

/*
 * The packet's verdict: the one that matters most among those on its layers and `ended`, the
 * verdict on the walk through its headers (SUM_NONE if that did not end early).
 */
enum sum_verdict layer_worst(enum sum_verdict ended, const struct packet_layer *layers,
			     size_t count);

#endif
