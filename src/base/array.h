/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arrays that grow. */
#ifndef TRUESUM_BASE_ARRAY_H
#define TRUESUM_BASE_ARRAY_H

#include <stddef.h>

/*
 * Makes room for `wanted` elements of `size` bytes in an array that has room for *room; at least
 * doubles it. `array` is the address of the array's pointer (NULL for an empty array), which may
 * move. New elements are not initialised. -ENOMEM with a sentence: nothing changed. Use
 * ARRAY_RESERVE().
 */
int array_reserve(void *array, size_t *room, size_t wanted, size_t size);

#define ARRAY_RESERVE(array, room, wanted)                                                         \
	array_reserve(&(array), &(room), wanted, sizeof(*(array)))

/*
 * Adds a zeroed element to an array that only this function lets grow: its room follows from
 * `*count`. Returns the new element; NULL after a failure, with a sentence, nothing changed. Use
 * ARRAY_ADD(), which has the right type.
 */
void *array_add(void *array, size_t *count, size_t size);

#define ARRAY_ADD(array, count) ((__typeof__(array))array_add(&(array), &(count), sizeof(*(array))))

#endif
