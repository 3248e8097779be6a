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

/* ---- Sized messages: what `truesum send` sends ---- */

/*
 * A size is MESSAGE_LINES, the messages above; MESSAGE_MIX, sizes up to 64 kB in turn; or so many
 * bytes. Sized message k is "z", the size in five digits (00000: the mix), letters 'a', a space, k
 * and a newline. So each message tells the receiver what the others look like.
 */
#define MESSAGE_LINES 0
#define MESSAGE_MIX 1
#define MESSAGE_SIZE_MIN 80
#define MESSAGE_SIZE_MAX 65000 /* a datagram has no more than 65,487 */
#define MESSAGE_TAG 6

/* Writes message k into MESSAGE_SIZE_MAX bytes, and returns its length in bytes. */
size_t message_sized_write(uint32_t size, uint32_t k, char *text);
size_t message_sized_len(uint32_t size, uint32_t k);

/* The size that a message's first MESSAGE_TAG bytes tell, damaged or not. */
uint32_t message_guess_size(const uint8_t *bytes);

/* message_identify() for any size. */
int message_sized_identify(uint32_t size, const uint8_t *datagram, size_t len, uint32_t from,
			   uint32_t until, uint32_t *ret_k);

/* ---- Lines ---- */

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
