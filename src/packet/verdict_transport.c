// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lies behind IP: which protocol numbers are followed, and the checksums that cover an IP packet's
 * payload.
 *
 * TCP's own header length has no say in its sum: where it makes no sense, the sum shows the damage, and
 * where the sum is good, the packet came as it was sent.
 */
#include <endian.h>
#include <netinet/in.h>

#include "packet/verdict_sum.h"
#include "packet/verdict_walk.h"
#include "sum/crc32c.h"
#include "sum/csum.h"

enum {
	PROTO_MOBILITY = 135, /* RFC 6275 */
	PROTO_MPLS = 137, /* RFC 4023 */
	PROTO_HIP = 139, /* RFC 7401 */
	PROTO_SHIM6 = 140, /* RFC 5533 */

	TCP_LEN = 20,
	UDP_LEN = 8,
	SCTP_LEN = 12,
	CONTROL_LEN = 4, /* type, code, checksum */
	CONTROL_HEADER = 8, /* with what comes before the data of most types */

	GRE_SUM = 0x8000, /* flag: it has one */
	MERGED_MIN = 9216, /* no frame is longer */
	DATAGRAM_MAX = 65535,
};

enum {
	ONLY_V4 = 1,
	ONLY_V6 = 2,
};

/* A row without a step: nothing in it is looked at (ESP, routing protocols, ...). */
static const struct protocol {
	uint8_t step;
	uint8_t kind; /* enum layer_kind; LAYER_KINDS: has no checksum itself */
	uint8_t only;
} protocols[256] = {
	[IPPROTO_HOPOPTS] = { STEP_EXTENSION, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_ICMP] = { STEP_CONTROL, LAYER_ICMP, ONLY_V4 },
	[IPPROTO_IGMP] = { STEP_CONTROL, LAYER_IGMP, ONLY_V4 },
	[IPPROTO_IPIP] = { STEP_V4, LAYER_KINDS, 0 },
	[IPPROTO_TCP] = { STEP_TCP, LAYER_TCP, 0 },
	[IPPROTO_UDP] = { STEP_UDP, LAYER_UDP, 0 },
	[IPPROTO_IPV6] = { STEP_V6, LAYER_KINDS, 0 },
	[IPPROTO_ROUTING] = { STEP_EXTENSION, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_FRAGMENT] = { STEP_EXTENSION, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_GRE] = { STEP_GRE, LAYER_GRE, 0 },
	[IPPROTO_AH] = { STEP_EXTENSION, LAYER_KINDS, 0 },
	[IPPROTO_ICMPV6] = { STEP_CONTROL, LAYER_ICMP6, ONLY_V6 },
	[IPPROTO_DSTOPTS] = { STEP_EXTENSION, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_SCTP] = { STEP_SCTP, LAYER_SCTP, 0 },
	[PROTO_MOBILITY] = { STEP_EXTENSION, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_UDPLITE] = { STEP_UDPLITE, LAYER_UDPLITE, 0 },
	[PROTO_MPLS] = { STEP_MPLS, LAYER_KINDS, 0 },
	[PROTO_HIP] = { STEP_EXTENSION, LAYER_KINDS, ONLY_V6 },
	[PROTO_SHIM6] = { STEP_EXTENSION, LAYER_KINDS, ONLY_V6 },
};

static const struct protocol *protocol_of(const struct walk *walk)
{
	static const struct protocol opaque = { STEP_END, LAYER_KINDS, 0 };
	const struct protocol *protocol = &protocols[walk->proto];

	if (protocol->step == STEP_END || protocol->only == (walk->v6 ? ONLY_V4 : ONLY_V6))
		return &opaque;
	return protocol;
}

enum step walk_protocol(struct walk *walk)
{
	return protocol_of(walk)->step;
}

/* For what is called with a constant kind: every packet comes through here. */
#define SPECIALISED inline __attribute__((always_inline))

static SPECIALISED bool pseudo(enum layer_kind kind)
{
	return kind == LAYER_TCP || kind == LAYER_UDP || kind == LAYER_UDPLITE ||
	       kind == LAYER_ICMP6;
}

static void take_tcp(struct walk *walk, const uint8_t *tcp)
{
	struct packet_judgement *judgement = walk->judgement;
	size_t left = walk->cursor.end - walk->cursor.at, full = walk->end - walk->cursor.at;
	size_t header_len;

	if (left < 14)
		return;
	judgement->seq = (uint32_t)walk_be16(tcp + 4) << 16 | walk_be16(tcp + 6);
	judgement->ack = (uint32_t)walk_be16(tcp + 8) << 16 | walk_be16(tcp + 10);
	judgement->tcp_flags = tcp[13];
	header_len = (tcp[12] >> 4) * 4u;
	if (header_len < TCP_LEN)
		header_len = TCP_LEN;
	if (header_len > full)
		header_len = full;
	judgement->payload_full = (uint32_t)(full - header_len);
	if (header_len > left)
		header_len = left;
	judgement->payload = (uint32_t)(walk->cursor.at + header_len);
	judgement->payload_len = (uint32_t)(left - header_len);
}

