/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what a conversation showed to a verdict. Pure: no sockets, no clock. */
#ifndef TRUESUM_PROBE_JUDGE_H
#define TRUESUM_PROBE_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vocabulary.h"
#include "probe/peer.h"

/* Where the kernel dropped packets of a conversation. */
struct drop {
	const char *reason; /* as the kernel names it: "TCP_CSUM" */
	uint32_t netns; /* inode; 0: not known */
	bool outbound; /* from the target */
	bool tunnelled; /* with its outer headers on */
	uint64_t packets;
};

#define DROPS_MAX 8

/* What is known around a conversation. */
struct circumstances {
	bool target_is_host;
	uint32_t target_netns, host_netns; /* inodes */
	bool host_forwards; /* this family */
	bool has_drops; /* drops could be watched */
	struct drop drop[DROPS_MAX];
	unsigned int drop_count;
	/* How far the counters of wrong sums of the protocol rose over the whole target. */
	uint64_t target_errors, host_errors;
	uint64_t host_udp_errors; /* the host's of UDP, whatever the protocol */
	unsigned int
		damaged; /* letters whose damage a checksum sees, over the whole target and protocol */
	const char *no_merging; /* why nothing can be merged here, or NULL */
};

/* One direction of one check. */
struct judgement {
	enum verdict verdict;
	enum caught_by by;
	/* Counts for nothing: damage delivered where there is no checksum. */
	bool inherent;
	char reason[200]; /* why blocked or unknown; empty otherwise */
};

/* In: what the peer sent and the socket read. Out: the sums of what left the target. */
void judge_in(const struct check *check, const struct talk_evidence *evidence,
	      const struct circumstances *around, struct judgement *ret);
void judge_out(const struct check *check, const struct talk_evidence *evidence,
	       struct judgement *ret);

#endif
