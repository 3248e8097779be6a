/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From 64-bit keys to numbers; a key may have several, which stay in order. 20 bytes and a bucket each. */
#ifndef TRUESUM_DIFF_MULTIMAP_H
#define TRUESUM_DIFF_MULTIMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct multimap;

/* Where a walk over the numbers of one key is. */
struct multimap_walk {
	uint32_t at, before;
};

/* Room for `capacity` (< 2^32 - 1) numbers. -ENOMEM. */
int multimap_new(size_t capacity, struct multimap **ret_map);
void multimap_free(struct multimap *map);

/* Puts a number in front of the key's others: whoever adds the last first walks in order. */
void multimap_push(struct multimap *map, uint64_t key, uint32_t number);

/* The first number of the key, the next one; false where there is none (any more). */
bool multimap_first(const struct multimap *map, uint64_t key, struct multimap_walk *ret_walk);
bool multimap_next(const struct multimap *map, struct multimap_walk *walk);
uint32_t multimap_number(const struct multimap *map, const struct multimap_walk *walk);

/*
 * Fetches what multimap_first() of the key will read, in two steps that only help if something else is
 * done in between.
 */
void multimap_prefetch(const struct multimap *map, uint64_t key);
void multimap_prefetch_entry(const struct multimap *map, uint64_t key);

/* Takes the number out and goes on to the next; false where there is none. Other walks end with this. */
bool multimap_remove(struct multimap *map, struct multimap_walk *walk);

#endif
