// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What UDP and IP carry beside transports: tunnels, and others that may send UDP over IPv6 without
 * a sum. UDP's are known by their port; one table says what is done with each. Any program may use
 * such a port: a packet that manages the tunnel, or cannot belong to it, is not counted as one of
 * it. VXLAN and Geneve are often run on other ports, so frames in them are recognised there, too.
 *
 * Sources: the RFCs at enum packet_cargo; 3GPP TS 29.281; drivers/net/vxlan, net/tipc/udp_media.c,
 * net/l2tp, Annex A17 of the InfiniBand specification (RoCEv2).
 */
#include <netinet/in.h>

#include "packet/walk.h"

enum {
	PROTO_ETHERIP = 97, /* RFC 3378 */
	PROTO_L2TP = 115, /* RFC 3931 */
	UDP_LEN = 8,
	TUNNEL_LEN = 8, /* the headers of VXLAN and Geneve */
	VXLAN_VNI = 0x08000000, /* the beginning of VXLAN's header */
	GENEVE_FRAME = 0x00006558, /* ... and of Geneve's without options, before a frame */
	ETHERNET_LEN = 14,
	GTPU_DATA = 255,
	MESSAGE_LETTERS = 57, /* as in lab/message.h */
};

const char *const cargo_names[CARGO_KINDS] = {
	[CARGO_NONE] = "",
	[CARGO_GTPU] = "GTP-U",
	[CARGO_AMT] = "AMT",
	[CARGO_LISP] = "LISP",
	[CARGO_GRE_UDP] = "GRE over UDP",
	[CARGO_VXLAN] = "VXLAN",
	[CARGO_VXLAN_GPE] = "VXLAN-GPE",
	[CARGO_GUE] = "GUE",
	[CARGO_GENEVE] = "Geneve",
	[CARGO_MPLS_UDP] = "MPLS over UDP",
	[CARGO_L2TP] = "L2TP",
	[CARGO_TEREDO] = "Teredo",
	[CARGO_CAPWAP] = "CAPWAP",
	[CARGO_TZSP] = "TZSP",
	[CARGO_IPSEC] = "IPsec",
	[CARGO_IPCOMP] = "IPComp",
	[CARGO_ETHERIP] = "EtherIP",
	[CARGO_GRE] = "GRE",
	[CARGO_ERSPAN] = "ERSPAN",
	[CARGO_NSH] = "NSH",
	[CARGO_MACSEC] = "MACsec",
	[CARGO_PBB] = "802.1ah",
	[CARGO_TRILL] = "TRILL",
	[CARGO_BATMAN] = "batman-adv",
	[CARGO_PPP] = "PPP",
	[CARGO_PSEUDOWIRE] = "an MPLS pseudowire",
	[CARGO_ROCE] = "RoCEv2",
	[CARGO_TIPC] = "TIPC",
	[CARGO_STAMP] = "STAMP",
	[CARGO_TRUESUM] = "truesum",
};

/* What is carried over UDP, by the port that a packet is sent to. */
static enum packet_cargo cargo_of_port(uint16_t port)
{
	switch (port) {
	case 862:
		return CARGO_STAMP;
	case 1701:
		return CARGO_L2TP;
	case 2152:
		return CARGO_GTPU;
	case 2268:
		return CARGO_AMT;
	case 3544:
		return CARGO_TEREDO;
	case 4341:
		return CARGO_LISP;
	case 4500:
		return CARGO_IPSEC;
	case 4754:
		return CARGO_GRE_UDP;
	case 4789:
	case 8472: /* Linux's choice before there was a standard */
		return CARGO_VXLAN;
	case 4790:
		return CARGO_VXLAN_GPE;
	case 4791:
		return CARGO_ROCE;
	case 5247:
		return CARGO_CAPWAP;
	case 6080:
		return CARGO_GUE;
	case 6081:
		return CARGO_GENEVE;
	case 6118:
		return CARGO_TIPC;
	case 6635:
		return CARGO_MPLS_UDP;
	case 37008:
		return CARGO_TZSP;
	default:
		return CARGO_NONE;
	}
}

/* The same by the port that a packet comes from, for those that answer from their port. */
static enum packet_cargo cargo_of_source(uint16_t port)
{
	enum packet_cargo cargo = cargo_of_port(port);

	return cargo == CARGO_L2TP || cargo == CARGO_IPSEC || cargo == CARGO_TEREDO ||
			       cargo == CARGO_STAMP || cargo == CARGO_CAPWAP || cargo == CARGO_TIPC
		       ? cargo
		       : CARGO_NONE;
}

enum {
	CLOSED = STEPS, /* a tunnel that is not opened */
	NO_TUNNEL = STEP_END,
};

