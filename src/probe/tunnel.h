/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VXLAN (RFC 7348) as a remote VTEP speaks it. What the host's VTEP sends is taken apart, and says how it
 * is to be answered: the peer's VTEP does as the host's does. Pure: bytes only.
 */
#ifndef TRUESUM_PROBE_TUNNEL_H
#define TRUESUM_PROBE_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/verdict.h"

/* Headers before the inner frame: Ethernet, IP without options, UDP, VXLAN. */
#define TUNNEL_HEAD_V4 (14 + 20 + 8 + 8)
#define TUNNEL_HEAD_V6 (14 + 40 + 8 + 8)

/* An outer header, as the peer's VTEP writes it. Addresses in network order, numbers in host order. */
struct tunnel {
	int family; /* AF_INET, AF_INET6; 0: no tunnel */
	uint8_t src_mac[6], dst_mac[6];
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	uint32_t vni;
	bool no_check; /* the outer UDP checksum is 0 */
};

/*
 * Finds the frame inside of a VXLAN packet to UDP port `port`: its offset and length, and the outer header
 * that answers it. -ENOENT where this is no whole one, or the outer packet is a fragment.
 */
int tunnel_open(const uint8_t *frame, size_t len, uint16_t port, struct tunnel *ret_back,
		size_t *ret_inner, size_t *ret_inner_len);

/*
 * Judges such a packet: the inner frame, its offsets counted from there; and where an outer checksum is
 * wrong or unfinished while the inner ones are not, that is the verdict, and a layer more at the end.
 */
void tunnel_judge(const uint8_t *frame, size_t len, size_t inner, size_t inner_len,
		  struct packet_judgement *ret);

/*
 * Wraps a frame that was damaged on its way: the outer checksum is that over `intact`, what is inside is
 * `sent`, both of `len` bytes. -EMSGSIZE where `size` is too small.
 */
int tunnel_wrap(const struct tunnel *tunnel, const uint8_t *intact, const uint8_t *sent, size_t len,
		uint8_t *frame, size_t size, size_t *ret_len);

#endif
