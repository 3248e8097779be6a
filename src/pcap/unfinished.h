/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of packets whose sums are unfinished. On the host that made or merged them they are
 * right, and a capture cannot tell that host from a receiver that got them from outside: the kernel
 * calls a local container's packets incoming, too. But answers can tell: a receiver outside drops
 * every such packet of TCP, and every such request, so nothing of a sender is ever answered.
 */
#ifndef TRUESUM_PCAP_UNFINISHED_H
#define TRUESUM_PCAP_UNFINISHED_H

#include "base/cleanup.h"
#include "packet/verdict.h"

struct pass_packet;

struct unfinished_result {
	/* Packets, and their flows, of which a receiver outside would have dropped every one: */
	uint64_t unanswered, flows; /* sent again and never answered */
	uint64_t dropped, dropped_flows; /* the same, and single ones of the same sender */
	struct packet_flow example; /* the flow with most of them */
	bool dhcp; /* of a DHCP server, some of them */
	bool not_followed; /* some flows were not, for want of room */
};

struct unfinished;

/* `learn`: every sender of an unfinished sum is followed, from its first packet on. */
int unfinished_new(bool learn, struct unfinished **ret_unfinished);
void unfinished_free(struct unfinished *unfinished);
DEFINE_CLEANUP(struct unfinished *, unfinished, unfinished_free)

/* Follows the sender (family and src of the flow). -ENOSPC: there is no room; -ENOMEM. */
int unfinished_follow(struct unfinished *unfinished, const struct packet_flow *sender);

/* Whether more packets can change anything. */
bool unfinished_open(const struct unfinished *unfinished);

/* Shows it a packet of the capture, in order. -ENOMEM */
int unfinished_visit(struct unfinished *unfinished, const struct pass_packet *packet);

/* Decides, after the last packet. */
void unfinished_decide(const struct unfinished *unfinished, struct unfinished_result *ret_result);

#endif
