// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lies around IP packets: link layers, tags, labels. None has a checksum of its own here; all that
 * matters is what comes next and, where a header says so, how long it is.
 *
 * Sources: pcap-linktype(7), IEEE 802.3, 802.1Q, 802.1ad, RFC 1042, 1661, 1662, 1547, 2516, 3032, 4385.
 */
#include <string.h>
#include <sys/socket.h>

#include "packet/verdict_walk.h"

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

	LLC_IP = 0x06, /* RFC 948 */
	LLC_SNAP = 0xaa,
	LLC_UNNUMBERED = 0x03,

	MPLS_BOTTOM = 0x01,
	CISCO_UNICAST = 0x0f,
	CISCO_MULTICAST = 0x8f,
};

enum step walk_type(uint16_t type)
{
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
		return STEP_END;
	}
}

/* An EtherType, or the length of an IEEE 802.3 frame. */
static enum step type_or_length(struct walk *walk, const uint8_t *at)
{
	uint16_t type = walk_be16(at);

	if (type > TYPE_LENGTH_MAX)
		return walk_type(type);
	if (walk_limit(walk, walk->cursor.at, type))
		return walk_stop(walk, REASON_LENGTH);
	return STEP_LLC;
}

enum step walk_ethernet(struct walk *walk)
{
	const uint8_t *header = walk_take(walk, 14);

	return header ? type_or_length(walk, header + 12) : walk_short(walk, 14);
}

enum step walk_vlan(struct walk *walk)
{
	const uint8_t *tag = walk_take(walk, 4);

	return tag ? type_or_length(walk, tag + 2) : walk_short(walk, 4);
}

enum step walk_llc(struct walk *walk)
{
	const uint8_t *header = walk_take(walk, 3), *snap;

	if (!header)
		return walk_short(walk, 3);
	if (header[2] != LLC_UNNUMBERED || header[0] != header[1])
		return STEP_END;
	if (header[0] == LLC_IP)
		return STEP_V4;
	if (header[0] != LLC_SNAP)
		return STEP_END;
	snap = walk_take(walk, 5);
	if (!snap)
		return walk_short(walk, 5);
	/* RFC 1042, and the same by IEEE 802.1H for bridges */
	if (memcmp(snap, "\x00\x00\x00", 3) && memcmp(snap, "\x00\x00\xf8", 3))
		return STEP_END;
	return walk_type(walk_be16(snap + 3));
}

/* Linux cooked capture: `device` is an ARPHRD_ number. */
static enum step sll(uint16_t device, uint16_t protocol)
{
	if (device == SLL_NETLINK)
		return STEP_END;
	return protocol == SLL_LLC ? STEP_LLC : walk_type(protocol);
}

enum step walk_sll(struct walk *walk)
{
	const uint8_t *header = walk_take(walk, 16);

	if (!header)
		return walk_short(walk, 16);
	return sll(walk_be16(header + 2), walk_be16(header + 14));
}

enum step walk_sll2(struct walk *walk)
{
	const uint8_t *header = walk_take(walk, 20);

	if (!header)
		return walk_short(walk, 20);
	return sll(walk_be16(header + 8), walk_be16(header));
}

/* The address family in the byte order, and by the number, of the system that captured. */
enum step walk_null(struct walk *walk)
{
	const uint8_t *header = walk_take(walk, 4);
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

enum step walk_ppp_hdlc(struct walk *walk)
{
	const uint8_t *header = walk_take(walk, 4);

	if (!header)
		return walk_short(walk, 4);
	if (header[0] == CISCO_UNICAST || header[0] == CISCO_MULTICAST)
		return walk_type(walk_be16(header + 2));
	walk->cursor.at -= 4;
	return STEP_PPP;
}

/* With or without address and control (ff 03), which no protocol number begins with. */
enum step walk_ppp(struct walk *walk)
{
	const uint8_t *header;
	uint16_t protocol;

	if (cursor_left(&walk->cursor) >= 2 &&
	    !memcmp(walk->cursor.data + walk->cursor.at, "\xff\x03", 2))
		walk_take(walk, 2);
	header = walk_take(walk, 1);
	if (!header)
		return walk_short(walk, 1);
	protocol = header[0];
	if (!(protocol & 1)) { /* not compressed to one byte */
		header = walk_take(walk, 1);
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
	default:
		return STEP_END;
	}
}

enum step walk_pppoe(struct walk *walk)
{
	const uint8_t *header = walk_take(walk, 6);

	if (!header)
		return walk_short(walk, 6);
	if (header[0] != 0x11)
		return walk_stop(walk, REASON_PROTOCOL);
	if (header[1]) /* discovery */
		return STEP_END;
	if (walk_limit(walk, walk->cursor.at, walk_be16(header + 4)))
		return walk_stop(walk, REASON_LENGTH);
	return STEP_PPP;
}

/* Labels down to the bottom of the stack, then IP, or a pseudowire, which stays closed (RFC 4385). */
enum step walk_mpls(struct walk *walk)
{
	const uint8_t *label;

	do {
		label = walk_take(walk, 4);
		if (!label)
			return walk_short(walk, 4);
	} while (!(label[2] & MPLS_BOTTOM));
	if (!cursor_left(&walk->cursor))
		return walk_short(walk, 1);
	switch (walk->cursor.data[walk->cursor.at] >> 4) {
	case 4:
		return STEP_V4;
	case 6:
		return STEP_V6;
	default:
		return STEP_END;
	}
}

enum step walk_version(struct walk *walk)
{
	if (!cursor_left(&walk->cursor))
		return walk_short(walk, 1);
	switch (walk->cursor.data[walk->cursor.at] >> 4) {
	case 4:
		return STEP_V4;
	case 6:
		return STEP_V6;
	default:
		return walk_stop(walk, REASON_PROTOCOL);
	}
}
