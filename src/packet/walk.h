/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk through a packet's headers. Each header is a step: a function that judges what it can,
 * moves the cursor to the end of that header, and returns the next step. verdict.c has the table of
 * steps and those around IP (link layers, tags, tunnels); walk_ip.c has IP and what it carries.
 *
 * Two ends are kept apart: where the headers say that a packet ends, and where the capture does. A
 * header that reaches beyond the first contradicts the ones before it; one that reaches beyond the
 * second was truncated.
 */
#ifndef TRUESUM_PACKET_WALK_H
#define TRUESUM_PACKET_WALK_H

#include "packet/cursor.h"
#include "packet/layer.h"
#include "packet/verdict.h"

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
	STEP_PROTOCOL, /* what IP or an extension header carries: walk->proto says */
	STEP_GRE,
	STEP_VXLAN,
	STEP_GENEVE,
	STEPS
};

struct walk {
	struct cursor cursor; /* ends at `end`, or where the capture ends */
	size_t captured;
	size_t end; /* where the packet ends by the headers so far, from the first byte */
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

/* The steps of walk_ip.c. */
enum step walk_v4(struct walk *walk);
enum step walk_v6(struct walk *walk);
enum step walk_protocol(struct walk *walk);

/* ---- cargo.c ---- */

/* The step after a UDP header, at the cursor; the flow has its ports. */
enum step cargo_step(struct walk *walk);

/* The step at a protocol over IP that is not looked at: it may be a tunnel. */
enum step cargo_opaque_step(struct walk *walk);

/*
 * Whether the UDP packet whose header is at the cursor may go without a sum over IPv6; then the
 * judgement says whose it is.
 */
bool cargo_goes_unsummed(struct walk *walk);

/*
 * Of a datagram's first fragment, whose ports are set: whether it carries a tunnel that would be
 * opened, and whether it may go without a sum. If the tunnel is not opened, the judgement says so.
 */
bool cargo_first_fragment(struct walk *walk, bool *ret_unsummed);

/* ---- What steps share; inline, as every packet needs it ---- */

/* Ends the walk: unknown, for this reason. */
static inline enum step walk_stop(struct walk *walk, enum sum_reason reason)
{
	walk->ended = SUM_UNKNOWN;
	walk->judgement->reason = (uint8_t)reason;
	return STEP_END;
}

/* Ends the walk at a tunnel that is not opened. */
static inline enum step walk_closed(struct walk *walk, enum packet_cargo cargo)
{
	walk->judgement->closed = (uint8_t)cargo;
	walk->judgement->notable = true;
	return STEP_END;
}

/* Ends the walk because there are fewer than len bytes at the cursor. */
static inline enum step walk_short(struct walk *walk, size_t len)
{
	if (len > walk->end - walk->cursor.at)
		return walk_stop(walk, REASON_LENGTH);
	walk->ended = SUM_TRUNCATED;
	return STEP_END;
}

/* The same two, with the same verdict on the layer. */
static inline enum step walk_stop_layer(struct walk *walk, struct packet_layer *layer,
					enum sum_reason reason)
{
	layer->verdict = SUM_UNKNOWN;
	layer->reason = (uint8_t)reason;
	return walk_stop(walk, reason);
}

static inline enum step walk_short_layer(struct walk *walk, struct packet_layer *layer, size_t len)
{
	walk_short(walk, len);
	layer->verdict = walk->ended;
	layer->reason = walk->judgement->reason;
	return STEP_END;
}

/* The packet ends len bytes after `start`. Returns 0, or -EBADMSG if it ended earlier already. */
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

/* The payload of an IP or tunnel header begins at the cursor. */
static inline void walk_payload(struct walk *walk)
{
	struct packet_judgement *judgement = walk->judgement;

	judgement->payload = (uint32_t)walk->cursor.at;
	judgement->payload_len = (uint32_t)cursor_left(&walk->cursor);
	judgement->payload_full = (uint32_t)(walk->end - walk->cursor.at);
}

/*
 * A new layer for the header at the cursor; `stored` is read if it was captured. NULL, and the walk
 * ends, if there are too many.
 */
static inline struct packet_layer *walk_layer(struct walk *walk, enum layer_kind kind)
{
	struct packet_judgement *judgement = walk->judgement;
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	size_t left = cursor_left(&walk->cursor);
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
		.field = (uint32_t)(walk->cursor.at + layer_field[kind]),
	};
	if (kind == LAYER_SCTP)
		layer->stored = left >= layer_field[kind] + 4u
					? cursor_be32(header + layer_field[kind])
					: 0;
	else
		layer->stored = left >= layer_field[kind] + 2u
					? cursor_be16(header + layer_field[kind])
					: 0;
	return layer;
}

#endif
