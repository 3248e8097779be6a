/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two captures of the same traffic, before and after a hop: which packets changed on the way, bit by
 * bit, which were lost and which are new. Addresses, ports, TTL and the like may have been rewritten
 * (routing, NAT, tunnels); TCP may have been cut into segments or merged in between (GSO, GRO, TSO).
 */
#ifndef TRUESUM_DIFF_DIFF_H
#define TRUESUM_DIFF_DIFF_H

#include "packet/shape.h"
#include "packet/verdict.h"
#include "pcap/capture.h"

/* In which part of a packet a changed byte lies. */
enum diff_where {
	DIFF_PAYLOAD, /* behind the transport header; without IP: behind the link header */
	DIFF_TRANSPORT, /* in the TCP, UDP, ... header */
	DIFF_NETWORK, /* in the innermost IP header */
};

/* A packet whose bytes changed. Frame numbers as Wireshark counts, from 1. */
struct diff_change {
	uint64_t before, after; /* frame numbers */
	int64_t before_ns, after_ns; /* capture times; INT64_MIN where there is none */
	struct packet_flow flow; /* as captured after */
	bool seen; /* a checksum of the packet after is bad, or its headers make no sense any more */
	bool resegmented; /* `before` was cut differently and is the first that covers this packet */
	uint8_t where; /* enum diff_where, of the first changed byte */
	uint8_t was, is; /* the first changed byte, before and after */
	uint32_t offset; /* of it, from the beginning of that part */
	uint32_t bits; /* how many changed in all parts; at least 1 */
};

struct diff {
	uint64_t packets_before, packets_after;
	uint64_t same; /* packets of `after` whose bytes are all found before, unchanged */
	uint64_t translated; /* of these: addresses or ports were rewritten */
	uint64_t resegmented; /* of these: cut or merged differently */
	uint64_t changed; /* packets of `after` that differ from what they were before */
	uint64_t changed_unseen; /* of these: not seen (struct diff_change) */
	uint64_t lost, new; /* packets of `before` without a counterpart, and of `after` */
	uint64_t not_compared; /* of lost and new: not looked at closer, as memory was short */
	struct shape shape; /* of all changes, by offset in the transport payload */
	struct diff_change
		*changes; /* in the order of `after`; at most DIFF_CHANGES_MAX are kept */
	size_t change_count;
	/* Where a capture ended early, why (static) and at which byte; else NULL. What was read is compared. */
	const char *broken_before, *broken_after;
	uint64_t broken_before_at, broken_after_at;
};

#define DIFF_CHANGES_MAX 100000

/* Compares. 0, or -errno with a sentence. The result is released with diff_cleanup(). */
int diff_captures(struct capture *before, struct capture *after, struct diff *ret_diff);
void diff_cleanup(struct diff *diff);

#endif
