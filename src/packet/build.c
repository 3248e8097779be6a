// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Builds frames: see build.h. Headers are written field by field, in network order, at any address.
 *
 * Answers to neighbours have fixed layouts. A question gets an answer only if it has its fixed
 * layout, too.
 */
#include "packet/build.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "packet/cursor.h"
#include "sum/csum.h"

enum {
	ETHERNET_LEN = 14,
	V4_LEN = 20,
	V6_LEN = 40,
	TCP_LEN = 20,
	MSS_LEN = 4,
	UDP_LEN = 8,
	FRAGMENT_LEN = 8,
	V4_MORE = 0x2000,
	V4_DONT = 0x4000,
	HOPS = 64,
	WINDOW = 65535,

	ETHERTYPE_V4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_V6 = 0x86dd,
	ARP_LEN = 28,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
	SOLICITATION_LEN = 24, /* without options */
	SOLICITATION = 135,
	ADVERTISEMENT = 136,
	ADVERTISEMENT_LEN = 32, /* with the target's link-layer address */
	SOLICITED_OVERRIDE = 0x60,
};

/* ---- Packets ---- */

static uint8_t *put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value & 0xffff);
}

static size_t address_len(int family)
{
	return family == AF_INET ? 4 : 16;
}

static void put_v4(uint8_t *at, const struct build *build, size_t payload_len)
{
	at[0] = 0x45;
	at[1] = build->tos;
	put16(at + 2, (unsigned int)(V4_LEN + payload_len));
	put16(at + 4, build->id);
	put16(at + 6, V4_DONT);
	at[8] = build->hops ? build->hops : HOPS;
	at[9] = build->proto;
	put16(at + 10, 0);
	memcpy(at + 12, build->src, 4);
	memcpy(at + 16, build->dst, 4);
	put16(at + 10, (uint16_t)~csum_add(0, at, V4_LEN));
}

static void put_v6(uint8_t *at, const struct build *build, size_t payload_len)
{
	put32(at, UINT32_C(6) << 28 | (uint32_t)build->tos << 20);
	put16(at + 4, (unsigned int)payload_len);
	at[6] = build->proto;
	at[7] = build->hops ? build->hops : HOPS;
	memcpy(at + 8, build->src, 16);
	memcpy(at + 24, build->dst, 16);
}

static void put_tcp(uint8_t *at, const struct build *build, size_t header_len)
{
	put16(at, build->src_port);
	put16(at + 2, build->dst_port);
	put32(at + 4, build->seq);
	put32(at + 8, build->ack);
	at[12] = (uint8_t)(header_len / 4 << 4);
	at[13] = build->tcp_flags;
	put16(at + 14, WINDOW);
	put32(at + 16, 0);
	if (build->mss) {
		put16(at + TCP_LEN, 2 << 8 | MSS_LEN);
		put16(at + TCP_LEN + 2, build->mss);
	}
}

static void put_udp(uint8_t *at, const struct build *build)
{
	put16(at, build->src_port);
	put16(at + 2, build->dst_port);
	put16(at + 4, (unsigned int)(UDP_LEN + build->payload_len));
	put16(at + 6, 0);
}

static void finish_sum(uint8_t *frame, const struct build *build, const struct built *built)
{
	size_t len = built->len - built->transport;
	uint16_t sum = csum_pseudo(build->src, build->dst, address_len(build->family), build->proto,
				   (uint32_t)len);
	uint16_t field = (uint16_t)~csum_add(sum, frame + built->transport, len);

	/* RFC 768: 0 would mean that there is no checksum. */
	if (build->proto == IPPROTO_UDP)
		field = build->no_check ? 0 : field ? field : 0xffff;
	put16(frame + built->field, field);
}

int build_frame(const struct build *build, uint8_t *frame, size_t size, struct built *ret_built)
{
	bool v4 = build->family == AF_INET, tcp = build->proto == IPPROTO_TCP;
	size_t header_len = tcp ? TCP_LEN + (build->mss ? MSS_LEN : 0) : UDP_LEN;
	struct built built = { .network = ETHERNET_LEN };

	built.transport = built.network + (v4 ? V4_LEN : V6_LEN);
	built.field = built.transport + (tcp ? 16 : 6);
	built.payload = built.transport + header_len;
	built.len = built.payload + build->payload_len;
	if (built.len > size)
		return -EMSGSIZE;
	memcpy(frame, build->dst_mac, 6);
	memcpy(frame + 6, build->src_mac, 6);
	put16(frame + 12, v4 ? ETHERTYPE_V4 : ETHERTYPE_V6);
	if (v4)
		put_v4(frame + built.network, build, built.len - built.transport);
	else
		put_v6(frame + built.network, build, built.len - built.transport);
	if (tcp)
		put_tcp(frame + built.transport, build, header_len);
	else
		put_udp(frame + built.transport, build);
	if (build->payload_len)
		memcpy(frame + built.payload, build->payload, build->payload_len);
	finish_sum(frame, build, &built);
	*ret_built = built;
	return 0;
}

