/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the client sends and how the receiver knows that a byte is wrong.
 *
 * Message k (0, 1, ...) is 57 times 'a', a space, k in decimal and a newline, as in the experiment of
 * 2015. Everything received can thus be checked without asking the sender.
 */
#ifndef TRUESUM_LAB_MESSAGE_H
#define TRUESUM_LAB_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_LETTERS 57
#define MESSAGE_MAX 80 /* bytes, enough for every k of 32 bits */

/* Writes message k (no terminating NUL) and returns its length in bytes. */
size_t message_write(uint32_t k, char text[MESSAGE_MAX]);

/* The length of message k, and where it begins in the stream of all messages. */
size_t message_len(uint32_t k);
uint64_t message_offset(uint32_t k);

/* Which message covers a byte of the stream. */
uint32_t message_at(uint64_t stream_offset);

/* The byte that belongs at an offset of the stream. */
uint8_t message_byte(uint64_t stream_offset);

/*
 * Which message a datagram is, damaged or not: the one it equals; else the one of equal length in
 * [from, until) from which it differs in the fewest bits. -ENOENT where none has that length.
 */
int message_identify(const uint8_t *datagram, size_t len, uint32_t from, uint32_t until,
		     uint32_t *ret_k);

#endif
