/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VXLAN (RFC 7348) as a remote VTEP uses it: takes apart what the host's VTEP sends, and answers
 * with the same port, VNI and choice of checksum. Pure: bytes only.
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

/*
 * The outer headers that the peer's VTEP writes. Addresses in network order, numbers in host order.
 */
struct tunnel {
	int family; /* AF_INET, AF_INET6; 0: no tunnel */
	uint8_t src_mac[6], dst_mac[6];
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	uint32_t vni;
	bool no_check; /* the outer UDP checksum is 0 */
};

/*
 * Finds the inner frame of a VXLAN packet to UDP port `port`: its offset and length, and the outer
 * headers for an answer. -ENOENT if this is not a complete VXLAN packet, or if it is a fragment.
 */
int tunnel_open(const uint8_t *frame, size_t len, uint16_t port, struct tunnel *ret_back,
		size_t *ret_inner, size_t *ret_inner_len);

/*
 * Judges such a packet. The result describes the inner frame, with offsets from its start. If the
 * inner checksums are fine but an outer one is wrong or unfinished, that is the verdict, and the
 * outer layer is added at the end.
 */
void tunnel_judge(const uint8_t *frame, size_t len, size_t inner, size_t inner_len,
		  struct packet_judgement *ret);

/*
 * Wraps a frame that gets damaged on its way: the outer checksum covers `intact`, the packet
 * contains `sent`, both of `len` bytes. -EMSGSIZE if `size` is too small.
 */
int tunnel_wrap(const struct tunnel *tunnel, const uint8_t *intact, const uint8_t *sent, size_t len,
		uint8_t *frame, size_t size, size_t *ret_len);

#endif
