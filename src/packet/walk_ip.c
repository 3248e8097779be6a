// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The steps of the walk from an IP header inwards: IPv4 and IPv6, IPv6 extension headers (and AH
 * over IPv4), the transports whose checksums cover an IP packet's payload, and fragments.
 *
 * IP headers say where the packet ends, who talks to whom, and which addresses the pseudo-header
 * has. Large send offload leaves their length 0 for the device to fill in, and a packet over 64 KiB
 * that Linux carries inside one host (BIG TCP) has no other: the packet then ends where the frame
 * does.
 *
 * Extension headers are stepped over. Three kinds matter to the sums after them: a jumbogram's
 * length (RFC 2675), a routing header's final destination (RFC 8200 section 8.1), and fragments.
 *
 * TCP's own header length does not matter to its sum: if that length makes no sense, the sum shows
 * the damage, and if the sum is good, the packet arrived as it was sent.
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "packet/walk.h"
#include "sum/crc32c.h"
#include "sum/csum.h"

enum {
	V4_MORE = 0x2000,
	V4_OFFSET = 0x1fff,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_LSRR = 131,
	OPTION_SSRR = 137,

	UNIT = 8, /* of extension headers, and the least they have; AH counts in 4 */
	V6_LEN = 40,
	OPTION_JUMBO = 0xc2,
	OPTION_HOME = 0xc9,
	JUMBO_MIN = 65536,
	ROUTE_SOURCE = 0, /* RFC 2460, deprecated by RFC 5095 */
	ROUTE_HOME = 2, /* RFC 6275 */
	ROUTE_SEGMENT = 4, /* RFC 8754 */
	FRAGMENT_MORE = 0x0001,
	FRAGMENT_OFFSET = 0xfff8,

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

#define WIRE __attribute__((packed, may_alias))

struct WIRE v4 {
	uint8_t version_len, service;
	uint16_t len, id, fragment;
	uint8_t ttl, proto;
	uint16_t check;
	uint8_t src[4], dst[4];
};

struct WIRE v6 {
	uint32_t version_class_flow;
	uint16_t len;
	uint8_t next, hops;
	uint8_t src[16], dst[16];
};

/* ---- Protocol numbers, and ports of tunnels ---- */

/* Nothing is looked at in a protocol without a row (ESP, routing protocols, ...). */
static const struct protocol {
	uint8_t step; /* STEP_PROTOCOL: in this file, see walk_protocol() */
	uint8_t kind; /* enum layer_kind; LAYER_KINDS: it has no checksum itself */
	uint8_t only;
} protocols[256] = {
	[IPPROTO_HOPOPTS] = { STEP_PROTOCOL, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_ICMP] = { STEP_PROTOCOL, LAYER_ICMP, ONLY_V4 },
	[IPPROTO_IGMP] = { STEP_PROTOCOL, LAYER_IGMP, ONLY_V4 },
	[IPPROTO_IPIP] = { STEP_V4, LAYER_KINDS, 0 },
	[IPPROTO_TCP] = { STEP_PROTOCOL, LAYER_TCP, 0 },
	[IPPROTO_UDP] = { STEP_PROTOCOL, LAYER_UDP, 0 },
	[IPPROTO_IPV6] = { STEP_V6, LAYER_KINDS, 0 },
	[IPPROTO_ROUTING] = { STEP_PROTOCOL, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_FRAGMENT] = { STEP_PROTOCOL, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_GRE] = { STEP_GRE, LAYER_GRE, 0 },
	[IPPROTO_AH] = { STEP_PROTOCOL, LAYER_KINDS, 0 },
	[IPPROTO_ICMPV6] = { STEP_PROTOCOL, LAYER_ICMP6, ONLY_V6 },
	[IPPROTO_DSTOPTS] = { STEP_PROTOCOL, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_SCTP] = { STEP_PROTOCOL, LAYER_SCTP, 0 },
	[PROTO_MOBILITY] = { STEP_PROTOCOL, LAYER_KINDS, ONLY_V6 },
	[IPPROTO_UDPLITE] = { STEP_PROTOCOL, LAYER_UDPLITE, 0 },
	[PROTO_MPLS] = { STEP_MPLS, LAYER_KINDS, 0 },
	[PROTO_HIP] = { STEP_PROTOCOL, LAYER_KINDS, ONLY_V6 },
	[PROTO_SHIM6] = { STEP_PROTOCOL, LAYER_KINDS, ONLY_V6 },
};

static const struct protocol *protocol_of(const struct walk *walk)
{
	static const struct protocol opaque = { STEP_END, LAYER_KINDS, 0 };
	const struct protocol *protocol = &protocols[walk->proto];

	if (protocol->step == STEP_END || protocol->only == (walk->v6 ? ONLY_V4 : ONLY_V6))
		return &opaque;
	return protocol;
}

/* ---- Transports ---- */

/* For functions that are called with a constant kind, and by every packet. */
#define SPECIALISED inline __attribute__((always_inline))

static SPECIALISED bool has_pseudo(enum layer_kind kind)
{
	return kind == LAYER_TCP || kind == LAYER_UDP || kind == LAYER_UDPLITE ||
	       kind == LAYER_ICMP6;
}

/* The payload begins after a header of this length at the cursor, or where the packet ends. */
static SPECIALISED void set_payload(struct walk *walk, size_t header_len)
{
	struct packet_judgement *judgement = walk->judgement;
	size_t left = cursor_left(&walk->cursor), full = walk->end - walk->cursor.at;

	if (header_len > full)
		header_len = full;
	judgement->payload_full = (uint32_t)(full - header_len);
	if (header_len > left)
		header_len = left;
	judgement->payload = (uint32_t)(walk->cursor.at + header_len);
	judgement->payload_len = (uint32_t)(left - header_len);
}

static void note_tcp(struct walk *walk, const uint8_t *tcp)
{
	struct packet_judgement *judgement = walk->judgement;
	size_t header_len;

	if (cursor_left(&walk->cursor) < 14)
		return;
	judgement->seq = (uint32_t)cursor_be16(tcp + 4) << 16 | cursor_be16(tcp + 6);
	judgement->ack = (uint32_t)cursor_be16(tcp + 8) << 16 | cursor_be16(tcp + 10);
	judgement->tcp_flags = tcp[13];
	header_len = (tcp[12] >> 4) * 4u;
	if (header_len < TCP_LEN)
		header_len = TCP_LEN;
	set_payload(walk, header_len);
}

/* Sets ports and payload by what was captured of the header at the cursor, which does not move. */
static SPECIALISED void note_header(struct walk *walk, enum layer_kind kind)
{
	struct packet_judgement *judgement = walk->judgement;
	const uint8_t *header = walk->cursor.data + walk->cursor.at;

	if (cursor_left(&walk->cursor) >= 4 && (kind <= LAYER_UDPLITE || kind == LAYER_SCTP)) {
		judgement->flow.src_port = cursor_be16(header);
		judgement->flow.dst_port = cursor_be16(header + 2);
	}
	if (kind == LAYER_TCP) {
		note_tcp(walk, header);
		return;
	}
	set_payload(walk, kind == LAYER_SCTP ? SCTP_LEN : UDP_LEN);
}

/*
 * A new layer for the transport header at the cursor, of at least `min` bytes; sets ports and
 * payload. NULL if the walk ended: too many layers, or too short.
 */
static SPECIALISED struct packet_layer *begin_transport(struct walk *walk, enum layer_kind kind,
							size_t min)
{
	struct packet_layer *layer = walk_layer(walk, kind);

	if (!layer)
		return NULL;
	note_header(walk, kind);
	if (cursor_left(&walk->cursor) >= min)
		return layer;
	walk_short_layer(walk, layer, min);
	return NULL;
}

/* Judges the sum of `covered` bytes at the cursor; `len` is the pseudo-header's. */
static SPECIALISED void judge_transport(struct walk *walk, struct packet_layer *layer,
					enum layer_kind kind, size_t covered, size_t len)
{
	uint16_t addresses = 0, total = 0;
	uint8_t proto = 0;

