/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checks that a probe runs, and the bytes it sends for them. A check is a row of messages,
 * each with a payload of PAYLOAD_LEN bytes, which begins with the exchange's secret; some are
 * damaged on purpose, in other bytes. Pure: bytes only.
 */
#ifndef TRUESUM_PROBE_PAYLOAD_H
#define TRUESUM_PROBE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/token.h"

#define PAYLOAD_LEN 128
#define CHECK_MESSAGES_MAX 8

/* How the peer damages a message. */
enum message {
	MESSAGE_END, /* no message: ends a list */
	MESSAGE_INTACT,
	MESSAGE_BAD_PAYLOAD, /* one flipped bit under the checksum of the original */
	MESSAGE_BAD_FIELD, /* another payload, with its own checksum, one bit of that flipped */
	MESSAGE_CANCELLING, /* two flips that no checksum notices, so it must arrive */
};

enum check_shape { SHAPE_SINGLE, SHAPE_MERGED, SHAPE_NO_CHECK, SHAPE_FRAGMENTS };

struct check {
	const char *name; /* "tcp", "tcp-merged", ... */
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	enum check_shape shape;
	bool v4, v6; /* the families it exists for */
	enum message messages[CHECK_MESSAGES_MAX + 1];
};

extern const struct check check_rows[];
extern const size_t check_row_count;

/* Writes the intact payload of message `number`. */
void payload_write(unsigned int number, const struct token *token, uint8_t payload[PAYLOAD_LEN]);

/* Whether a payload, possibly damaged, is of that exchange. */
bool payload_is_ours(const uint8_t *payload, size_t len, const struct token *token);

/* Reads a message's number from its payload. */
unsigned int payload_number(const uint8_t payload[PAYLOAD_LEN]);

/* Changes an intact payload into the one that such a message carries. */
void payload_damage(enum message message, uint8_t payload[PAYLOAD_LEN]);

/*
 * Flips one bit of a checksum field. The result is never 0, which means "no checksum" in UDP (RFC
 * 768).
 */
void payload_damage_field(uint8_t field[2]);

/* Whether a checksum notices the damage. */
bool payload_is_noticeable(enum message message);

#endif
