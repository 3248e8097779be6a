/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiver's judgement on what a peer sent: which messages arrived, intact or damaged, and what
 * the damage looks like. Needs no word from the sender and a fixed amount of memory, whatever comes.
 */
#ifndef TRUESUM_LAB_CHECK_H
#define TRUESUM_LAB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "lab/marked.h"

#define CHECK_PHASES 16 /* a memory 128 bits wide has its bad line at one offset mod 16 */
#define CHECK_GAPS 256

enum check_class {
	CHECK_INTACT,
	CHECK_DAMAGED,
	CHECK_CUT, /* the stream ended inside it */
	CHECK_AGAIN, /* a datagram that had arrived before */
	CHECK_STRANGE, /* nothing like a message: somebody else's traffic, or damaged beyond that */
	CHECK_CLASSES
};

struct check_line {
	enum check_class class;
	uint32_t k; /* which message; not for a strange datagram */
	uint64_t at_ns; /* as given with the bytes */
	size_t size; /* bytes received, of which `text` may hold the first only */
	struct marked text; /* valid in the callback only; for a strange datagram got == want */
};

/* Messages first .. first+count-1 did not arrive (datagrams). */
struct check_gap {
	uint32_t first, count;
};

struct check_tally {
	uint64_t messages[CHECK_CLASSES];
	uint64_t missing; /* datagrams not seen below the highest number seen, or a cut message */
	uint64_t recognised; /* messages more right than wrong: the peer is a truesum */
	uint64_t bytes, bytes_wrong;
	uint64_t bits_0to1, bits_1to0;
	uint64_t wrong_at[CHECK_PHASES]; /* wrong bytes by message offset mod 16 */
	uint64_t wrong_bit[8]; /* wrong bits by place, 0 is 0x01 */
	struct check_gap gaps[CHECK_GAPS];
	size_t gap_count; /* what has no room here is in `missing` only */
	uint32_t
		first; /* datagrams: the number of the first seen; the receiver may have come late */
};

typedef void (*check_line_fn)(void *owner, const struct check_line *line);

struct check;

/* `fn` is called for every message and datagram, in the order of arrival. */
int check_new(check_line_fn fn, void *owner, struct check **ret_check);
DEFINE_CLEANUP(struct check *, check, free)

/* The next bytes of a connection. */
void check_stream(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns);

/*
 * The next datagram. One that equals another message than the one due is held until its successor
 * tells whether messages are missing or its counter was damaged.
 */
void check_datagram(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns);

/* No more will come: judges what was held, or is incomplete. */
void check_end(struct check *check);

/* So much came without a single recognisable message that the peer must be something else. */
bool check_hopeless(const struct check *check);

const struct check_tally *check_tally(const struct check *check);

#endif
