/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a check's evidence to its verdicts. Pure: no sockets, no clock. */
#ifndef TRUESUM_PROBE_JUDGE_H
#define TRUESUM_PROBE_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/term.h"
#include "base/vocabulary.h"
#include "probe/peer.h"

/* Packets of an exchange that the kernel dropped in one place for one reason. */
struct judge_drop {
	const char *reason; /* as the kernel names it: "TCP_CSUM" */
	uint32_t netns; /* inode; 0: not known */
	bool outbound; /* from the target */
	bool tunnelled; /* with its outer headers */
};

/*
 * How packets of an exchange got to somebody else: by a port of the target's bridge that leads
 * elsewhere, or, as far as neighbour entries show, by a MAC address that is not the router's.
 */
struct judge_astray {
	bool answers, requests; /* packets to the target; from it */
	bool router; /* the target has a wrong MAC address for its router */
	char port[TERM_PRINTABLE_SIZE(16)]; /* a device; printable */
	char to[41]; /* the container that it leads to; empty: not known, or too long a name */
};

#define JUDGE_DROPS_MAX 8

/* What else is known about an exchange. */
struct judge_context {
	bool target_is_host;
	bool is_direct; /* no other namespace lies between the target and the host */
	struct judge_astray astray;
	uint32_t target_netns, host_netns; /* inodes */
	bool host_forwards; /* packets of this family */
	struct judge_drop drop[JUDGE_DROPS_MAX];
	unsigned int drop_count;
	bool drops_known; /* drops are reported: no need for counters, which anybody can raise */
	/*
	 * By how much the protocol's counters of wrong checksums rose, over all of the target's
	 * exchanges.
	 */
	uint64_t target_errors, host_errors;
	uint64_t host_udp_errors; /* the host's counter of UDP, whatever the protocol */
	unsigned int damaged; /* messages of all these exchanges whose damage a checksum notices */
	const char *no_merging; /* why GRO merges nothing here; NULL: it can */
	bool udp_never_merges; /* this kernel does not merge datagrams that are forwarded */
};

/* The verdict on one direction of a check. */
struct judgement {
	enum verdict verdict;
	enum caught_by by;
	bool inherent; /* damage was delivered as there is no checksum: no defect */
	bool unexplained; /* it is blocked, and nothing tells why */
	char reason[240]; /* why it is blocked or unknown; empty otherwise */
};

/* Judges what the peer sent and the target's socket read. */
void judge_in(const struct check *check, const struct peer_evidence *evidence,
	      const struct judge_context *context, struct judgement *ret);

/* Judges the checksums of what left the target. */
void judge_out(const struct peer_evidence *evidence, const struct judge_context *context,
	       struct judgement *ret);

#endif
