/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a packet of `after` is a given packet of `before`, and what changed in it. */
#ifndef TRUESUM_DIFF_PAIR_H
#define TRUESUM_DIFF_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "diff/diff.h"
#include "diff/view.h"

/* What differs, by the parts of a packet. Zeroed: nothing was compared yet. */
struct diff_delta {
	uint64_t bits;
	uint64_t payload_bits; /* of these, in the payload */
	uint64_t compared, payload_compared; /* bytes that both have */
	/* The first changed byte: its part (enum diff_where), values, and offset in the part. */
	uint8_t where, was, is;
	uint32_t offset;
	uint32_t first, end; /* of a pair: the run with all changes, as offsets from `transport` */
};

/* Two packets side by side. */
struct diff_pair {
	const struct diff_view *before, *after;
	/* the flow of the packet of `after` if nothing in it was damaged */
	struct packet_flow expected;
	unsigned int position; /* evidence from their places in the captures, in bits */
	struct shape *shape; /* the payload's flips are added to it; NULL: they are not */
	/* What diff_pair_compare() finds out: */
	struct diff_delta delta;
	unsigned int evidence; /* that they are the same packet, in bits */
	unsigned int placed; /* of this, from sequence number, identification and position */
	bool sum_agrees; /* the checksum fields say that the bytes were the same once */
	bool newly_bad; /* a checksum became bad, or the headers senseless */
	bool accepted; /* the evidence is enough for what differs, if anything does */
};

#define DIFF_EVIDENCE_PLACE 8 /* both are between the same packets, roughly */
#define DIFF_EVIDENCE_NEAR 16 /* ... closely */
#define DIFF_EVIDENCE_SURE 40

/*
 * Compares two packets: reads before, after, expected, position and shape, sets the rest. False if
 * far too much differs; the rest means nothing then.
 */
bool diff_pair_compare(struct diff_pair *pair);

/*
 * Adds the comparison of two ranges of len bytes that begin `offset` bytes into the part `where`.
 * A flip in a payload is added to `shape` too, unless that is NULL.
 */
void diff_delta_add(struct diff_delta *delta, struct shape *shape, enum diff_where where,
		    uint32_t offset, const uint8_t *was, const uint8_t *is, uint32_t len);

/* Whether few enough bits differ that the packets may be the same. */
bool diff_delta_sparse(const struct diff_delta *delta);

#endif
