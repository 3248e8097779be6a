/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds Ethernet frames with right sums: what a made-up peer sends. Peers and tests damage them
 * afterwards.
 */
#ifndef TRUESUM_PACKET_BUILD_H
#define TRUESUM_PACKET_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct build {
	uint8_t src_mac[6], dst_mac[6];
	int family; /* AF_INET, AF_INET6 */
	uint8_t src[16], dst[16]; /* network order; IPv4: the first 4 */
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t src_port, dst_port; /* host order, as the rest */
	uint8_t hops; /* TTL or hop limit; 0: 64 */
	uint8_t tos; /* type of service or traffic class */
	uint16_t id; /* IPv4 identification */
	uint32_t seq, ack; /* TCP */
	uint8_t tcp_flags; /* TH_... */
	uint16_t mss; /* TCP: an MSS option; 0: none */
	bool no_check; /* UDP: without a checksum */
	const void *payload;
	size_t payload_len;
};

/* Where the parts of a built frame lie, from its first byte. */
struct built {
	size_t len, network, transport, field, payload;
};

/* Builds into `frame`. -EMSGSIZE if `size` is too small. */
int build_frame(const struct build *build, uint8_t *frame, size_t size, struct built *ret_built);

/*
 * Writes a fragment of a built frame, with identification `id`: `take` bytes of its IP payload from
 * `start` (a multiple of 8) on. It is the last fragment if it reaches the payload's end. -EMSGSIZE
 * if `size` is too small, -EINVAL if the frame has no such bytes.
 */
int build_fragment(const uint8_t *frame, const struct built *built, size_t start, size_t take,
		   uint32_t id, uint8_t *fragment, size_t size, size_t *ret_len);

#define BUILD_NEIGHBOUR_MAX 96

/*
 * If the Ethernet frame asks for the MAC address of `v4` (4 bytes; ARP, RFC 826) or of `v6` (16
 * bytes; neighbour discovery, RFC 4861), writes the answer, which names `mac`, into `answer`
 * (BUILD_NEIGHBOUR_MAX bytes) and returns 0. -ENOENT if the frame is no such question.
 */
int build_neighbour_answer(const uint8_t *frame, size_t len, const uint8_t *v4, const uint8_t *v6,
			   const uint8_t mac[6], uint8_t *answer, size_t *ret_len);

#endif
