/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells packets whose header fields were changed after their sum was made (NAT, anonymisers, MSS
 * clamping) from damaged ones: all sums of a flow's direction are wrong by the same amount, in
 * packets that differ, with payload and without. Damage in transit does not do that, with one
 * exception, for which there is a test (lanes.h); where both fit, it counts as damage.
 *
 * Three groups of packets are looked at: those of a flow's direction; those from one address to
 * another, for flows of one or two packets; and the IPv4 headers from one address to another.
 */
#ifndef TRUESUM_PCAP_REWRITTEN_H
#define TRUESUM_PCAP_REWRITTEN_H

#include "base/cleanup.h"
#include "packet/verdict.h"
#include "pcap/wrong.h"

struct pass_packet;

enum rewritten_kind {
	REWRITTEN_FIELDS, /* something in the headers */
	REWRITTEN_SEEN, /* the capture has a packet before the change, which shows what */
	REWRITTEN_UNFINISHED, /* an address of packets whose sum is unfinished */
	REWRITTEN_HEADER, /* something in the IPv4 header, whose own sum is wrong */
	REWRITTEN_MSS, /* the MSS in SYN packets */
	REWRITTEN_KINDS
};

/* One kind of change. */
struct rewritten_cause {
	uint64_t packets, flows;
	uint16_t change; /* of the flow with most packets; one's complement, now - before */
	uint64_t changes; /* how many different ones there are */
	uint64_t pairs; /* of addresses */
	uint16_t mss_before, mss_now;
	struct packet_flow now, before; /* REWRITTEN_SEEN */
	bool both_ways; /* the opposite directions have the same change */
};

struct rewritten_result {
	uint64_t packets, flows; /* that are rewritten */
	uint64_t doubtful, doubtful_flows; /* count as damaged, but may be rewritten */
	uint64_t not_followed; /* packets with wrong sums, for want of room */
	struct rewritten_cause cause[REWRITTEN_KINDS];
};

struct rewritten;

/* `learn`: follows every flow from its first packet on; else only those that are named. */
int rewritten_new(bool learn, struct rewritten **ret_rewritten);
void rewritten_free(struct rewritten *rewritten);
DEFINE_CLEANUP(struct rewritten *, rewritten, rewritten_free)

/*
 * Follows this flow, and packets between its addresses. `change` and `seed_change` are those of
 * most of its wrong packets. -ENOSPC: there is no room; -ENOMEM.
 */
int rewritten_follow(struct rewritten *rewritten, const struct packet_flow *flow, uint16_t change,
		     uint16_t seed_change);

/* Whether there is any flow to follow. */
bool rewritten_follows(const struct rewritten *rewritten);

/* Shows it a packet of the capture, in order. -ENOMEM */
int rewritten_visit(struct rewritten *rewritten, const struct pass_packet *packet);

/* Decides, after the last packet. -ENOMEM with a sentence */
int rewritten_decide(struct rewritten *rewritten, struct rewritten_result *ret_result);

enum rewritten_class {
	CLASS_DAMAGED,
	CLASS_REWRITTEN,
	CLASS_DOUBTFUL, /* damaged, or rewritten */
	CLASS_UNKNOWN, /* the flow was not followed */
};

/* After deciding: what a packet of this flow with these wrong sums is. */
enum rewritten_class rewritten_class_of(const struct rewritten *rewritten,
					const struct packet_flow *flow, const struct wrong *wrong);

/* After deciding: how many packets of this flow with wrong sums are rewritten. */
uint64_t rewritten_packets_of(const struct rewritten *rewritten, const struct packet_flow *flow);

#endif