	if (covered > walk->captured - walk->cursor.at) {
		layer->verdict = SUM_TRUNCATED;
		return;
	}
	if (has_pseudo(kind)) {
		if (walk->hidden) {
			walk_stop_layer(walk, layer, REASON_ROUTING);
			return;
		}
		addresses = walk->addresses;
		proto = walk->proto;
		total = layer_pseudo(addresses, proto, (uint32_t)len);
	} else {
		len = 0;
	}
	total = csum_add(total, walk->cursor.data + walk->cursor.at, covered);
	layer_judge(layer, total, addresses, proto, (uint32_t)len);
	/* The frame may be longer than the packet: good is proof, bad is not. */
	if (layer->verdict == SUM_BAD && walk->framed)
		walk_stop_layer(walk, layer,
				walk->judgement->no_length ? REASON_NO_LENGTH : REASON_LENGTH);
}

static enum step walk_tcp(struct walk *walk)
{
	struct packet_layer *layer = begin_transport(walk, LAYER_TCP, TCP_LEN);
	size_t len = walk->end - walk->cursor.at;

	if (!layer)
		return STEP_END;
	judge_transport(walk, layer, LAYER_TCP, len, len);
	if (walk->ip_len > MERGED_MIN &&
	    (layer->verdict == SUM_BAD || layer->reason == REASON_LENGTH ||
	     layer->reason == REASON_NO_LENGTH))
		walk_stop_layer(walk, layer, REASON_MERGED);
	return STEP_END;
}

/*
 * IPv6 forbids UDP without a sum (RFC 8200 section 8.1), except to those who accept it (RFC 6935).
 */
static void judge_unsummed(struct walk *walk, struct packet_layer *layer, size_t len)
{
	uint16_t total;

	layer->verdict = SUM_NONE;
	if (!walk->v6 || cargo_goes_unsummed(walk))
		return;
	layer->verdict = SUM_ILLEGAL_NONE;
	if (len > walk->captured - walk->cursor.at || walk->hidden)
		return;
	total = csum_add(layer_pseudo(walk->addresses, walk->proto, (uint32_t)len),
			 walk->cursor.data + walk->cursor.at, len);
	if (total == 0xffff)
		layer->reason = REASON_ZERO_FOR_FFFF;
}

static enum step walk_udp(struct walk *walk)
{
	size_t start = walk->cursor.at, len, whole = walk->end - start;
	struct packet_layer *layer = begin_transport(walk, LAYER_UDP, UDP_LEN);

