// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the headers of a frame.
 *
 * One cursor walks down the layers. Each IP header moves the cursor's end to the end of its packet,
 * so that Ethernet padding is never taken for payload. A VXLAN payload is walked in the same way.
 * It counts only if it leads to a complete TCP or UDP header; otherwise the answer is the outer UDP
 * header.
 */
#include "packet/locate.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "packet/cursor.h"

enum {
	ETHERTYPE_V4 = 0x0800,
	ETHERTYPE_V6 = 0x86dd,
	ETHERTYPE_CTAG = 0x8100, /* IEEE 802.1Q */
	ETHERTYPE_STAG = 0x88a8, /* IEEE 802.1ad */
	ETHERTYPE_QINQ = 0x9100, /* before 802.1ad */

	ETHERNET_LEN = 14,
	TAG_LEN = 4,
	V4_LEN = 20,
	V6_LEN = 40,
	EXTENSION_LEN = 8, /* also the unit of their lengths, except AH's */
	TCP_LEN = 20,
	UDP_LEN = 8,
	VXLAN_LEN = 8,
	VXLAN_HAS_VNI = 0x08,

	V4_FRAGMENT = 0x3fff, /* more fragments, or an offset */
	V6_FRAGMENT = 0xfff9,

	PROTO_MOBILITY = 135, /* RFC 6275 */
	PROTO_HIP = 139, /* RFC 7401 */
	PROTO_SHIM6 = 140, /* RFC 5533 */
};

static int locate_ethernet(struct cursor *cursor, uint16_t *ret_type)
{
	const uint8_t *header = cursor_take(cursor, ETHERNET_LEN);
	uint16_t type;

	if (!header)
		return -EBADMSG;
	type = cursor_be16(header + ETHERNET_LEN - 2);
	while (type == ETHERTYPE_CTAG || type == ETHERTYPE_STAG || type == ETHERTYPE_QINQ) {
		header = cursor_take(cursor, TAG_LEN);
		if (!header)
			return -EBADMSG;
		type = cursor_be16(header + TAG_LEN - 2);
	}
	*ret_type = type;
	return 0;
}

static int locate_v4(struct cursor *cursor, struct packet_place *place)
{
	size_t start = cursor->at, header_len, total_len;
	const uint8_t *header = cursor_take(cursor, V4_LEN);

	if (!header || header[0] >> 4 != 4)
		return -EBADMSG;
	header_len = (header[0] & 0xf) * 4u;
	total_len = cursor_be16(header + 2);
	if (header_len < V4_LEN || total_len < header_len)
		return -EBADMSG;
	cursor->at = start;
	if (cursor_limit(cursor, total_len))
		return -EBADMSG;
	cursor_take(cursor, header_len);
	if (cursor_be16(header + 6) & V4_FRAGMENT)
		return -ENOENT;
	place->network = start;
	place->family = AF_INET;
	place->proto = header[9];
	return 0;
}

/*
 * One extension header (RFC 8200 section 4); *proto is its own number, then that of what follows.
 */
static int locate_extension(struct cursor *cursor, uint8_t *proto)
{
	const uint8_t *header = cursor_take(cursor, EXTENSION_LEN);
	size_t len;

	if (!header)
		return -EBADMSG;
	len = *proto == IPPROTO_AH ? (header[1] + 2u) * 4u : (header[1] + 1u) * EXTENSION_LEN;
	if (*proto == IPPROTO_FRAGMENT) {
		if (cursor_be16(header + 2) & V6_FRAGMENT)
			return -ENOENT;
		len = EXTENSION_LEN;
	}
	if (len < EXTENSION_LEN || !cursor_take(cursor, len - EXTENSION_LEN))
		return -EBADMSG;
	*proto = header[0];
	return 0;
}

static int locate_v6(struct cursor *cursor, struct packet_place *place)
{
	size_t start = cursor->at;
	const uint8_t *header = cursor_take(cursor, V6_LEN);
	uint8_t proto;
	int err;

	if (!header || header[0] >> 4 != 6 || cursor_limit(cursor, cursor_be16(header + 4)))
		return -EBADMSG;
	proto = header[6];
	while (proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH || proto == PROTO_MOBILITY ||
	       proto == PROTO_HIP || proto == PROTO_SHIM6) {
		err = locate_extension(cursor, &proto);
		if (err)
			return err;
	}
	place->network = start;
	place->family = AF_INET6;
	place->proto = proto;
	return 0;
}

static int locate_tcp(struct cursor *cursor, struct packet_place *place)
{
	size_t start = cursor->at, header_len;
	const uint8_t *header = cursor_take(cursor, TCP_LEN);

	if (!header)
		return -EBADMSG;
	header_len = (header[12] >> 4) * 4u;
	if (header_len < TCP_LEN || !cursor_take(cursor, header_len - TCP_LEN))
		return -EBADMSG;
	place->transport = start;
	place->csum = start + 16;
	place->src_port = cursor_be16(header);
	place->dst_port = cursor_be16(header + 2);
	place->seq = cursor_be32(header + 4);
	return 0;
}

static int locate_udp(struct cursor *cursor, struct packet_place *place)
{
	size_t start = cursor->at, len;
	const uint8_t *header = cursor_take(cursor, UDP_LEN);

	if (!header)
		return -EBADMSG;
	len = cursor_be16(header + 4);
	if (len < UDP_LEN || cursor_limit(cursor, len - UDP_LEN))
		return -EBADMSG;
	place->transport = start;
	place->csum = start + 6;
	place->src_port = cursor_be16(header);
	place->dst_port = cursor_be16(header + 2);
	return 0;
}

/* One Ethernet frame from the cursor on. Leaves the cursor at the payload. */
static int locate_frame(struct cursor *cursor, struct packet_place *place)
{
	uint16_t type;
	int err;

	err = locate_ethernet(cursor, &type);
	if (err)
		return err;
	if (type == ETHERTYPE_V4)
		err = locate_v4(cursor, place);
	else if (type == ETHERTYPE_V6)
		err = locate_v6(cursor, place);
	else
		err = -ENOENT;
	if (err)
		return err;

	if (place->proto == IPPROTO_TCP)
		err = locate_tcp(cursor, place);
	else if (place->proto == IPPROTO_UDP)
		err = locate_udp(cursor, place);
	else
		err = -ENOENT;
	if (err)
		return err;
	place->payload = cursor->at;
	place->payload_len = cursor_left(cursor);
	return 0;
}

/* Steps over a VXLAN header; false if the place does not lead to one. */
static bool locate_vxlan(struct cursor *cursor, const struct packet_place *place)
{
	const uint8_t *header;

	if (place->proto != IPPROTO_UDP || place->dst_port != PACKET_VXLAN_PORT)
		return false;
	header = cursor_take(cursor, VXLAN_LEN);
	return header && (header[0] & VXLAN_HAS_VNI);
}

int packet_locate(const uint8_t *frame, size_t len, struct packet_place *ret_place)
{
	struct cursor cursor = { .data = frame, .end = len };
	struct packet_place place = { 0 }, inner;
	int err;

	err = locate_frame(&cursor, &place);
	if (err)
		return err;
	while (locate_vxlan(&cursor, &place)) {
		inner = (struct packet_place){ .tunnelled = true };
		if (locate_frame(&cursor, &inner))
			break;
		place = inner;
	}
	*ret_place = place;
	return 0;
}
