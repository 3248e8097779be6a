/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cursor over bytes from outside. This is the one place that compares the lengths a packet states
 * with the packet's real length: nothing from the cursor's end on is read. Inline, as every header
 * of every packet goes through here.
 */
#ifndef TRUESUM_PACKET_CURSOR_H
#define TRUESUM_PACKET_CURSOR_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *data;
	size_t at; /* offset of the next byte, <= end */
	size_t end;
};

/* How many bytes are left. */
static inline size_t cursor_left(const struct cursor *cursor)
{
	return cursor->end - cursor->at;
}

/* Steps over the next len bytes and returns them; NULL, and no step, if there are fewer. */
static inline const uint8_t *cursor_take(struct cursor *cursor, size_t len)
{
	const uint8_t *bytes = cursor->data + cursor->at;

	if (len > cursor_left(cursor))
		return NULL;
	cursor->at += len;
	return bytes;
}

/* Moves the end nearer, to len bytes from here. Returns 0, or -EBADMSG if there are fewer. */
static inline int cursor_limit(struct cursor *cursor, size_t len)
{
	if (len > cursor_left(cursor))
		return -EBADMSG;
	cursor->end = cursor->at + len;
	return 0;
}

/* A big-endian number at any address. */
static inline uint16_t cursor_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t cursor_be32(const uint8_t *at)
{
	return (uint32_t)cursor_be16(at) << 16 | cursor_be16(at + 2);
}

#endif