	if (!layer)
		return STEP_END;
	len = cursor_be16(walk->cursor.data + start + 4);
	if (!len && (walk->framed || whole > DATAGRAM_MAX)) /* RFC 2675 section 4 */
		len = whole;
	if (len < UDP_LEN || walk_limit(walk, start, len))
		return walk_stop_layer(walk, layer, REASON_LENGTH);
	if (layer->stored)
		judge_transport(walk, layer, LAYER_UDP, len, len);
	else
		judge_unsummed(walk, layer, len);
	note_header(walk, LAYER_UDP);
	cursor_take(&walk->cursor, UDP_LEN);
	return cargo_step(walk);
}

static enum step walk_udplite(struct walk *walk)
{
	struct packet_layer *layer = begin_transport(walk, LAYER_UDPLITE, UDP_LEN);
	size_t len = walk->end - walk->cursor.at, covered;

	if (!layer)
		return STEP_END;
	covered = cursor_be16(walk->cursor.data + walk->cursor.at + 4);
	if (!covered)
		covered = len;
	if (covered < UDP_LEN || covered > len)
		return walk_stop_layer(walk, layer, REASON_LENGTH);
	if (layer->stored)
		judge_transport(walk, layer, LAYER_UDPLITE, covered, len);
	else /* RFC 3828 section 3.1 forbids it */
		layer->verdict = SUM_ILLEGAL_NONE;
	return STEP_END;
}

/* If a message is all zeros, its right sum is ~0. In any other message, 0 and ~0 are both right. */
static void right_for_zeros(const struct walk *walk, struct packet_layer *layer, size_t len)
{
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	size_t field = layer_field[layer->kind];

	if (layer->verdict == SUM_BAD && !layer->computed && !csum_add(0, header, field) &&
	    !csum_add(0, header + field + 2, len - field - 2))
		layer->computed = 0xffff;
}

static enum step walk_control(struct walk *walk)
{
	enum layer_kind kind = protocol_of(walk)->kind;
	struct packet_layer *layer = begin_transport(walk, kind, CONTROL_LEN);
	size_t len = walk->end - walk->cursor.at;

