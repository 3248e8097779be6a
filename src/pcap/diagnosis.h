/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the wrong and the unfinished sums of a capture mean: one by one they cannot say, but all
 * packets of a flow, a sender or a pair of addresses can. See rewritten.h.
 */
#ifndef TRUESUM_PCAP_DIAGNOSIS_H
#define TRUESUM_PCAP_DIAGNOSIS_H

#include "pcap/rewritten.h"

struct capture;
struct pass_watch;
struct scan;
struct diagnosis;

/*
 * A diagnosis of a capture that can be read once only: show it every packet, while it is scanned.
 * -ENOMEM with a sentence.
 */
int diagnosis_new(struct diagnosis **ret_diagnosis);
void diagnosis_free(struct diagnosis *diagnosis);
DEFINE_CLEANUP(struct diagnosis *, diagnosis, diagnosis_free)
/* A pass's visitor; `owner` is the diagnosis. */
int diagnosis_visit(void *owner, const struct pass_packet *packet);

/*
 * The diagnosis of a capture that was scanned. If it is open, more can be learned by showing it
 * every packet once more; diagnosis_read() does that, as far as necessary. -errno with a sentence,
 * also if the capture cannot be read again.
 */
int diagnosis_of(const struct scan *scan, struct diagnosis **ret_diagnosis);
bool diagnosis_is_open(const struct diagnosis *diagnosis);
int diagnosis_read(struct diagnosis *diagnosis, struct capture *capture,
		   const struct pass_watch *watch);

/*
 * What became of packets whose sums are unfinished. On the host that made or merged them they are
 * right, and a capture cannot tell that host from a receiver that got them from outside: the kernel
 * calls a local container's packets incoming, too. But answers can tell: a receiver outside drops
 * every such packet of TCP, and every such request, so nothing of a sender is ever answered.
 */
struct unfinished_result {
	/* Packets, and their flows, of which a receiver outside would have dropped every one: */
	uint64_t unanswered, flows; /* sent again and never answered */
	uint64_t dropped, dropped_flows; /* the same, and single ones of the same sender */
	struct packet_flow example; /* the flow with most of them */
	bool dhcp; /* of a DHCP server, some of them */
	bool not_followed; /* some flows were not, for want of room */
};

struct diagnosis_result {
	struct rewritten_result rewritten;
	struct unfinished_result unfinished;
};

/*
 * Decides, after the last packet, and takes the rewritten packets out of the scan: from the flows,
 * the differences and the damaged packets that are remembered. If there were some, undamaged
 * copies of the others have to be looked for again.
 */
int diagnosis_decide(struct diagnosis *diagnosis, struct scan *scan,
		     struct diagnosis_result *ret_result);

/* After deciding: what a packet whose verdict is SUM_BAD is. */
enum rewritten_class diagnosis_class(const struct diagnosis *diagnosis,
				     const struct packet_judgement *judgement);

#endif
