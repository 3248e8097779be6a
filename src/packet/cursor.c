// SPDX-License-Identifier: GPL-2.0-or-later
/* The one place where lengths read from a packet meet the packet's real length. */
#include "packet/cursor.h"

#include <errno.h>

size_t cursor_left(const struct cursor *cursor)
{
	return cursor->end - cursor->at;
}

const uint8_t *cursor_take(struct cursor *cursor, size_t len)
{
	const uint8_t *bytes = cursor->data + cursor->at;

	if (len > cursor_left(cursor))
		return NULL;
	cursor->at += len;
	return bytes;
}

int cursor_limit(struct cursor *cursor, size_t len)
{
	if (len > cursor_left(cursor))
		return -EBADMSG;
	cursor->end = cursor->at + len;
	return 0;
}

uint16_t cursor_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t cursor_be32(const uint8_t *at)
{
	return (uint32_t)cursor_be16(at) << 16 | cursor_be16(at + 2);
}
