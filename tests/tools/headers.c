// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Headers of generated packets. Each is pushed in front of the existing bytes, with its lengths and
 * its checksum. What the checksum covers, and which bytes decide how the packet is parsed, is
 * recorded.
 */
#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "plain_sum.h"

#define UDP_VXLAN 4789
#define UDP_GENEVE 6081

enum { ETH_IP4 = 0x0800, ETH_IP6 = 0x86dd, ETH_BRIDGE = 0x6558, ETH_MPLS = 0x8847 };
enum {
	P_HOP = 0,
	P_ICMP = 1,
	P_IGMP = 2,
	P_IPIP = 4,
	P_TCP = 6,
	P_UDP = 17,
	P_IP6 = 41,
	P_ROUTING = 43,
	P_FRAGMENT = 44,
	P_GRE = 47,
	P_AH = 51,
	P_ICMP6 = 58,
	P_OPTIONS = 60,
	P_SCTP = 132,
	P_UDPLITE = 136
};

uint8_t *push(struct packet *packet, uint32_t len)
{
	packet->start -= len;
	return memset(packet->data + packet->start, 0, len);
}

void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

void mark(struct packet *packet, uint32_t at, uint32_t len, bool own)
{
	if (!len)
		return;
	if (packet->spans == PACKET_SPANS)
		abort();
	packet->span[packet->spans++] = (struct span){ at, len, own };
}

static void push_ip4(struct packet *packet, struct rng *rng, const struct ends *ends, uint8_t proto,
		     const struct ip_form *form)
{
	uint32_t options = !form->plain && rng_chance(rng, 100) ? 4 * (1 + rng_below(rng, 10)) : 0;
	uint32_t total = packet->end - packet->start + 20 + options;
	uint8_t *ip = push(packet, 20 + options);
	struct covered *cover;

	ip[0] = (uint8_t)(0x45 + options / 4);
	ip[1] = rng_chance(rng, 100) ? 0xb8 : 0;
	put16(ip + 2, form->no_total ? 0 : total);
	put16(ip + 4, form->id);
	put16(ip + 6, form->is_fragment ? form->fragment / 8 | (form->more ? 0x2000 : 0)
					: rng_below(rng, 2) << 14);
	ip[8] = (uint8_t)(1 + rng_below(rng, 255));
	ip[9] = proto;
	memcpy(ip + 12, ends->src, 4);
	memcpy(ip + 16, ends->dst, 4);
	memset(ip + 20, 1, options);
	if (options)
		memcpy(ip + 20, (uint8_t[]){ 0x94, 4, 0, 0 }, 4);
	cover = cover_new(packet, OF_IPV4, 20 + options, 10);
	cover->len = 20 + options;
	seal(packet, cover, 0, form->no_sum ? FINISH_ZERO : FINISH_FULL);
	if (packet->open >= 0) {
		packet->cover[packet->open].src = packet->start + 12;
		packet->cover[packet->open].dst = packet->start + 16;
	}
	mark(packet, packet->start, 1, true);
	mark(packet, packet->start + 2, 2, false);
	mark(packet, packet->start + 6, 2, false);
	mark(packet, packet->start + 9, 1, false);
	mark(packet, packet->start + 20, options, false);
	if (form->is_fragment) {
		mark(packet, packet->start + 4, 2, false);
		mark(packet, packet->start + 12, 8, false);
	}
}

/* Pushes one extension header; returns its own number. */
static uint8_t push_extension(struct packet *packet, struct rng *rng, uint8_t kind, uint8_t next)
{
	uint32_t units = kind == P_FRAGMENT ? 0 : kind == P_ROUTING ? 2 : rng_below(rng, 3);
	uint32_t len = kind == P_AH ? 24 : 8 + 8 * units;
	uint8_t *ext = push(packet, len);

	ext[0] = next;
	ext[1] = (uint8_t)(kind == P_AH ? len / 4 - 2 : units);
	if (kind == P_HOP || kind == P_OPTIONS) {
		ext[2] = 1; /* PadN */
		ext[3] = (uint8_t)(len - 4);
	} else if (kind == P_ROUTING) {
		ext[2] = 4; /* no segments left: the destination is the final one */
	} else if (kind == P_AH) {
		put32(ext + 4, (uint32_t)rng_draw(rng));
		put32(ext + 12, (uint32_t)rng_draw(rng));
	}
	mark(packet, packet->start, len, false);
	return kind;
}

