/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cursor over bytes from outside: nothing behind its end is ever read. */
#ifndef TRUESUM_PACKET_CURSOR_H
#define TRUESUM_PACKET_CURSOR_H

#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *data;
	size_t at; /* offset of the next byte, <= end */
	size_t end;
};

/* The next len bytes, stepped over; NULL, and no step, where there are fewer. */
const uint8_t *cursor_take(struct cursor *cursor, size_t len);

/* How many bytes are left. */
size_t cursor_left(const struct cursor *cursor);

/* Moves the end nearer, to len bytes from here. Returns 0, or -EBADMSG where there are fewer. */
int cursor_limit(struct cursor *cursor, size_t len);

/* A big-endian number at any address. */
uint16_t cursor_be16(const uint8_t *at);
uint32_t cursor_be32(const uint8_t *at);

#endif
