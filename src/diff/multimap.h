/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table from 64-bit keys to numbers. A key may have several numbers, which stay in order. An
 * entry costs 20 bytes and a bucket.
 */
#ifndef TRUESUM_DIFF_MULTIMAP_H
#define TRUESUM_DIFF_MULTIMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct multimap;

/* Where a walk over the numbers of one key is. Zeroed: before the first. */
struct multimap_walk {
	uint32_t number; /* the current one */
	uint32_t at, before; /* its entry + 1, that of the one before; 0: none */
};

/* Room for `capacity` (< 2^32 - 1) numbers. -ENOMEM, no sentence. */
int multimap_new(size_t capacity, struct multimap **ret_map);
void multimap_free(struct multimap *map);

/* Puts a number before the key's others: to walk in order, add the last first. */
void multimap_push(struct multimap *map, uint64_t key, uint32_t number);

/* Goes to the first number of the key, or to the next; false: there is none. */
bool multimap_next(const struct multimap *map, uint64_t key, struct multimap_walk *walk);

/* Takes the current number out. Ends all other walks over this key. */
void multimap_remove(struct multimap *map, struct multimap_walk *walk);

/*
 * Fetches from memory what multimap_next() reads first: the key's bucket, or its entry. The entry
 * only if the bucket has arrived, so do something else in between.
 */
void multimap_prefetch(const struct multimap *map, uint64_t key, bool entry);

#endif