static void push_ip6(struct packet *packet, struct rng *rng, const struct ends *ends, uint8_t proto,
		     const struct ip_form *form)
{
	uint8_t *ip;

	if (form->is_fragment) {
		uint8_t *fragment = push(packet, 8);

		fragment[0] = proto;
		put16(fragment + 2, form->fragment | form->more);
		put32(fragment + 4, form->id);
		mark(packet, packet->start, 8, false);
		proto = P_FRAGMENT;
	} else if (!form->plain && rng_chance(rng, 150)) {
		static const uint8_t kinds[] = { P_OPTIONS, P_FRAGMENT, P_AH, P_ROUTING };

		proto = push_extension(packet, rng, kinds[rng_below(rng, 4)], proto);
	}
	if (!form->plain && rng_chance(rng, 80))
		proto = push_extension(packet, rng, P_HOP, proto);
	ip = push(packet, 40);
	put32(ip, 0x60000000 | ((uint32_t)rng_draw(rng) & 0xfffff));
	put16(ip + 4, packet->end - packet->start - 40);
	ip[6] = proto;
	ip[7] = (uint8_t)(1 + rng_below(rng, 255));
	memcpy(ip + 8, ends->src, 16);
	memcpy(ip + 24, ends->dst, 16);
	if (packet->open >= 0) {
		packet->cover[packet->open].src = packet->start + 8;
		packet->cover[packet->open].dst = packet->start + 24;
	}
	mark(packet, packet->start, 1, true);
	mark(packet, packet->start + 4, 3, false);
	if (form->is_fragment)
		mark(packet, packet->start + 8, 32, false);
}

void push_ip(struct packet *packet, struct rng *rng, const struct ends *ends, uint8_t proto,
	     const struct ip_form *form)
{
	if (ends->six)
		push_ip6(packet, rng, ends, proto, form);
	else
		push_ip4(packet, rng, ends, proto, form);
	packet->open = -1;
}

static void push_mac(struct packet *packet, struct rng *rng, uint32_t type)
{
	uint8_t *mac = push(packet, 14);

	put32(mac, 0x02000000 | ((uint32_t)rng_draw(rng) & 0xffffff));
	put32(mac + 6, 0x02000000 | ((uint32_t)rng_draw(rng) & 0xffffff));
	put16(mac + 12, type);
	mark(packet, packet->start + 12, 2, false);
}

/*
 * Local checksum offload: the outer sum is made as if the inner one were finished, which it is not.
 */
static void leave_inner(struct packet *packet, struct covered *outer)
{
	for (int i = 0; i + 1 < (int)packet->covers; i++) {
		struct covered *inner = &packet->cover[i];
		uint32_t right, left;

		if (inner->of != OF_TCP && inner->of != OF_UDP)
			continue;
		if (inner->was != IS_GOOD)
			continue;
		right = (uint32_t)packet->data[inner->field] << 8 | packet->data[inner->field + 1];
		left = pseudo_sum(packet, inner, true);
		put16(packet->data + inner->field, left);
		if (left % 0xffff == right % 0xffff) /* now and then by chance */
			return;
		inner->was = IS_UNFINISHED;
		if (outer->was == IS_GOOD)
			outer->was = IS_UNFINISHED;
		return;
	}
}

static void push_gre(struct packet *packet, struct rng *rng, bool six, bool lco)
{
	bool sum = lco || rng_chance(rng, 500), key = rng_chance(rng, 400),
	     seq = rng_chance(rng, 300);
	uint32_t len = 4 + 4 * sum + 4 * key + 4 * seq, type = six ? ETH_IP6 : ETH_IP4;
	struct covered *cover;
	uint8_t *gre;

	if (rng_chance(rng, 300)) {
		push_mac(packet, rng, type);
		type = ETH_BRIDGE;
	}
	gre = push(packet, len);
	gre[0] = (uint8_t)(sum << 7 | key << 5 | seq << 4);
	put16(gre + 2, type);
	if (key)
		put32(gre + 4 + 4 * sum, (uint32_t)rng_draw(rng));
	if (seq)
		put32(gre + 4 + 4 * sum + 4 * key, (uint32_t)rng_draw(rng));
	mark(packet, packet->start, 2, true);
	mark(packet, packet->start + 2, 2, false);
	cover = cover_new(packet, OF_GRE, len, 4);
	if (sum)
		seal(packet, cover, 0, FINISH_FULL);
	else
		cover->was = IS_NONE;
	if (lco)
		leave_inner(packet, cover);
}