	if (!layer)
		return STEP_END;
	judge_transport(walk, layer, kind, len, len);
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

static enum step walk_sctp(struct walk *walk)
{
	struct packet_layer *layer = begin_transport(walk, LAYER_SCTP, SCTP_LEN);
	size_t len = walk->end - walk->cursor.at;

	if (!layer)
		return STEP_END;
	if (len > cursor_left(&walk->cursor)) {
		layer->verdict = SUM_TRUNCATED;
		return STEP_END;
	}
	layer_judge_crc(layer, sctp_crc(walk->cursor.data + walk->cursor.at, len));
	if (layer->verdict == SUM_BAD && walk->framed)
		return walk_stop_layer(walk, layer, REASON_LENGTH);
	return STEP_END;
}

/* ---- Fragments ---- */

/* Sets what the first fragment's header says about the whole datagram. */
static void first_fragment(struct walk *walk, struct packet_fragment *fragment,
			   struct packet_layer *layer)
{
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	size_t left = cursor_left(&walk->cursor);
	uint32_t high = 0;

	note_header(walk, fragment->kind);
	if (fragment->kind == LAYER_UDP) {
		fragment->tunnel = cargo_first_fragment(walk, &fragment->may_none);
	}
	if ((fragment->kind == LAYER_UDP || fragment->kind == LAYER_UDPLITE) && left >= UDP_LEN)
		high = cursor_be16(header + 4);
	if (fragment->kind == LAYER_GRE) {
		fragment->tunnel = true;
		high = left >= 2 ? cursor_be16(header) : GRE_SUM;
		if (!(high & GRE_SUM))
			layer->stored = 0;
	}
	fragment->stored = layer->wide ? layer->stored : layer->stored | high << 16;
	if (fragment->kind == LAYER_UDPLITE && high >= UDP_LEN && high < left)
		fragment->sum = csum_add(0, header, high);
	if (fragment->kind == LAYER_SCTP && left >= SCTP_LEN)
		fragment->crc = sctp_crc(header, left);
}

static enum step walk_fragment(struct walk *walk, uint32_t id, uint32_t start, bool more)
{
	const struct protocol *protocol = protocol_of(walk);
	struct packet_fragment *fragment = &walk->judgement->fragment;
	const uint8_t *data = walk->cursor.data + walk->cursor.at;
	size_t len = walk->end - walk->cursor.at, left = cursor_left(&walk->cursor);
	struct packet_layer *layer;

