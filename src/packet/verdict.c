// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk from the link layer inwards. A table maps link types to their first step and steps to their
 * functions; every step consumes bytes or ends the walk. Two ends are kept apart: where the headers say
 * that a packet ends, and where the capture does. What needs bytes behind the first contradicts the
 * headers, what needs bytes behind the second was truncated.
 *
 * Called for every packet of a capture: nothing is allocated, and of the judgement only what is set is
 * touched.
 */
#include "packet/verdict.h"

#include "packet/verdict_sum.h"
#include "packet/verdict_walk.h"

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
	[STEP_EXTENSION] = walk_extension,
	[STEP_TCP] = walk_tcp,
	[STEP_UDP] = walk_udp,
	[STEP_UDPLITE] = walk_udplite,
	[STEP_CONTROL] = walk_control,
	[STEP_SCTP] = walk_sctp,
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

enum step walk_stop(struct walk *walk, enum sum_reason reason)
{
	walk->ended = SUM_UNKNOWN;
	walk->judgement->reason = (uint8_t)reason;
	return STEP_END;
}

enum step walk_short(struct walk *walk, size_t len)
{
	if (len > walk->end - walk->cursor.at)
		return walk_stop(walk, REASON_LENGTH);
	walk->ended = SUM_TRUNCATED;
	return STEP_END;
}

enum step walk_stop_layer(struct walk *walk, struct packet_layer *layer, enum sum_reason reason)
{
	layer->verdict = SUM_UNKNOWN;
	layer->reason = (uint8_t)reason;
	return walk_stop(walk, reason);
}

enum step walk_short_layer(struct walk *walk, struct packet_layer *layer, size_t len)
{
	walk_short(walk, len);
	layer->verdict = walk->ended;
	layer->reason = walk->judgement->reason;
	return STEP_END;
}

/* Piece by piece: for more at once the compiler takes a string instruction, which is slow to start. */
static void clear(struct packet_judgement *judgement)
{
	judgement->verdict = judgement->reason = judgement->layer_count = 0;
	judgement->tunnelled = false;
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

	clear(ret);
	step = packet_link_known(link) ? (enum step)links[link] : walk_stop(&walk, REASON_PROTOCOL);
	while (step != STEP_END)
		step = steps[step](&walk);
	if (ret->tunnelled)
		sum_local_offload(ret->layer, ret->layer_count);
	ret->verdict = (uint8_t)sum_worst(walk.ended, ret->layer, ret->layer_count);
}
