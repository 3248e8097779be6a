/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a packet after is a changed one of before, and what changed. */
#ifndef TRUESUM_DIFF_PAIR_H
#define TRUESUM_DIFF_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/shape.h"
#include "diff/diff.h"
#include "diff/view.h"

/* What differs, by the parts of a packet. */
struct diff_delta {
	uint64_t bits;
	uint64_t payload_bits;
	uint64_t compared, payload_compared; /* bytes both have */
	uint8_t where, was, is; /* the first changed byte: enum diff_where */
	uint32_t offset;
	uint32_t first, last; /* bytes from the transport header on; first > last: none */
};

/* Two packets side by side. */
struct diff_pair {
	const struct diff_view *before, *after;
	struct packet_flow expected; /* of the packet after, if nothing in it was damaged */
	unsigned int position; /* what their places in the captures say for them: evidence */
	struct shape *shape; /* NULL, or what takes the flips of the payload */
	struct diff_delta delta;
	unsigned int evidence; /* that they are the same packet, in bits */
	unsigned int
		placed; /* of this, from their places: in a stream, by number, in the captures */
	bool sum_agrees; /* the checksum fields say that the bytes were the same once */
	bool newly_bad; /* a checksum is bad that was not before, or headers make no sense any more */
};

#define DIFF_EVIDENCE_PLACE 8 /* both between the same packets, roughly */
#define DIFF_EVIDENCE_NEAR 16 /* ... closely */
#define DIFF_EVIDENCE_SURE 40

/* Fills delta and the rest from before, after, expected, position and shape. False: no pair. */
bool diff_pair_compare(struct diff_pair *pair);

/* Whether the evidence is enough for what differs; equal ones included. */
bool diff_pair_accept(const struct diff_pair *pair);

/* An empty delta; adds the comparison of two ranges that begin `offset` bytes into the part `where`. */
void diff_delta_init(struct diff_delta *delta);
void diff_delta_add(struct diff_delta *delta, struct shape *shape, enum diff_where where,
		    uint32_t offset, const uint8_t *was, const uint8_t *is, uint32_t len);

/* Adds a field of `size` bytes that holds `is` and should hold `was`. */
void diff_delta_field(struct diff_delta *delta, enum diff_where where, uint32_t offset,
		      uint32_t size, uint32_t was, uint32_t is);

/* Whether so much may differ in packets that are the same: a share of all bits. */
bool diff_delta_sparse(const struct diff_delta *delta);
/* ... or one run of bytes that was overwritten. */
bool diff_delta_run(const struct diff_delta *delta);

#endif
