/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which bits changed on the way: diff_captures() compares two captures of the same traffic,
 * before and after a hop; diff_find_copies() compares damaged packets with undamaged copies in
 * the same capture.
 *
 * In this folder `before` and `after` are the two captures.
 */
#ifndef TRUESUM_DIFF_DIFF_H
#define TRUESUM_DIFF_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/shape.h"
#include "packet/verdict.h"
#include "sum/detect.h"

struct capture;
struct pass_visitor;
struct pass_watch;
struct scan;

/* In which part of a packet a changed byte lies. */
enum diff_where {
	DIFF_PAYLOAD, /* after the transport header; without IP: after the link header */
	DIFF_TRANSPORT, /* in the TCP, UDP, ... header */
	DIFF_NETWORK, /* in the innermost IP header */
};

/* A packet whose bytes changed. Frame numbers as Wireshark counts, from 1. */
struct diff_change {
	uint64_t before, after; /* frame numbers */
	int64_t before_ns, after_ns; /* capture times; INT64_MIN: none */
	struct packet_flow flow; /* the packet's flow in `after` */
	bool seen; /* the packet of `after` has a bad checksum or senseless headers */
	/* cut differently in `before`; the field `before` is the first packet that covers it */
	bool resegmented;
	uint8_t where; /* enum diff_where, of the first changed byte */
	uint8_t was, is; /* the first changed byte, before and after */
	uint32_t offset; /* of that byte, from the beginning of its part */
	uint32_t bits; /* that changed in all parts; at least 1 */
};

/* Where and why a capture breaks off. What was read before that is compared. */
struct diff_broken {
	char why[200]; /* a sentence; "": it does not break off */
	uint64_t at; /* byte offset in the decompressed capture */
};

struct diff {
	uint64_t packets_before, packets_after;
	uint64_t same; /* packets of `after` whose bytes are all found, unchanged, in `before` */
	uint64_t translated; /* of these: addresses or ports were rewritten */
	uint64_t resegmented; /* of these: cut or merged differently */
	uint64_t changed; /* packets of `after` that differ from their counterpart in `before` */
	uint64_t changed_unseen; /* of these: not seen (struct diff_change) */
	uint64_t changed_rewritten; /* of these: addresses or ports only, the sum not updated */
	uint64_t lost, new; /* packets of `before` without a counterpart, and of `after` */
	uint64_t not_compared; /* of lost and new: not compared closely, to save memory */
	struct shape shape; /* of all changes, by offset in the transport payload */
	struct diff_change *changes; /* in the order of `after`; at most DIFF_CHANGES_MAX */
	size_t change_count;
	struct diff_broken broken_before, broken_after;
};

#define DIFF_CHANGES_MAX 100000

/*
 * Compares two captures from their first bytes: which packets changed, bit by bit, which were
 * lost and which are new. A hop may have rewritten addresses, ports, TTL and the like (routing,
 * NAT, tunnels), and may have cut or merged TCP segments (GSO, GRO, TSO). 0, or -errno with a
 * sentence. diff_cleanup() releases the result.
 */
int diff_captures(struct capture *before, struct capture *after, struct diff *ret_diff);
void diff_cleanup(struct diff *diff);

/* What undamaged copies tell about the damaged packets of a capture. */
struct diff_copies {
	uint64_t compared; /* damaged packets with a copy: their fate is DAMAGE_COMPARED */
	struct shape shape; /* by offset in the payload; a header's bits by offset before it */
	uint64_t bits; /* that changed in all of them */
	uint64_t header_bits; /* of these, in a TCP, UDP, ... header */
	struct detect_damage damage; /* what share of such damage a checksum lets through */
};

/*
 * Reads a capture that was scanned once more, from its first byte. Fills flow_row.packets, and in
 * scan->damage the fates and what is set by comparing. `watch` and `visitor`, which sees every
 * packet, too, may be NULL. 0, or -errno with a sentence.
 */
int diff_find_copies(struct capture *capture, const struct pass_watch *watch,
		     const struct pass_visitor *visitor, struct scan *scan,
		     struct diff_copies *ret_copies);

#endif
