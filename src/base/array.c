// SPDX-License-Identifier: GPL-2.0-or-later
/* Arrays that grow: see array.h. */
#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

enum { FIRST_ROOM = 8 };

/* The caller's pointer has a type of its own, so it is copied, not cast. */
static void *resize(void *array, size_t room, size_t size)
{
	void *old, *larger;

	memcpy(&old, array, sizeof(old));
	larger = reallocarray(old, room, size);
	if (larger)
		memcpy(array, &larger, sizeof(larger));
	else
		fail(-ENOMEM, "out of memory");
	return larger;
}

int array_reserve(void *array, size_t *room, size_t wanted, size_t size)
{
	size_t larger = *room ? *room * 2 : FIRST_ROOM;

	if (wanted <= *room)
		return 0;
	if (larger < wanted)
		larger = wanted;
	if (!resize(array, larger, size))
		return -ENOMEM;
	*room = larger;
	return 0;
}

void *array_add(void *array, size_t *count, size_t size)
{
	unsigned char *items;
	size_t at = *count;

	/* Room is always FIRST_ROOM, or the next power of two. */
	if (!at && !resize(array, FIRST_ROOM, size))
		return NULL;
	if (at >= FIRST_ROOM && !(at & (at - 1)) && !resize(array, at * 2, size))
		return NULL;
	memcpy(&items, array, sizeof(items));
	(*count)++;
	return memset(items + at * size, 0, size);
}
