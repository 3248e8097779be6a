/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the client sends: numbered messages, so that the receiver can check every byte without
 * asking the sender.
 *
 * Message k (0, 1, ...) is 57 times 'a', a space, k in decimal and a newline, as in the experiment
 * of 2015.
 */
#ifndef TRUESUM_LAB_MESSAGE_H
#define TRUESUM_LAB_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define MESSAGE_LETTERS 57
#define MESSAGE_MAX 80 /* bytes, enough for every k of 32 bits */

/* Bytes of a message as received, and what they should be. */
struct message_line {
	const uint8_t *got, *want;
	size_t len; /* of both, in bytes; at most MESSAGE_LINE_MAX are shown */
};

#define MESSAGE_LINE_MAX 128

/* Writes message k (no terminating NUL) and returns its length in bytes. */
size_t message_write(uint32_t k, char text[MESSAGE_MAX]);

/* The length of message k, and its offset in the stream of all messages, in bytes. */
size_t message_len(uint32_t k);
uint64_t message_offset(uint32_t k);

/* The message that a byte of that stream belongs to. */
uint32_t message_at(uint64_t stream_offset);

/*
 * Finds which message a datagram is, damaged or not: the one it equals; else, of those in [from,
 * until) with its length, the one that differs in the fewest bits. -ENOENT if none of these has its
 * length.
 */
int message_identify(const uint8_t *datagram, size_t len, uint32_t from, uint32_t until,
		     uint32_t *ret_k);

#endif