	if (!len || (more && len % 8) || start + len > DATAGRAM_MAX || walk->framed)
		return walk_stop(walk, REASON_LENGTH);
	fragment->is = walk->judgement->notable = true;
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
	if (has_pseudo(protocol->kind) && walk->hidden)
		return walk_stop_layer(walk, layer, REASON_ROUTING);
	fragment->kind = protocol->kind;
	if (has_pseudo(protocol->kind))
		fragment->pseudo = layer_pseudo(walk->addresses, walk->proto, 0);
	if (protocol->kind == LAYER_SCTP)
		fragment->crc = crc32c(0, data, left);
	else
		fragment->sum = csum_add(0, data, left);
	if (fragment->first)
		first_fragment(walk, fragment, layer);
	return walk_stop_layer(walk, layer, REASON_FRAGMENT);
}

/* ---- Extension headers ---- */

/*
 * Looks for an option of `len` bytes. Returns 1 and the option's data; 0 if there is none; -EBADMSG
 * if the options' lengths contradict the header's.
 */
static int find_v6_option(const uint8_t *header, size_t header_len, uint8_t type, uint8_t len,
			  const uint8_t **ret_option)
{
	for (size_t at = 2; at < header_len;) {
		if (!header[at]) { /* Pad1 */
			at++;
			continue;
		}
		if (header_len - at < 2 || header_len - at - 2 < header[at + 1])
			return -EBADMSG;
		if (header[at] == type) {
			*ret_option = header + at + 2;
			return header[at + 1] == len ? 1 : -EBADMSG;
		}
		at += 2u + header[at + 1];
	}
	return 0;
}

/* If neither the IP header nor this option has the packet's length, it is as long as the frame. */
static enum step take_jumbo(struct walk *walk, const uint8_t *header, size_t header_len)
{
	const uint8_t *option;
	int found = find_v6_option(header, header_len, OPTION_JUMBO, 4, &option);
	uint32_t len;

	if (!found)
		return STEP_PROTOCOL;
	len = found > 0 ? cursor_be32(option) : 0;
	if (len < JUMBO_MIN || walk_limit(walk, walk->judgement->network + V6_LEN, len))
		return walk_stop(walk, REASON_LENGTH);
	walk->ip_len = len + V6_LEN;
	walk->framed = false;
	return STEP_PROTOCOL;
}

static void sum_addresses(struct walk *walk)
{
	walk->addresses = csum_add(csum_add(0, walk->src, 16), walk->dst, 16);
}

/*
 * A mobile node sends from another address, but sums with its home address (RFC 6275 section 6.3).
 */
static enum step take_home(struct walk *walk, const uint8_t *header, size_t header_len)
{
	const uint8_t *option;
	int found = find_v6_option(header, header_len, OPTION_HOME, 16, &option);

	if (found < 0)
		return walk_stop(walk, REASON_LENGTH);
	if (found) {
		walk->src = option;
		sum_addresses(walk);
	}
	return STEP_PROTOCOL;
}

/* While segments are left, the address in the header is not the one that the sender summed. */
static enum step take_routing(struct walk *walk, const uint8_t *header, size_t header_len)
{
	size_t addresses = (header_len - UNIT) / 16, final;
	uint8_t left = header[3];

	if (!left)
		return STEP_PROTOCOL;
	switch (header[2]) {
	case ROUTE_SOURCE:
	case ROUTE_HOME:
		if (!addresses || (header_len - UNIT) % 16 || left > addresses)
			return walk_stop(walk, REASON_LENGTH);
		final = addresses - 1;
		break;
	case ROUTE_SEGMENT: /* the list has the last to visit first */
		if (addresses < header[4] + 1u)
			return walk_stop(walk, REASON_LENGTH);
		final = 0;
		break;
	default:
		walk->hidden = true;
		return STEP_PROTOCOL;
	}
	walk->dst = header + UNIT + final * 16;
	sum_addresses(walk);
	return STEP_PROTOCOL;
}

static enum step take_fragment(struct walk *walk, const uint8_t *header)
{
	uint16_t where = cursor_be16(header + 2);

	if (!(where & (FRAGMENT_MORE | FRAGMENT_OFFSET))) /* RFC 6946: a whole packet */
		return STEP_PROTOCOL;
	return walk_fragment(walk, cursor_be32(header + 4), where & FRAGMENT_OFFSET,
			     where & FRAGMENT_MORE);
}

static enum step walk_extension(struct walk *walk)
{
	const uint8_t *header = cursor_take(&walk->cursor, UNIT);
	uint8_t proto = walk->proto;
	enum step step = STEP_PROTOCOL;
	size_t len;

	if (!header)
		return walk_short(walk, UNIT);
	len = proto == IPPROTO_AH ? (header[1] + 2u) * 4u : (header[1] + 1u) * UNIT;
	if (proto == IPPROTO_FRAGMENT)
		len = UNIT;
	if (len < UNIT)
		return walk_stop(walk, REASON_LENGTH);
	if (!cursor_take(&walk->cursor, len - UNIT))
		return walk_short(walk, len - UNIT);