static void push_overlay(struct packet *packet, struct rng *rng, const struct ends *ends, bool six,
			 bool lco)
{
	bool geneve = rng_chance(rng, 500);
	uint32_t options = geneve ? 4 * rng_below(rng, 4) : 0, type = six ? ETH_IP6 : ETH_IP4;
	bool zero = !lco && rng_chance(rng, 500);
	struct covered *cover;
	uint8_t *head;

	if (!geneve || rng_chance(rng, 700)) {
		push_mac(packet, rng, type);
		type = ETH_BRIDGE;
	}
	head = push(packet, 8 + options);
	if (geneve) {
		head[0] = (uint8_t)(options / 4);
		put16(head + 2, type);
		if (options) {
			put16(head + 8, 0x0102);
			head[11] = (uint8_t)(options / 4 - 1);
		}
	} else {
		head[0] = 0x08;
	}
	put32(head + 4, rng_below(rng, 1 << 24) << 8);
	mark(packet, packet->start, 8 + options, false);
	push_udp(packet, ends, 49152 + rng_below(rng, 16384), geneve ? UDP_GENEVE : UDP_VXLAN,
		 zero ? FINISH_ZERO : FINISH_FULL);
	cover = &packet->cover[packet->covers - 1];
	if (zero)
		cover->was = IS_NONE; /* RFC 6935 allows this to a tunnel, also over IPv6 */
	if (lco)
		leave_inner(packet, cover);
}

uint8_t push_tunnel(struct packet *packet, struct rng *rng, const struct ends *ends, bool six,
		    bool lco)
{
	switch (rng_below(rng, lco ? 2 : 3)) {
	case 0:
		push_gre(packet, rng, six, lco);
		return P_GRE;
	case 1:
		push_overlay(packet, rng, ends, six, lco);
		return P_UDP;
	default:
		return six ? P_IP6 : P_IPIP;
	}
}

static void push_ethernet(struct packet *packet, struct rng *rng, bool six, bool tags)
{
	uint32_t type = six ? ETH_IP6 : ETH_IP4, vlans = 0;
	uint8_t *at;

	if (tags && rng_chance(rng, 60)) {
		bool bottom = true;

		do {
			at = push(packet, 4);
			put32(at,
			      (16 + rng_below(rng, 1 << 19)) << 12 | (uint32_t)bottom << 8 | 64);
			bottom = false;
		} while (rng_chance(rng, 400) && packet->start > 100);
		type = ETH_MPLS;
	} else if (tags && rng_chance(rng, 60)) {
		at = push(packet, 8);
		at[0] = 0x11;
		put16(at + 2, rng_below(rng, 65536));
		put16(at + 4, packet->end - packet->start - 6);
		put16(at + 6, six ? 0x0057 : 0x0021);
		type = 0x8864;
	}
	if (tags && rng_chance(rng, 100))
		vlans = 1 + rng_below(rng, 2);
	for (uint32_t i = 0; i < vlans; i++) {
		at = push(packet, 4);
		put16(at, 1 + rng_below(rng, 4094));
		put16(at + 2, type);
		type = i == 0 ? 0x8100 : 0x88a8;
	}
	push_mac(packet, rng, type);
}

void push_link(struct packet *packet, struct rng *rng, uint32_t link, bool six, bool little,
	       bool tags)
{
	uint8_t *at;

	packet->link = link;
	switch (link) {
	case ON_ETHERNET:
		push_ethernet(packet, rng, six, tags);
		break;
	case ON_SLL:
		at = push(packet, 16);
		put16(at + 2, 1);
		put16(at + 4, 6);
		put32(at + 6, 0x02000000);
		put16(at + 14, six ? ETH_IP6 : ETH_IP4);
		break;
	case ON_SLL2:
		at = push(packet, 20);
		put16(at, six ? ETH_IP6 : ETH_IP4);
		put32(at + 4, 3);
		put16(at + 8, 1);
		at[11] = 6;
		break;
	case ON_NULL:
	case ON_LOOP:
		at = push(packet, 4);
		at[link == ON_NULL && little ? 0 : 3] = six ? 30 : 2;
		break;
	default:
		break;
	}
}
