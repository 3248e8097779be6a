/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building Ethernet frames with right sums, for the peers and tests that then damage them. */
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

/* Builds into `frame`. -EMSGSIZE where `size` is too small. */
int build_frame(const struct build *build, uint8_t *frame, size_t size, struct built *ret_built);

/*
 * Cuts `take` bytes from `start` (a multiple of 8) on out of a built frame's IP payload, as a fragment of
 * its own, with `id`; the last one is told by its reach. -EMSGSIZE where `size` is too small, -EINVAL
 * where the frame has no such bytes.
 */
int build_fragment(const uint8_t *frame, const struct built *built, size_t start, size_t take,
		   uint32_t id, uint8_t *fragment, size_t size, size_t *ret_len);

#endif