/* Fills in ports and payload by what was captured of the header at the cursor, which stays. */
static SPECIALISED void take_header(struct walk *walk, enum layer_kind kind)
{
	struct packet_judgement *judgement = walk->judgement;
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	size_t left = walk->cursor.end - walk->cursor.at, full = walk->end - walk->cursor.at;
	size_t header_len = kind == LAYER_SCTP ? SCTP_LEN : UDP_LEN;

	if (left >= 4 && (kind <= LAYER_UDPLITE || kind == LAYER_SCTP)) {
		judgement->flow.src_port = walk_be16(header);
		judgement->flow.dst_port = walk_be16(header + 2);
	}
	if (kind == LAYER_TCP) {
		take_tcp(walk, header);
		return;
	}
	if (header_len > full)
		header_len = full;
	judgement->payload_full = (uint32_t)(full - header_len);
	if (header_len > left)
		header_len = left;
	judgement->payload = (uint32_t)(walk->cursor.at + header_len);
	judgement->payload_len = (uint32_t)(left - header_len);
}

/*
 * A layer over what lies behind IP, of at least `min` bytes, with what its header says. NULL where the
 * walk ended: too many layers, too short.
 */
static SPECIALISED struct packet_layer *begin(struct walk *walk, enum layer_kind kind, size_t min)
{
	struct packet_layer *layer = walk_layer(walk, kind);

	if (!layer)
		return NULL;
	take_header(walk, kind);
	if (walk->cursor.end - walk->cursor.at >= min)
		return layer;
	walk_short_layer(walk, layer, min);
	return NULL;
}

/* Judges the sum of `covered` bytes at the cursor; `len` is the pseudo-header's. */
static SPECIALISED void judge(struct walk *walk, struct packet_layer *layer, enum layer_kind kind,
			      size_t covered, size_t len)
{
	uint16_t addresses = 0, total = 0;
	uint8_t proto = 0;

	if (covered > walk->captured - walk->cursor.at) {
		layer->verdict = SUM_TRUNCATED;
		return;
	}
	if (pseudo(kind)) {
		if (walk->hidden) {
			walk_stop_layer(walk, layer, REASON_ROUTING);
			return;
		}
		addresses = walk->addresses;
		proto = walk->proto;
		total = sum_pseudo(addresses, proto, (uint32_t)len);
	} else {
		len = 0;
	}
	total = csum_add(total, walk->cursor.data + walk->cursor.at, covered);
	sum_judge(layer, total, addresses, proto, (uint32_t)len);
	/* The frame's length may be more than the packet's: good is proof, bad is not. */
	if (layer->verdict == SUM_BAD && walk->framed)
		walk_stop_layer(walk, layer, REASON_LENGTH);
}

enum step walk_tcp(struct walk *walk)
{
	struct packet_layer *layer = begin(walk, LAYER_TCP, TCP_LEN);
	size_t len = walk->end - walk->cursor.at;

	if (!layer)
		return STEP_END;
	judge(walk, layer, LAYER_TCP, len, len);
	if (walk->ip_len > MERGED_MIN &&
	    (layer->verdict == SUM_BAD || layer->reason == REASON_LENGTH))
		walk_stop_layer(walk, layer, REASON_MERGED);
	return STEP_END;
}

enum step walk_udp(struct walk *walk)
{
	size_t start = walk->cursor.at, len, whole = walk->end - start;
	struct packet_layer *layer = begin(walk, LAYER_UDP, UDP_LEN);
	uint16_t port = walk->judgement->flow.dst_port;

	if (!layer)
		return STEP_END;
	len = walk_be16(walk->cursor.data + start + 4);
	if (!len && (walk->framed || whole > DATAGRAM_MAX)) /* RFC 2675 section 4 */
		len = whole;
	if (len < UDP_LEN || walk_limit(walk, start, len))
		return walk_stop_layer(walk, layer, REASON_LENGTH);
	if (layer->stored)
		judge(walk, layer, LAYER_UDP, len, len);
	else /* RFC 8200 section 8.1; RFC 6935: tunnels may */
		layer->verdict = walk->v6 && !walk_port_tunnels(port) ? SUM_ILLEGAL_NONE : SUM_NONE;
	take_header(walk, LAYER_UDP);
	walk_take(walk, UDP_LEN);
	return walk_port(port);
}

enum step walk_udplite(struct walk *walk)
{
	struct packet_layer *layer = begin(walk, LAYER_UDPLITE, UDP_LEN);
	size_t len = walk->end - walk->cursor.at, covered;

	if (!layer)
		return STEP_END;
	covered = walk_be16(walk->cursor.data + walk->cursor.at + 4);
	if (!covered)
		covered = len;
	if (covered < UDP_LEN || covered > len)
		return walk_stop_layer(walk, layer, REASON_LENGTH);
	if (layer->stored)
		judge(walk, layer, LAYER_UDPLITE, covered, len);
	else /* RFC 3828 section 3.1: must not be */
		layer->verdict = SUM_ILLEGAL_NONE;
	return STEP_END;
}