int build_fragment(const uint8_t *frame, const struct built *built, size_t start, size_t take,
		   uint32_t id, uint8_t *fragment, size_t size, size_t *ret_len)
{
	bool v4 = built->transport - built->network == V4_LEN;
	size_t all = built->len - built->transport, extra = v4 ? 0 : FRAGMENT_LEN;
	bool more = start + take < all;
	uint8_t *ip = fragment + built->network;

	if (start % 8 || start + take > all || !take)
		return -EINVAL;
	if (built->transport + extra + take > size)
		return -EMSGSIZE;
	memcpy(fragment, frame, built->transport);
	memcpy(fragment + built->transport + extra, frame + built->transport + start, take);
	if (v4) {
		put16(ip + 2, (unsigned int)(V4_LEN + take));
		put16(ip + 4, id & 0xffff);
		put16(ip + 6, (unsigned int)(start / 8 | (more ? V4_MORE : 0)));
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~csum_add(0, ip, V4_LEN));
	} else {
		uint8_t *header = fragment + built->transport;

		header[0] = ip[6];
		header[1] = 0;
		put16(header + 2, (unsigned int)(start | more));
		put32(header + 4, id);
		ip[6] = IPPROTO_FRAGMENT;
		put16(ip + 4, (unsigned int)(FRAGMENT_LEN + take));
	}
	*ret_len = built->transport + extra + take;
	return 0;
}

/* ---- Who has an address ---- */

static void put_ethernet(uint8_t *answer, const uint8_t *frame, const uint8_t mac[6])
{
	memcpy(answer, frame + 6, 6);
	memcpy(answer + 6, mac, 6);
	memcpy(answer + 12, frame + 12, 2);
}

static int answer_arp(const uint8_t *frame, size_t len, const uint8_t *v4, const uint8_t mac[6],
		      uint8_t *answer, size_t *ret_len)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 }; /* Ethernet, IPv4, their lengths */
	const uint8_t *arp = frame + ETHERNET_LEN;
	uint8_t *reply = answer + ETHERNET_LEN;

	if (len < ETHERNET_LEN + ARP_LEN || memcmp(arp, head, sizeof(head)) != 0 ||
	    arp[7] != ARP_REQUEST || memcmp(arp + 24, v4, 4) != 0)
		return -ENOENT;
	put_ethernet(answer, frame, mac);
	memcpy(reply, head, sizeof(head));
	reply[7] = ARP_REPLY;
	memcpy(reply + 8, mac, 6);
	memcpy(reply + 14, v4, 4);
	memcpy(reply + 18, arp + 8, 10);
	*ret_len = ETHERNET_LEN + ARP_LEN;
	return 0;
}

static int answer_solicitation(const uint8_t *frame, size_t len, const uint8_t *v6,
			       const uint8_t mac[6], uint8_t *answer, size_t *ret_len)
{
	const uint8_t *ip = frame + ETHERNET_LEN, *asked = ip + V6_LEN;
	uint8_t *reply = answer + ETHERNET_LEN, *icmp = reply + V6_LEN;
	uint16_t sum;

	if (len < ETHERNET_LEN + V6_LEN + SOLICITATION_LEN || ip[6] != IPPROTO_ICMPV6 ||
	    asked[0] != SOLICITATION || memcmp(asked + 8, v6, 16) != 0)
		return -ENOENT;
	put_ethernet(answer, frame, mac);
	memcpy(reply, ip, 4);
	memcpy(reply + 4, (const uint8_t[]){ 0, ADVERTISEMENT_LEN, IPPROTO_ICMPV6, 255 }, 4);
	memcpy(reply + 8, v6, 16);
	memcpy(reply + 24, ip + 8, 16);
	memset(icmp, 0, ADVERTISEMENT_LEN);
	icmp[0] = ADVERTISEMENT;
	icmp[4] = SOLICITED_OVERRIDE;
	memcpy(icmp + 8, v6, 16);
	icmp[24] = 2; /* target link-layer address, 1 unit of 8 bytes */
	icmp[25] = 1;
	memcpy(icmp + 26, mac, 6);
	sum = csum_pseudo(reply + 8, reply + 24, 16, IPPROTO_ICMPV6, ADVERTISEMENT_LEN);
	sum = (uint16_t)~csum_add(sum, icmp, ADVERTISEMENT_LEN);
	put16(icmp + 2, sum);
	*ret_len = ETHERNET_LEN + V6_LEN + ADVERTISEMENT_LEN;
	return 0;
}

int build_neighbour_answer(const uint8_t *frame, size_t len, const uint8_t *v4, const uint8_t *v6,
			   const uint8_t mac[6], uint8_t *answer, size_t *ret_len)
{
	if (len < ETHERNET_LEN)
		return -ENOENT;
	switch (cursor_be16(frame + 12)) {
	case ETHERTYPE_ARP:
		return answer_arp(frame, len, v4, mac, answer, ret_len);
	case ETHERTYPE_V6:
		return answer_solicitation(frame, len, v6, mac, answer, ret_len);
	default:
		return -ENOENT;
	}
}
