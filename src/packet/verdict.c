// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Judges a packet, from the link layer inwards (walk.h explains the walk). This file has the steps
 * around IP: link layers, tags, labels, and the tunnels that carry frames or packets. Of these,
 * only GRE has a checksum; of the others it matters what comes next and, if a header says so, how
 * long it is. Tables at the end map link types to their first step, and steps to their functions.
 *
 * A tunnel over UDP is recognised by its port. Any program may use that port, so a header after UDP
 * that the tunnel's standard does not allow ends the walk, and that is no finding.
 *
 * Called for every packet of a capture: nothing is allocated, and only those fields of the
 * judgement are written that are set.
 *
 * Sources: pcap-linktype(7), IEEE 802.3, 802.1Q, 802.1ad, RFC 1042, 1661, 1662, 1547, 2516, 3032,
 * 4385; 2784, 2890, 2637, 7348, 8926; drivers/net/vxlan (group policy).
 */
#include "packet/verdict.h"

#include <string.h>

#include "packet/walk.h"
#include "sum/csum.h"

enum {
	TYPE_LENGTH_MAX = 1500, /* IEEE 802.3: the type is a length */
	TYPE_V4 = 0x0800,
	TYPE_BRIDGE = 0x6558, /* transparent Ethernet bridging */
	TYPE_CTAG = 0x8100,
	TYPE_V6 = 0x86dd,
	TYPE_PPP = 0x880b,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_UPSTREAM = 0x8848,
	TYPE_PPPOE = 0x8864,
	TYPE_STAG = 0x88a8,
	TYPE_QINQ = 0x9100, /* before 802.1ad */
	TYPE_QINQ_2 = 0x9200,
	TYPE_QINQ_3 = 0x9300,

	SLL_LLC = 4, /* linux/if_ether.h: ETH_P_802_2 */
	SLL_NETLINK = 824, /* ARPHRD_NETLINK: the protocol is no EtherType */

	PPP_V4 = 0x21,
	PPP_V6 = 0x57,
	PPP_MPLS = 0x281,
	PPP_MPLS_UPSTREAM = 0x283,
	PPP_ENCRYPTED = 0x53, /* RFC 1968 */
	PPP_COMPRESSED = 0xfd, /* RFC 1962, 3078 */

	LLC_IP = 0x06, /* RFC 948 */
	LLC_SNAP = 0xaa,
	LLC_UNNUMBERED = 0x03,

	MPLS_BOTTOM = 0x01,
	CISCO_UNICAST = 0x0f,
	CISCO_MULTICAST = 0x8f,

	GRE_SUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACK = 0x0080, /* version 1 */
	GRE_VERSION = 0x0007,

	TUNNEL_LEN = 8, /* VXLAN's header, and Geneve's without options */
	VXLAN_VNI = 0x08000000, /* the VNI is valid: must be set */
	VXLAN_POLICY = 0x8848ffff, /* and group policy's bits */
	GENEVE_VERSION = 0xc0,
	GENEVE_OPTIONS = 0x3f, /* their length in 4 bytes */
};

/* ---- Link layers, tags, labels ---- */

/* What an EtherType stands for that is a tunnel, but is not opened. */
static enum packet_cargo cargo_of_type(uint16_t type)
{
	static const struct {
		uint16_t type;
		uint8_t cargo;
	} rows[] = {
		{ 0x22eb, CARGO_ERSPAN }, { 0x22f3, CARGO_TRILL },  { 0x4305, CARGO_BATMAN },
		{ 0x88be, CARGO_ERSPAN }, { 0x88e5, CARGO_MACSEC }, { 0x88e7, CARGO_PBB },
		{ 0x894f, CARGO_NSH },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].type == type)
			return rows[i].cargo;
	return CARGO_NONE;
}

static enum step walk_type(struct walk *walk, uint16_t type)
{
	enum packet_cargo cargo;

	switch (type) {
	case TYPE_V4:
		return STEP_V4;
	case TYPE_V6:
		return STEP_V6;
	case TYPE_CTAG:
	case TYPE_STAG:
	case TYPE_QINQ:
	case TYPE_QINQ_2:
	case TYPE_QINQ_3:
		return STEP_VLAN;
	case TYPE_MPLS:
	case TYPE_MPLS_UPSTREAM:
		return STEP_MPLS;
	case TYPE_PPPOE:
		return STEP_PPPOE;
	case TYPE_PPP:
		return STEP_PPP;
	case TYPE_BRIDGE:
		return STEP_ETHERNET;
	default:
		cargo = cargo_of_type(type);
		return cargo ? walk_closed(walk, cargo) : STEP_END;
	}
}