/* Of nothing but zeros the right sum is ~0, although for any other message 0 is as right. */
static void right_for_zeros(const struct walk *walk, struct packet_layer *layer, size_t len)
{
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	size_t field = sum_field[layer->kind];

	if (layer->verdict == SUM_BAD && !layer->computed && !csum_add(0, header, field) &&
	    !csum_add(0, header + field + 2, len - field - 2))
		layer->computed = 0xffff;
}

enum step walk_control(struct walk *walk)
{
	enum layer_kind kind = walk->proto == IPPROTO_ICMP   ? LAYER_ICMP
			       : walk->proto == IPPROTO_IGMP ? LAYER_IGMP
							     : LAYER_ICMP6;
	struct packet_layer *layer = begin(walk, kind, CONTROL_LEN);
	size_t len = walk->end - walk->cursor.at;

	if (!layer)
		return STEP_END;
	judge(walk, layer, kind, len, len);
	right_for_zeros(walk, layer, len);
	return STEP_END;
}

/* With the checksum field taken as 0. */
static uint32_t sctp_crc(const uint8_t *data, size_t len)
{
	static const uint8_t zero[4];
	uint32_t crc = crc32c(crc32c(0, data, 8), zero, sizeof(zero));

	return crc32c(crc, data + SCTP_LEN, len - SCTP_LEN);
}

enum step walk_sctp(struct walk *walk)
{
	struct packet_layer *layer = begin(walk, LAYER_SCTP, SCTP_LEN);
	size_t len = walk->end - walk->cursor.at;

	if (!layer)
		return STEP_END;
	if (len > cursor_left(&walk->cursor)) {
		layer->verdict = SUM_TRUNCATED;
		return STEP_END;
	}
	sum_judge_crc(layer, sctp_crc(walk->cursor.data + walk->cursor.at, len));
	if (layer->verdict == SUM_BAD && walk->framed)
		return walk_stop_layer(walk, layer, REASON_LENGTH);
	return STEP_END;
}

/* What the first fragment's header says of the whole datagram: struct packet_fragment, `stored`. */
static void first_fragment(struct walk *walk, struct packet_fragment *fragment,
			   struct packet_layer *layer)
{
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	size_t left = cursor_left(&walk->cursor);
	uint32_t high = 0;

	take_header(walk, fragment->kind);
	if (fragment->kind == LAYER_UDP) {
		fragment->tunnel = walk_port(walk->judgement->flow.dst_port) != STEP_END;
		fragment->may_none = walk_port_tunnels(walk->judgement->flow.dst_port);
	}
	if ((fragment->kind == LAYER_UDP || fragment->kind == LAYER_UDPLITE) && left >= UDP_LEN)
		high = walk_be16(header + 4);
	if (fragment->kind == LAYER_GRE) {
		fragment->tunnel = true;
		high = left >= 2 ? walk_be16(header) : GRE_SUM;
		if (!(high & GRE_SUM))
			layer->stored = 0;
	}
	fragment->stored = layer->wide ? layer->stored : layer->stored | high << 16;
	if (fragment->kind == LAYER_UDPLITE && high >= UDP_LEN && high < left)
		fragment->sum = csum_add(0, header, high);
	if (fragment->kind == LAYER_SCTP && left >= SCTP_LEN)
		fragment->crc = sctp_crc(header, left);
}

enum step walk_fragment(struct walk *walk, uint32_t id, uint32_t start, bool more)
{
	const struct protocol *protocol = protocol_of(walk);
	struct packet_fragment *fragment = &walk->judgement->fragment;
	const uint8_t *data = walk->cursor.data + walk->cursor.at;
	size_t len = walk->end - walk->cursor.at, left = cursor_left(&walk->cursor);
	struct packet_layer *layer;

	if (!len || (more && len % 8) || start + len > DATAGRAM_MAX || walk->framed)
		return walk_stop(walk, REASON_LENGTH);
	fragment->is = true;
	fragment->first = !start;
	fragment->last = !more;
	fragment->cut = left < len;
	fragment->kind = LAYER_KINDS;
	fragment->id = id;
	fragment->start = start;
	fragment->len = (uint32_t)len;
	fragment->layer = walk->judgement->layer_count;
	if (protocol->step == STEP_END)
		return STEP_END;
	if (protocol->kind == LAYER_KINDS)
		return walk_stop(walk, REASON_IN_FRAGMENT);

	layer = walk_layer(walk, protocol->kind);
	if (!layer)
		return STEP_END;
	if (!fragment->first)
		layer->stored = 0;
	if (pseudo(protocol->kind) && walk->hidden)
		return walk_stop_layer(walk, layer, REASON_ROUTING);
	fragment->kind = protocol->kind;
	if (pseudo(protocol->kind))
		fragment->pseudo = sum_pseudo(walk->addresses, walk->proto, 0);
	if (protocol->kind == LAYER_SCTP)
		fragment->crc = crc32c(0, data, left);
	else
		fragment->sum = csum_add(0, data, left);
	if (fragment->first)
		first_fragment(walk, fragment, layer);
	return walk_stop_layer(walk, layer, REASON_FRAGMENT);
}
