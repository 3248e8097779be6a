/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the headers of an Ethernet frame, down to the innermost TCP or UDP header that is complete
 * in the frame, through VLAN tags, IPv6 extension headers and VXLAN.
 */
#ifndef TRUESUM_PACKET_LOCATE_H
#define TRUESUM_PACKET_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_VXLAN_PORT 4789 /* RFC 7348 */

/* Byte offsets from the frame's first byte. */
struct packet_place {
	size_t network; /* innermost IP header */
	size_t transport; /* its TCP or UDP header */
	size_t payload; /* after the transport header */
	size_t payload_len; /* by the IP header's length, never beyond the frame */
	size_t csum; /* the transport checksum field */
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t src_port; /* host order */
	uint16_t dst_port; /* host order */
	uint32_t seq; /* TCP sequence number, host order; 0 for UDP */
	bool tunnelled; /* inside VXLAN */
};

/*
 * Fills *ret_place from an Ethernet frame of len bytes. Returns 0; -ENOENT if there is no TCP or
 * UDP header (another protocol, a fragment); -EBADMSG if the frame is cut off or a
 * length in it is wrong. *ret_place is untouched on failure.
 */
int packet_locate(const uint8_t *frame, size_t len, struct packet_place *ret_place);

#endif