/* An EtherType, or the length of an IEEE 802.3 frame. */
static enum step type_or_length(struct walk *walk, const uint8_t *at)
{
	uint16_t type = cursor_be16(at);

	if (type > TYPE_LENGTH_MAX)
		return walk_type(walk, type);
	if (walk_limit(walk, walk->cursor.at, type))
		return walk_stop(walk, REASON_LENGTH);
	return STEP_LLC;
}

static enum step walk_ethernet(struct walk *walk)
{
	const uint8_t *header = cursor_take(&walk->cursor, 14);

	return header ? type_or_length(walk, header + 12) : walk_short(walk, 14);
}

static enum step walk_vlan(struct walk *walk)
{
	const uint8_t *tag = cursor_take(&walk->cursor, 4);

	return tag ? type_or_length(walk, tag + 2) : walk_short(walk, 4);
}

static enum step walk_llc(struct walk *walk)
{
	const uint8_t *header = cursor_take(&walk->cursor, 3), *snap;

	if (!header)
		return walk_short(walk, 3);
	if (header[2] != LLC_UNNUMBERED || header[0] != header[1])
		return STEP_END;
	if (header[0] == LLC_IP)
		return STEP_V4;
	if (header[0] != LLC_SNAP)
		return STEP_END;
	snap = cursor_take(&walk->cursor, 5);
	if (!snap)
		return walk_short(walk, 5);
	/* RFC 1042, and the same by IEEE 802.1H for bridges */
	if (memcmp(snap, "\x00\x00\x00", 3) && memcmp(snap, "\x00\x00\xf8", 3))
		return STEP_END;
	return walk_type(walk, cursor_be16(snap + 3));
}

/* Linux cooked capture: `device` is an ARPHRD_ number. */
static enum step sll(struct walk *walk, uint16_t device, uint16_t protocol)
{
	if (device == SLL_NETLINK)
		return STEP_END;
	return protocol == SLL_LLC ? STEP_LLC : walk_type(walk, protocol);
}

static enum step walk_sll(struct walk *walk)
{
	const uint8_t *header = cursor_take(&walk->cursor, 16);

	if (!header)
		return walk_short(walk, 16);
	return sll(walk, cursor_be16(header + 2), cursor_be16(header + 14));
}

static enum step walk_sll2(struct walk *walk)
{
	const uint8_t *header = cursor_take(&walk->cursor, 20);

	if (!header)
		return walk_short(walk, 20);
	return sll(walk, cursor_be16(header + 8), cursor_be16(header));
}

/* An address family: in byte order and numbering of the system that captured. */
static enum step walk_null(struct walk *walk)
{
	const uint8_t *header = cursor_take(&walk->cursor, 4);
	uint32_t family;

	if (!header)
		return walk_short(walk, 4);
	family = cursor_be32(header);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		return STEP_V4;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return STEP_V6;
	default:
		return STEP_END;
	}
}

static enum step walk_ppp_hdlc(struct walk *walk)
{
	const uint8_t *header = cursor_take(&walk->cursor, 4);

	if (!header)
		return walk_short(walk, 4);
	if (header[0] == CISCO_UNICAST || header[0] == CISCO_MULTICAST)
		return walk_type(walk, cursor_be16(header + 2));
	walk->cursor.at -= 4;
	return STEP_PPP;
}

/* With or without address and control (ff 03); no protocol number begins like that. */
static enum step walk_ppp(struct walk *walk)
{
	const uint8_t *header;
	uint16_t protocol;

	if (cursor_left(&walk->cursor) >= 2 &&
	    !memcmp(walk->cursor.data + walk->cursor.at, "\xff\x03", 2))
		cursor_take(&walk->cursor, 2);
	header = cursor_take(&walk->cursor, 1);
	if (!header)
		return walk_short(walk, 1);
	protocol = header[0];
	if (!(protocol & 1)) { /* not compressed to one byte */
		header = cursor_take(&walk->cursor, 1);
		if (!header)
			return walk_short(walk, 1);
		protocol = (uint16_t)(protocol << 8 | header[0]);
	}
	switch (protocol) {
	case PPP_V4:
		return STEP_V4;
	case PPP_V6:
		return STEP_V6;
	case PPP_MPLS:
	case PPP_MPLS_UPSTREAM:
		return STEP_MPLS;
	case PPP_COMPRESSED:
	case PPP_ENCRYPTED:
		return walk_closed(walk, CARGO_PPP);
	default:
		return STEP_END;
	}
}

static enum step walk_pppoe(struct walk *walk)
{
	const uint8_t *header = cursor_take(&walk->cursor, 6);

