// SPDX-License-Identifier: GPL-2.0-or-later
/* Outer headers: see tunnel.h. As in the kernel, the port alone tells that a packet is VXLAN. */
#include "probe/tunnel.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "packet/build.h"
#include "packet/cursor.h"

enum {
	ETHERNET_LEN = 14,
	ETHERTYPE_V4 = 0x0800,
	ETHERTYPE_V6 = 0x86dd,
	V4_LEN = 20,
	V4_FRAGMENT = 0x3fff, /* the flag "more fragments" and the offset */
	V6_LEN = 40,
	UDP_LEN = 8,
	VXLAN_LEN = 8,
	VXLAN_VNI = 0x08, /* the VNI is valid */
	INNER_MAX = 2000,
};

static bool take_v4(struct cursor *at, struct tunnel *back)
{
	const uint8_t *ip = cursor_take(at, V4_LEN);
	size_t header, all;

	if (!ip || ip[0] >> 4 != 4 || ip[9] != IPPROTO_UDP || cursor_be16(ip + 6) & V4_FRAGMENT)
		return false;
	header = (ip[0] & 15) * 4u;
	all = cursor_be16(ip + 2);
	back->family = AF_INET;
	memcpy(back->src, ip + 16, 4);
	memcpy(back->dst, ip + 12, 4);
	return header >= V4_LEN && all >= header && cursor_take(at, header - V4_LEN) &&
	       !cursor_limit(at, all - header);
}

static bool take_v6(struct cursor *at, struct tunnel *back)
{
	const uint8_t *ip = cursor_take(at, V6_LEN);

	if (!ip || ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP)
		return false;
	back->family = AF_INET6;
	memcpy(back->src, ip + 24, 16);
	memcpy(back->dst, ip + 8, 16);
	return !cursor_limit(at, cursor_be16(ip + 4));
}

static bool take_udp(struct cursor *at, uint16_t port, struct tunnel *back)
{
	const uint8_t *udp = cursor_take(at, UDP_LEN);

	if (!udp || cursor_be16(udp + 2) != port || cursor_be16(udp + 4) < UDP_LEN)
		return false;
	/*
	 * A VTEP takes the source port from a hash of the inner flow. The receiver takes any; this
	 * is one.
	 */
	back->src_port = cursor_be16(udp);
	back->dst_port = port;
	back->no_check = !cursor_be16(udp + 6);
	return !cursor_limit(at, cursor_be16(udp + 4) - UDP_LEN);
}

static bool take_vxlan(struct cursor *at, struct tunnel *back)
{
	const uint8_t *vxlan = cursor_take(at, VXLAN_LEN);

	if (!vxlan || !(vxlan[0] & VXLAN_VNI))
		return false;
	back->vni = cursor_be32(vxlan + 4) >> 8;
	return true;
}

int tunnel_open(const uint8_t *frame, size_t len, uint16_t port, struct tunnel *ret_back,
		size_t *ret_inner, size_t *ret_inner_len)
{
	struct cursor at = { .data = frame, .end = len };
	const uint8_t *ethernet = cursor_take(&at, ETHERNET_LEN);
	struct tunnel back = { 0 };
	bool good = false;

	if (!ethernet)
		return -ENOENT;
	memcpy(back.src_mac, ethernet, 6);
	memcpy(back.dst_mac, ethernet + 6, 6);
	if (cursor_be16(ethernet + 12) == ETHERTYPE_V4)
		good = take_v4(&at, &back);
	else if (cursor_be16(ethernet + 12) == ETHERTYPE_V6)
		good = take_v6(&at, &back);
	if (!good || !take_udp(&at, port, &back) || !take_vxlan(&at, &back) ||
	    cursor_left(&at) < ETHERNET_LEN)
		return -ENOENT;
	*ret_back = back;
	*ret_inner = at.at;
	*ret_inner_len = cursor_left(&at);
	return 0;
}

/*
 * A VTEP may leave out the UDP checksum over IPv6, too (RFC 6935), so that is not wrong on any
 * port.
 */
static bool is_wrong(const struct packet_layer *layer)
{
	return layer->verdict == SUM_BAD || layer->verdict == SUM_UNFINISHED;
}

void tunnel_judge(const uint8_t *frame, size_t len, size_t inner, size_t inner_len,
		  struct packet_judgement *ret)
{
	struct packet_judgement outer;

	packet_judge(LINK_ETHERNET, frame + inner, inner_len, inner_len, ret);
	packet_judge(LINK_ETHERNET, frame, len, len, &outer);
	if (ret->verdict == SUM_BAD || ret->verdict == SUM_UNFINISHED)
		return;
	for (unsigned int i = 0; i < outer.layer_count && outer.layer[i].offset < inner; i++) {
		if (!is_wrong(&outer.layer[i]))
			continue;
		ret->verdict = outer.layer[i].verdict;
		if (ret->layer_count < PACKET_LAYERS)
			ret->layer[ret->layer_count++] = outer.layer[i];
		return;
	}
}

int tunnel_wrap(const struct tunnel *tunnel, const uint8_t *intact, const uint8_t *sent, size_t len,
		uint8_t *frame, size_t size, size_t *ret_len)
{
	uint8_t payload[VXLAN_LEN + INNER_MAX] = { VXLAN_VNI };
	struct build build = {
		.family = tunnel->family,
		.proto = IPPROTO_UDP,
		.src_port = tunnel->src_port,
		.dst_port = tunnel->dst_port,
		.hops = 1, /* the host's own VTEP is the next one */
		.no_check = tunnel->no_check,
		.payload = payload,
		.payload_len = VXLAN_LEN + len,
	};
	struct built built;
	int rc;

	if (len > INNER_MAX)
		return -EMSGSIZE;
	payload[4] = (uint8_t)(tunnel->vni >> 16);
	payload[5] = (uint8_t)(tunnel->vni >> 8);
	payload[6] = (uint8_t)tunnel->vni;
	memcpy(payload + VXLAN_LEN, intact, len);
	memcpy(build.src_mac, tunnel->src_mac, 6);
	memcpy(build.dst_mac, tunnel->dst_mac, 6);
	memcpy(build.src, tunnel->src, 16);
	memcpy(build.dst, tunnel->dst, 16);
	rc = build_frame(&build, frame, size, &built);
	if (rc)
		return rc;
	memcpy(frame + built.payload + VXLAN_LEN, sent, len);
	*ret_len = built.len;
	return 0;
}