	walk->proto = walk->judgement->flow.proto = header[0];
	walk->judgement->transport = (uint32_t)walk->cursor.at;
	walk_payload(walk);
	if (proto == IPPROTO_HOPOPTS && walk->jumbo)
		step = take_jumbo(walk, header, len);
	else if (proto == IPPROTO_DSTOPTS)
		step = take_home(walk, header, len);
	else if (proto == IPPROTO_ROUTING)
		step = take_routing(walk, header, len);
	else if (proto == IPPROTO_FRAGMENT)
		step = take_fragment(walk, header);
	walk_payload(walk);
	return step;
}

/* ---- IP ---- */

/* From here on the judgement's flow is that of this IP packet, whose header begins at `start`. */
static struct packet_flow *enter_ip(struct walk *walk, size_t start, uint8_t family)
{
	struct packet_judgement *judgement = walk->judgement;
	struct packet_flow *flow = &judgement->flow;

	judgement->tunnelled = flow->family != 0;
	if (judgement->tunnelled) {
		memset(flow, 0, sizeof(*flow));
		judgement->seq = judgement->ack = judgement->tcp_flags = 0;
	}
	flow->family = family;
	flow->proto = walk->proto;
	judgement->network = (uint32_t)start;
	judgement->transport = (uint32_t)walk->cursor.at;
	walk->v6 = family == AF_INET6;
	walk->framed = walk->jumbo = walk->hidden = false;
	return flow;
}

/*
 * If a source route is not used up (its pointer has not passed its last address, RFC 791), its last
 * address is the final destination. -EBADMSG if the options make no sense.
 */
static int take_options(struct walk *walk, const uint8_t *option, const uint8_t *end)
{
	for (size_t len; option < end && option[0] != OPTION_END; option += len) {
		len = 1;
		if (option[0] == OPTION_NOP)
			continue;
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			return -EBADMSG;
		len = option[1];
		if (option[0] != OPTION_LSRR && option[0] != OPTION_SSRR)
			continue;
		if (len < 3 || (len - 3) % 4 || option[2] < 4)
			return -EBADMSG;
		if (option[2] + 3u <= len)
			walk->dst = option + len - 4;
	}
	walk->addresses = csum_add(csum_add(0, walk->src, 4), walk->dst, 4);
	return 0;
}

/* After the header: how long the packet is, and what is in it. */
static enum step after_v4(struct walk *walk, const struct v4 *v4, size_t start, size_t header_len)
{
	size_t total = be16toh(v4->len);
	uint16_t fragment = be16toh(v4->fragment);

	if (!total) {
		walk->framed = true;
		total = walk->end - start;
	}
	if (walk_limit(walk, start, total)) {
		walk_payload(walk);
		return walk_stop(walk, REASON_LENGTH);
	}
	walk->ip_len = (uint32_t)total;
	walk_payload(walk);
	if (header_len > sizeof(*v4) &&
	    take_options(walk, (const uint8_t *)(v4 + 1), (const uint8_t *)v4 + header_len))
		return walk_stop(walk, REASON_ROUTING);
	if (fragment & (V4_MORE | V4_OFFSET))
		return walk_fragment(walk, be16toh(v4->id), (fragment & V4_OFFSET) * 8u,
				     fragment & V4_MORE);
	return walk_protocol(walk);
}

/* Folds a sum of a few words as this machine reads them. Too little for a call of csum_add(). */
static uint16_t fold_words(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return be16toh((uint16_t)((sum >> 16) + sum));
}

/* Returns the header's sum; keeps that of its addresses for the pseudo-header. */
static uint16_t sum_v4(struct walk *walk, const struct v4 *v4, size_t header_len)
{
	uint32_t word[sizeof(*v4) / 4];
	uint64_t addresses;
	uint16_t sum;

	memcpy(word, v4, sizeof(word));
	addresses = (uint64_t)word[3] + word[4];
	walk->addresses = fold_words(addresses);
	sum = fold_words(addresses + word[0] + word[1] + word[2]);
	return header_len == sizeof(*v4) ? sum : csum_add(sum, v4 + 1, header_len - sizeof(*v4));
}

enum step walk_v4(struct walk *walk)
{
	size_t start = walk->cursor.at, header_len;
	struct packet_layer *layer = walk_layer(walk, LAYER_IPV4);
	struct packet_flow *flow;
	const struct v4 *v4;