	if (!header)
		return walk_short(walk, 6);
	if (header[0] != 0x11)
		return walk_stop(walk, REASON_PROTOCOL);
	if (header[1]) /* discovery */
		return STEP_END;
	if (walk_limit(walk, walk->cursor.at, cursor_be16(header + 4)))
		return walk_stop(walk, REASON_LENGTH);
	return STEP_PPP;
}

/* By the IP version in the first four bits at the cursor; STEP_END: neither 4 nor 6. */
static enum step step_of_version(const struct walk *walk)
{
	switch (walk->cursor.data[walk->cursor.at] >> 4) {
	case 4:
		return STEP_V4;
	case 6:
		return STEP_V6;
	default:
		return STEP_END;
	}
}

/*
 * Labels down to the bottom of the stack, then IP, or a pseudowire (RFC 4385), which is not looked
 * at.
 */
static enum step walk_mpls(struct walk *walk)
{
	const uint8_t *label;
	enum step step;

	do {
		label = cursor_take(&walk->cursor, 4);
		if (!label)
			return walk_short(walk, 4);
	} while (!(label[2] & MPLS_BOTTOM));
	if (!cursor_left(&walk->cursor))
		return walk_short(walk, 1);
	step = step_of_version(walk);
	return step == STEP_END ? walk_closed(walk, CARGO_PSEUDOWIRE) : step;
}

static enum step walk_version(struct walk *walk)
{
	enum step step;

	if (!cursor_left(&walk->cursor))
		return walk_short(walk, 1);
	step = step_of_version(walk);
	return step == STEP_END ? walk_stop(walk, REASON_PROTOCOL) : step;
}

/* ---- Tunnels ---- */

/* The sum covers the GRE header and everything after it. */
static void judge_gre(struct walk *walk, struct packet_layer *layer, size_t start, uint16_t flags)
{
	size_t len = walk->end - start;

	if (!(flags & GRE_SUM) || flags & GRE_VERSION) {
		layer->verdict = SUM_NONE;
		layer->field = layer->offset;
		layer->stored = 0;
	} else if (len > walk->captured - start) {
		layer->verdict = SUM_TRUNCATED;
	} else {
		layer_judge(layer, csum_add(0, walk->cursor.data + start, len), 0, 0, 0);
		if (layer->verdict == SUM_BAD && walk->framed)
			walk_stop_layer(walk, layer, REASON_LENGTH);
	}
}

static size_t gre_len(uint16_t flags)
{
	size_t len = 4;

	if (flags & GRE_SUM)
		len += 4; /* with a reserved half */
	if (flags & GRE_KEY)
		len += 4;
	if (flags & GRE_SEQUENCE)
		len += 4;
	if ((flags & GRE_VERSION) == 1 && flags & GRE_ACK)
		len += 4;
	return len;
}

static enum step walk_gre(struct walk *walk)
{
	size_t start = walk->cursor.at, len;
	struct packet_layer *layer = walk_layer(walk, LAYER_GRE);
	const uint8_t *header;
	enum step step;
	uint16_t flags;

	if (!layer)
		return STEP_END;
	header = cursor_take(&walk->cursor, 4);
	if (!header)
		return walk_short_layer(walk, layer, 4);
	flags = cursor_be16(header);
	if ((flags & GRE_VERSION) > 1 || flags & GRE_ROUTING)
		return walk_stop_layer(walk, layer, REASON_PROTOCOL);
	len = gre_len(flags) - 4;
	if (!cursor_take(&walk->cursor, len))
		return walk_short_layer(walk, layer, len);
	judge_gre(walk, layer, start, flags);
	walk_payload(walk);
	step = walk_type(walk, cursor_be16(header + 2));
	if (step == STEP_END && !walk->judgement->closed && cursor_be16(header + 2))
		return walk_closed(walk, CARGO_GRE);
	return step;
}

/* Whether what begins at the cursor looks like an Ethernet frame with IP, ARP or a tag. */
static bool frame_type_known(const struct walk *walk)
{
	uint16_t type;

	if (cursor_left(&walk->cursor) < 14)
		return false;
	type = cursor_be16(walk->cursor.data + walk->cursor.at + 12);
	return type == TYPE_V4 || type == TYPE_V6 || type == TYPE_CTAG || type == 0x0806;
}

static enum step walk_vxlan(struct walk *walk)
{
	const uint8_t *header;
	uint32_t flags;

	if (walk->end - walk->cursor.at < TUNNEL_LEN)
		return STEP_END;
	header = cursor_take(&walk->cursor, TUNNEL_LEN);
	if (!header)
		return walk_short(walk, TUNNEL_LEN);
	flags = cursor_be32(header);
	if (!(flags & VXLAN_VNI) || flags & ~(VXLAN_VNI | VXLAN_POLICY) || header[7])
		return flags >> 24 & 0x08 && frame_type_known(walk) ? walk_closed(walk, CARGO_VXLAN)
								    : STEP_END;
	return STEP_ETHERNET;
}

