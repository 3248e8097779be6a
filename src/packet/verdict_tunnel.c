// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tunnels: GRE, and those over UDP by their port. Any program may use a port, so a header behind UDP
 * that its tunnel's standard does not allow ends the walk without a word.
 *
 * Sources: RFC 2784, 2890, 2637, 7348, 8926; drivers/net/vxlan (group policy).
 */
#include "packet/verdict_sum.h"
#include "packet/verdict_walk.h"
#include "sum/csum.h"

enum {
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

/* STEP_END: known as a tunnel, which may go without a checksum over IPv6, but not looked into. */
static const struct tunnel {
	uint16_t port;
	uint8_t step;
} tunnels[] = {
	{ 2152, STEP_END }, /* GTP-U */
	{ 2268, STEP_END }, /* AMT, RFC 7450 */
	{ 4341, STEP_END }, /* LISP, RFC 9300 */
	{ 4754, STEP_END }, /* GRE in UDP, RFC 8086 */
	{ 4789, STEP_VXLAN }, /* RFC 7348 */
	{ 4790, STEP_END }, /* VXLAN-GPE */
	{ 6080, STEP_END }, /* GUE */
	{ 6081, STEP_GENEVE }, /* RFC 8926 */
	{ 6635, STEP_END }, /* MPLS in UDP, RFC 7510 */
	{ 8472, STEP_VXLAN }, /* Linux's choice before there was a standard */
};

static const struct tunnel *tunnel_of(uint16_t port)
{
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++)
		if (tunnels[i].port == port)
			return &tunnels[i];
	return NULL;
}

enum step walk_port(uint16_t port)
{
	const struct tunnel *tunnel = tunnel_of(port);

	return tunnel ? (enum step)tunnel->step : STEP_END;
}

bool walk_port_tunnels(uint16_t port)
{
	return tunnel_of(port) != NULL;
}

/* The sum covers the GRE header and everything behind it. */
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
		sum_judge(layer, csum_add(0, walk->cursor.data + start, len), 0, 0, 0);
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

enum step walk_gre(struct walk *walk)
{
	size_t start = walk->cursor.at, len;
	struct packet_layer *layer = walk_layer(walk, LAYER_GRE);
	const uint8_t *header;
	uint16_t flags;

	if (!layer)
		return STEP_END;
	header = walk_take(walk, 4);
	if (!header)
		return walk_short_layer(walk, layer, 4);
	flags = walk_be16(header);
	if ((flags & GRE_VERSION) > 1 || flags & GRE_ROUTING)
		return walk_stop_layer(walk, layer, REASON_PROTOCOL);
	len = gre_len(flags) - 4;
	if (!walk_take(walk, len))
		return walk_short_layer(walk, layer, len);
	judge_gre(walk, layer, start, flags);
	walk_payload(walk);
	return walk_type(walk_be16(header + 2));
}

enum step walk_vxlan(struct walk *walk)
{
	const uint8_t *header;
	uint32_t flags;

	if (walk->end - walk->cursor.at < TUNNEL_LEN)
		return STEP_END;
	header = walk_take(walk, TUNNEL_LEN);
	if (!header)
		return walk_short(walk, TUNNEL_LEN);
	flags = cursor_be32(header);
	if (!(flags & VXLAN_VNI) || flags & ~(VXLAN_VNI | VXLAN_POLICY) || header[7])
		return STEP_END;
	return STEP_ETHERNET;
}

enum step walk_geneve(struct walk *walk)
{
	const uint8_t *header;
	size_t options;

	if (walk->end - walk->cursor.at < TUNNEL_LEN)
		return STEP_END;
	header = walk_take(walk, TUNNEL_LEN);
	if (!header)
		return walk_short(walk, TUNNEL_LEN);
	options = (header[0] & GENEVE_OPTIONS) * 4u;
	if (header[0] & GENEVE_VERSION || header[7] || options > walk->end - walk->cursor.at)
		return STEP_END;
	if (!walk_take(walk, options))
		return walk_short(walk, options);
	return walk_type(walk_be16(header + 2));
}