static const struct trait {
	uint8_t opened; /* CLOSED, NO_TUNNEL or a step */
	bool unsummed; /* may go without a sum over IPv6 (RFC 6935): receivers accept that */
	/* Of the first byte of a packet that carries data: these bits have this value. */
	uint8_t mask, value;
} traits[CARGO_KINDS] = {
	[CARGO_GTPU] = { CLOSED, true, 0xe0, 0x20 }, [CARGO_AMT] = { CLOSED, true, 0x0f, 0x06 },
	[CARGO_LISP] = { CLOSED, true, 0, 0 },	     [CARGO_GRE_UDP] = { CLOSED, true, 0, 0 },
	[CARGO_VXLAN] = { STEP_VXLAN, true, 0, 0 },  [CARGO_VXLAN_GPE] = { CLOSED, true, 0, 0 },
	[CARGO_GUE] = { CLOSED, true, 0x20, 0 },     [CARGO_GENEVE] = { STEP_GENEVE, true, 0, 0 },
	[CARGO_MPLS_UDP] = { CLOSED, true, 0, 0 },   [CARGO_L2TP] = { CLOSED, true, 0x80, 0 },
	[CARGO_TEREDO] = { CLOSED, false, 0x9e, 0 }, /* IPv6, or an indication before it */
	[CARGO_CAPWAP] = { CLOSED, false, 0, 0 },    [CARGO_TZSP] = { CLOSED, false, 0, 0 },
	[CARGO_IPSEC] = { CLOSED, false, 0, 0 },     [CARGO_ROCE] = { NO_TUNNEL, true, 0, 0 },
	[CARGO_TIPC] = { NO_TUNNEL, true, 0, 0 },    [CARGO_STAMP] = { NO_TUNNEL, true, 0, 0 },
};

/* Whether the packet at the cursor is one with data in the tunnel, and not one that manages it. */
static bool carries_data(const struct walk *walk, enum packet_cargo cargo)
{
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	size_t left = cursor_left(&walk->cursor);

	if (!left)
		return walk->end > walk->cursor.at;
	if ((header[0] & traits[cargo].mask) != traits[cargo].value)
		return false;
	if (cargo == CARGO_GTPU && left >= 2)
		return header[1] == GTPU_DATA;
	if (cargo == CARGO_IPSEC) /* else IKE, or one that keeps the NAT's entry alive */
		return left >= 4 && cursor_be32(header);
	return true;
}

/* At the cursor: a frame in a VXLAN or a Geneve, whose port is another than the usual one. */
static enum step walk_other_port(struct walk *walk, uint32_t first)
{
	const uint8_t *header = walk->cursor.data + walk->cursor.at;
	bool vxlan = first == VXLAN_VNI;

	if (cursor_left(&walk->cursor) < TUNNEL_LEN + ETHERNET_LEN || header[TUNNEL_LEN - 1])
		return STEP_END;
	switch (cursor_be16(header + TUNNEL_LEN + ETHERNET_LEN - 2)) {
	case 0x0800:
	case 0x0806:
	case 0x8100:
	case 0x86dd:
		return walk_closed(walk, vxlan ? CARGO_VXLAN : CARGO_GENEVE);
	default:
		return STEP_END;
	}
}

enum step cargo_step(struct walk *walk)
{
	const struct packet_flow *flow = &walk->judgement->flow;
	enum packet_cargo cargo = cargo_of_port(flow->dst_port);
	uint32_t first;

	if (!cargo)
		cargo = cargo_of_source(flow->src_port);
	if (cargo && traits[cargo].opened == CLOSED)
		return carries_data(walk, cargo) ? walk_closed(walk, cargo) : STEP_END;
	if (cargo)
		return (enum step)traits[cargo].opened;
	if (cursor_left(&walk->cursor) < sizeof(first))
		return STEP_END;
	first = cursor_be32(walk->cursor.data + walk->cursor.at);
	return first == VXLAN_VNI || first == GENEVE_FRAME ? walk_other_port(walk, first)
							   : STEP_END;
}

/* Whether these are messages of truesum's own (lab/message.h). */
static bool is_truesum(const struct walk *walk)
{
	const uint8_t *text = walk->cursor.data + walk->cursor.at + UDP_LEN;

	if (cursor_left(&walk->cursor) < UDP_LEN + MESSAGE_LETTERS + 1u)
		return false;
	for (size_t i = 0; i < MESSAGE_LETTERS; i++)
		if (text[i] != 'a')
			return false;
	return text[MESSAGE_LETTERS] == ' ';
}

bool cargo_goes_unsummed(struct walk *walk)
{
	struct packet_judgement *judgement = walk->judgement;
	enum packet_cargo cargo = cargo_of_port(judgement->flow.dst_port);

	if (!traits[cargo].unsummed)
		cargo = cargo_of_source(judgement->flow.src_port);
	if (!traits[cargo].unsummed)
		cargo = is_truesum(walk) ? CARGO_TRUESUM : CARGO_NONE;
	judgement->unsummed = (uint8_t)cargo;
	judgement->notable |= cargo != CARGO_NONE;
	return cargo != CARGO_NONE;
}

bool cargo_first_fragment(struct walk *walk, bool *ret_unsummed)
{
	enum packet_cargo cargo = cargo_of_port(walk->judgement->flow.dst_port);

	*ret_unsummed = traits[cargo].unsummed;
	if (traits[cargo].opened == CLOSED)
		walk->judgement->closed = (uint8_t)cargo;
	return traits[cargo].opened != CLOSED && traits[cargo].opened != NO_TUNNEL;
}

enum step cargo_opaque_step(struct walk *walk)
{
	switch (walk->proto) {
	case IPPROTO_ESP:
		return walk_closed(walk, CARGO_IPSEC);
	case PROTO_ETHERIP:
		return walk_closed(walk, CARGO_ETHERIP);
	case IPPROTO_COMP:
		return walk_closed(walk, CARGO_IPCOMP);
	case PROTO_L2TP:
		return walk_closed(walk, CARGO_L2TP);
	default:
		return STEP_END;
	}
}