static enum step walk_geneve(struct walk *walk)
{
	const uint8_t *header;
	enum step step;
	size_t options;

	if (walk->end - walk->cursor.at < TUNNEL_LEN)
		return STEP_END;
	header = cursor_take(&walk->cursor, TUNNEL_LEN);
	if (!header)
		return walk_short(walk, TUNNEL_LEN);
	options = (header[0] & GENEVE_OPTIONS) * 4u;
	if (header[0] & GENEVE_VERSION || header[7] || options > walk->end - walk->cursor.at)
		return STEP_END;
	if (!cursor_take(&walk->cursor, options))
		return walk_short(walk, options);
	step = walk_type(walk, cursor_be16(header + 2));
	if (step == STEP_END && !walk->judgement->closed)
		return walk_closed(walk, CARGO_GENEVE);
	return step;
}

/* ---- The walk ---- */

static enum step (*const steps[STEPS])(struct walk *) = {
	[STEP_ETHERNET] = walk_ethernet,
	[STEP_VLAN] = walk_vlan,
	[STEP_LLC] = walk_llc,
	[STEP_SLL] = walk_sll,
	[STEP_SLL2] = walk_sll2,
	[STEP_NULL] = walk_null,
	[STEP_PPP_HDLC] = walk_ppp_hdlc,
	[STEP_PPP] = walk_ppp,
	[STEP_PPPOE] = walk_pppoe,
	[STEP_MPLS] = walk_mpls,
	[STEP_VERSION] = walk_version,
	[STEP_V4] = walk_v4,
	[STEP_V6] = walk_v6,
	[STEP_PROTOCOL] = walk_protocol,
	[STEP_GRE] = walk_gre,
	[STEP_VXLAN] = walk_vxlan,
	[STEP_GENEVE] = walk_geneve,
};

#define LINKS 512

static const uint8_t links[LINKS] = {
	[LINK_NULL] = STEP_NULL,
	[LINK_ETHERNET] = STEP_ETHERNET,
	[LINK_PPP] = STEP_PPP,
	[LINK_RAW_BSD] = STEP_VERSION,
	[LINK_RAW_OPENBSD] = STEP_VERSION,
	[LINK_PPP_HDLC] = STEP_PPP_HDLC,
	[LINK_PPPOE] = STEP_PPPOE,
	[LINK_RAW] = STEP_VERSION,
	[LINK_LOOP] = STEP_NULL,
	[LINK_SLL] = STEP_SLL,
	[LINK_IPV4] = STEP_V4,
	[LINK_IPV6] = STEP_V6,
	[LINK_SLL2] = STEP_SLL2,
};

bool packet_link_known(uint32_t link)
{
	return link < LINKS && links[link] != STEP_END;
}

static const bool notable[SUM_VERDICTS] = {
	[SUM_BAD] = true,
	[SUM_UNFINISHED] = true,
	[SUM_ILLEGAL_NONE] = true,
};

/*
 * Field by field: for all at once the compiler uses a string instruction, which is slow to start.
 */
static void clear_judgement(struct packet_judgement *judgement)
{
	judgement->verdict = judgement->reason = judgement->layer_count = 0;
	judgement->closed = judgement->unsummed = 0;
	judgement->tunnelled = judgement->notable = judgement->no_length = false;
	judgement->flow = (struct packet_flow){ 0 };
	judgement->network = judgement->transport = 0;
	judgement->payload = judgement->payload_len = judgement->payload_full = 0;
	judgement->seq = judgement->ack = judgement->tcp_flags = 0;
	judgement->fragment = (struct packet_fragment){ 0 };
}

void packet_judge(uint32_t link, const uint8_t *data, size_t captured, size_t len,
		  struct packet_judgement *ret)
{
	struct walk walk = {
		.cursor = { .data = captured ? data : (const uint8_t *)"", .end = captured },
		.captured = captured,
		.end = len > captured ? len : captured,
		.judgement = ret,
		.ended = SUM_NONE,
	};
	enum step step;

	clear_judgement(ret);
	step = packet_link_known(link) ? (enum step)links[link] : walk_stop(&walk, REASON_PROTOCOL);
	while (step != STEP_END)
		step = steps[step](&walk);
	if (ret->tunnelled)
		layer_local_offload(ret->layer, ret->layer_count);
	ret->verdict = (uint8_t)layer_worst(walk.ended, ret->layer, ret->layer_count);
	ret->notable |= notable[ret->verdict];
}
