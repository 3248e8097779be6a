/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks the messages that a peer sent: which arrived, intact or damaged, and what the damage looks
 * like. Needs nothing from the sender but the messages, and a fixed amount of memory.
 */
#ifndef TRUESUM_LAB_CHECK_H
#define TRUESUM_LAB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "lab/message.h"

#define CHECK_PHASES 16 /* a bad line of a 128 bit wide memory shows at one offset mod 16 */
#define CHECK_GAPS 256

enum check_class {
	CHECK_INTACT,
	CHECK_DAMAGED,
	CHECK_CUT, /* the stream ended inside it */
	CHECK_AGAIN, /* a datagram that arrived before */
	CHECK_STRANGE, /* not like any message: other traffic, or too damaged to tell */
	CHECK_CLASSES
};

struct check_line {
	enum check_class class;
	uint32_t k; /* which message; unused for a strange datagram */
	uint64_t at_ns; /* as given with the bytes */
	size_t size; /* bytes received; `text` may hold only the first of them */
	struct message_line
		text; /* valid only in the callback; for a strange datagram got == want */
};

/* Messages first .. first+count-1 did not arrive (datagrams). */
struct check_gap {
	uint32_t first, count;
};

struct check_tally {
	uint64_t messages[CHECK_CLASSES];
	uint64_t missing; /* datagrams not seen although a higher number was; or a cut message */
	uint64_t recognised; /* messages more right than wrong: the peer is a truesum */
	bool no_truesum; /* 16 messages came and none was recognised: the peer is something else */
	uint64_t bytes, bytes_wrong;
	uint64_t bits_0to1, bits_1to0;
	uint64_t wrong_at[CHECK_PHASES]; /* wrong bytes by message offset mod 16 */
	uint64_t wrong_bit[8]; /* wrong bits by place, 0 is 0x01 */
	struct check_gap gaps[CHECK_GAPS];
	size_t gap_count; /* later gaps are only counted in `missing` */
	uint32_t first; /* datagrams: the first number seen; the receiver may have started late */
};

typedef void (*check_line_fn)(void *owner, const struct check_line *line);

struct check;

/* Calls `fn` for every message or datagram, in the order of arrival. */
int check_new(check_line_fn fn, void *owner, struct check **ret_check);
DEFINE_CLEANUP(struct check *, check, free)

/* Takes the next bytes of a connection. */
void check_stream(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns);

/*
 * Takes the next datagram. If it equals another message than the one due, it is held until the next
 * datagram shows whether messages are missing or its counter was damaged.
 */
void check_datagram(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns);

/* Call it when nothing more will come: judges a datagram that is held, or an incomplete message. */
void check_end(struct check *check);

const struct check_tally *check_tally(const struct check *check);

/* The size of the messages (lab/message.h), once one was recognised. */
uint32_t check_size(const struct check *check);

/* Whether message k, of those before check_end_of(), is known to be missing (datagrams). */
bool check_is_missing(const struct check *check, uint32_t k);
uint32_t check_end_of(const struct check *check);

#endif
