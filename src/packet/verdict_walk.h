/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk through a packet's headers, shared by the files that know them (verdict_*.c). Each header is
 * a step, which judges what it can, moves the cursor behind itself and names the next step.
 */
#ifndef TRUESUM_PACKET_VERDICT_WALK_H
#define TRUESUM_PACKET_VERDICT_WALK_H

#include <errno.h>

#include "packet/cursor.h"
#include "packet/verdict.h"
#include "packet/verdict_sum.h"

enum step {
	STEP_END, /* nothing more to look at */
	STEP_ETHERNET,
	STEP_VLAN,
	STEP_LLC,
	STEP_SLL,
	STEP_SLL2,
	STEP_NULL,
	STEP_PPP_HDLC,
	STEP_PPP,
	STEP_PPPOE,
	STEP_MPLS,
	STEP_VERSION, /* an IP header, whose first four bits say which */
	STEP_V4,
	STEP_V6,
	STEP_EXTENSION,
	STEP_TCP,
	STEP_UDP,
	STEP_UDPLITE,
	STEP_CONTROL, /* ICMP, ICMPv6, IGMP */
	STEP_SCTP,
	STEP_GRE,
	STEP_VXLAN,
	STEP_GENEVE,
	STEPS
};

struct walk {
	struct cursor cursor; /* its end: `end`, or where the capture ends */
	size_t captured;
	size_t end; /* where the headers so far say that this ends, from the first byte */
	struct packet_judgement *judgement;
	uint32_t ip_len; /* of the innermost IP packet with its header */
	const uint8_t *src, *dst; /* the addresses in the pseudo-header */
	uint16_t addresses; /* their sum */
	uint8_t proto; /* of the header at the cursor */
	bool v6;
	bool framed; /* the IP header has no length: the frame's is taken */
	bool jumbo; /* ... unless a hop-by-hop option has it (RFC 2675) */
	bool hidden; /* the final destination is not known */
	uint8_t ended; /* the verdict on a walk that ended early, else SUM_NONE */
};

/* verdict.c: how a walk ends early. All return STEP_END. */
enum step walk_stop(struct walk *walk, enum sum_reason reason); /* unknown, for this reason */
enum step walk_short(struct walk *walk, size_t len); /* fewer than len bytes at the cursor */

/* The same, and says so of the layer too. */
enum step walk_stop_layer(struct walk *walk, struct packet_layer *layer, enum sum_reason reason);
enum step walk_short_layer(struct walk *walk, struct packet_layer *layer, size_t len);

/*
 * What follows is in every packet's way, so it is here. The next len bytes, stepped over; NULL, and
 * no step, where there are fewer: as cursor_take().
 */
static inline const uint8_t *walk_take(struct walk *walk, size_t len)
{
	const uint8_t *bytes = walk->cursor.data + walk->cursor.at;

	if (len > walk->cursor.end - walk->cursor.at)
		return NULL;
	walk->cursor.at += len;
	return bytes;
}

/* A big-endian number at any address. */
static inline uint16_t walk_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* What is walked ends len bytes behind `start`. Returns 0, or -EBADMSG where it would have ended before. */
static inline int walk_limit(struct walk *walk, size_t start, size_t len)
{
	size_t end = start + len;

	if (end > walk->end || end < walk->cursor.at)
		return -EBADMSG;
	walk->end = end;
	if (end < walk->cursor.end)
		walk->cursor.end = end;
	return 0;
}

/* What lies behind the IP header, or a tunnel's, begins at the cursor. */
static inline void walk_payload(struct walk *walk)
{
	struct packet_judgement *judgement = walk->judgement;

	judgement->payload = (uint32_t)walk->cursor.at;
	judgement->payload_len = (uint32_t)(walk->cursor.end - walk->cursor.at);
	judgement->payload_full = (uint32_t)(walk->end - walk->cursor.at);
}

/* A new layer whose header is at the cursor, with what is stored in its field; NULL: too many, stopped. */
static inline struct packet_layer *walk_layer(struct walk *walk, enum layer_kind kind)
{
	struct packet_judgement *judgement = walk->judgement;
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	size_t left = walk->cursor.end - walk->cursor.at;
	struct packet_layer *layer = &judgement->layer[judgement->layer_count];

	if (judgement->layer_count == PACKET_LAYERS) {
		walk_stop(walk, REASON_LAYERS);
		return NULL;
	}
	judgement->layer_count++;
	*layer = (struct packet_layer){
		.kind = (uint8_t)kind,
		.wide = kind == LAYER_SCTP,
		.offset = (uint32_t)walk->cursor.at,
		.field = (uint32_t)(walk->cursor.at + sum_field[kind]),
	};
	if (kind == LAYER_SCTP)
		layer->stored =
			left >= sum_field[kind] + 4u ? cursor_be32(header + sum_field[kind]) : 0;
	else
		layer->stored =
			left >= sum_field[kind] + 2u ? walk_be16(header + sum_field[kind]) : 0;
	return layer;
}

/* verdict_link.c */
enum step walk_type(uint16_t type); /* what an EtherType stands for */
enum step walk_ethernet(struct walk *walk);
enum step walk_vlan(struct walk *walk);
enum step walk_llc(struct walk *walk);
enum step walk_sll(struct walk *walk);
enum step walk_sll2(struct walk *walk);
enum step walk_null(struct walk *walk);
enum step walk_ppp_hdlc(struct walk *walk);
enum step walk_ppp(struct walk *walk);
enum step walk_pppoe(struct walk *walk);
enum step walk_mpls(struct walk *walk);
enum step walk_version(struct walk *walk);

/* verdict_ip.c, verdict_extension.c */
enum step walk_v4(struct walk *walk);
enum step walk_v6(struct walk *walk);
enum step walk_extension(struct walk *walk);

/* verdict_transport.c */
enum step walk_protocol(struct walk *walk); /* what walk->proto stands for */
enum step walk_fragment(struct walk *walk, uint32_t id, uint32_t start, bool more);
enum step walk_tcp(struct walk *walk);
enum step walk_udp(struct walk *walk);
enum step walk_udplite(struct walk *walk);
enum step walk_control(struct walk *walk);
enum step walk_sctp(struct walk *walk);

/* verdict_tunnel.c */
enum step walk_port(uint16_t port); /* the tunnel behind this UDP destination port */
bool walk_port_tunnels(uint16_t port); /* whether there is one, be it looked into or not */
enum step walk_gre(struct walk *walk);
enum step walk_vxlan(struct walk *walk);
enum step walk_geneve(struct walk *walk);

#endif