	if (!layer)
		return STEP_END;
	v4 = (const struct v4 *)cursor_take(&walk->cursor, sizeof(*v4));
	if (!v4)
		return walk_short_layer(walk, layer, sizeof(*v4));
	if (v4->version_len >> 4 != 4)
		return walk_stop_layer(walk, layer, REASON_PROTOCOL);
	header_len = (v4->version_len & 0xf) * 4u;
	if (header_len < sizeof(*v4))
		return walk_stop_layer(walk, layer, REASON_LENGTH);
	if (header_len > sizeof(*v4) && !cursor_take(&walk->cursor, header_len - sizeof(*v4)))
		return walk_short_layer(walk, layer, header_len - sizeof(*v4));
	layer_judge(layer, sum_v4(walk, v4, header_len), 0, 0, 0);
	walk->proto = v4->proto;
	flow = enter_ip(walk, start, AF_INET);
	memcpy(flow->src, walk->src = v4->src, sizeof(v4->src));
	memcpy(flow->dst, walk->dst = v4->dst, sizeof(v4->dst));
	return after_v4(walk, v4, start, header_len);
}

enum step walk_v6(struct walk *walk)
{
	size_t start = walk->cursor.at, len;
	const struct v6 *v6 = (const struct v6 *)cursor_take(&walk->cursor, sizeof(*v6));
	struct packet_flow *flow;

	if (!v6)
		return walk_short(walk, sizeof(*v6));
	if (be32toh(v6->version_class_flow) >> 28 != 6)
		return walk_stop(walk, REASON_PROTOCOL);
	walk->proto = v6->next;
	flow = enter_ip(walk, start, AF_INET6);
	memcpy(flow->src, walk->src = v6->src, sizeof(v6->src));
	memcpy(flow->dst, walk->dst = v6->dst, sizeof(v6->dst));
	walk->addresses = csum_add(0, v6->src, 2 * sizeof(v6->src));
	len = be16toh(v6->len);
	if (!len && v6->next != IPPROTO_NONE) {
		walk->framed = true;
		walk->jumbo = v6->next == IPPROTO_HOPOPTS;
		len = walk->end - walk->cursor.at;
		/* Linux itself carries longer packets so (BIG TCP). */
		if (v6->next == IPPROTO_TCP && len <= DATAGRAM_MAX)
			walk->judgement->no_length = walk->judgement->notable = true;
	}
	if (walk_limit(walk, walk->cursor.at, len)) {
		walk_payload(walk);
		return walk_stop(walk, REASON_LENGTH);
	}
	walk->ip_len = (uint32_t)(sizeof(*v6) + len);
	walk_payload(walk);
	return walk_protocol(walk);
}

/* ---- What IP carries ---- */

/* By the kind of a protocol whose step is STEP_PROTOCOL. */
static enum step (*const protocol_steps[LAYER_KINDS + 1])(struct walk *) = {
	[LAYER_TCP] = walk_tcp,	     [LAYER_UDP] = walk_udp,	     [LAYER_UDPLITE] = walk_udplite,
	[LAYER_ICMP] = walk_control, [LAYER_ICMP6] = walk_control,   [LAYER_IGMP] = walk_control,
	[LAYER_SCTP] = walk_sctp,    [LAYER_KINDS] = walk_extension,
};

enum step walk_protocol(struct walk *walk)
{
	const struct protocol *protocol = protocol_of(walk);

	if (protocol->step == STEP_END)
		return cargo_opaque_step(walk);
	if (protocol->step != STEP_PROTOCOL)
		return protocol->step;
	return protocol_steps[protocol->kind](walk);
}
