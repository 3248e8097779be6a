// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From keys to numbers: see multimap.h. A bucket has a chain with one entry for every key; the
 * key's other entries hang from that one. So a key with a million numbers costs the other keys in
 * its bucket nothing, and it takes one step to remove its first number.
 */
#include "diff/multimap.h"

#include <errno.h>
#include <stdlib.h>

#define NONE UINT32_MAX

struct entry {
	uint32_t key_high, key_low; /* halves: no padding */
	uint32_t number; /* NONE: all numbers of the key were removed */
	uint32_t chain; /* the next key in the bucket; only in a key's first entry */
	uint32_t same; /* the next entry of this key */
};

struct multimap {
	size_t count, mask;
	uint32_t *bucket; /* entry + 1 */
	struct entry *entry;
};

int multimap_new(size_t capacity, struct multimap **ret_map)
{
	struct multimap *map = calloc(1, sizeof(*map));
	size_t buckets = 16;

	while (buckets < capacity)
		buckets *= 2;
	if (!map)
		return -ENOMEM;
	map->mask = buckets - 1;
	map->bucket = calloc(buckets, sizeof(*map->bucket));
	map->entry = malloc((capacity + 1) * sizeof(*map->entry));
	if (!map->bucket || !map->entry) {
		multimap_free(map);
		return -ENOMEM;
	}
	*ret_map = map;
	return 0;
}

void multimap_free(struct multimap *map)
{
	if (!map)
		return;
	free(map->bucket);
	free(map->entry);
	free(map);
}

static uint32_t *key_bucket(const struct multimap *map, uint64_t key)
{
	return &map->bucket[(key * 0x9e3779b97f4a7c15ull >> 32) & map->mask];
}

/* The key's first entry, or NONE. */
static uint32_t first_entry(const struct multimap *map, uint64_t key)
{
	uint32_t at = *key_bucket(map, key) - 1;

	while (at != NONE && (map->entry[at].key_high != (uint32_t)(key >> 32) ||
			      map->entry[at].key_low != (uint32_t)key))
		at = map->entry[at].chain;
	return at;
}

void multimap_push(struct multimap *map, uint64_t key, uint32_t number)
{
	uint32_t first = first_entry(map, key), added = (uint32_t)map->count++;
	uint32_t *bucket = key_bucket(map, key);

	map->entry[added] = (struct entry){ .key_high = (uint32_t)(key >> 32),
					    .key_low = (uint32_t)key,
					    .number = number,
					    .chain = *bucket - 1,
					    .same = NONE };
	if (first == NONE) {
		*bucket = added + 1;
	} else if (map->entry[first].number == NONE) {
		map->entry[first].number = number;
	} else {
		/* The first entry stays in its chain; the new one takes what it held. */
		map->entry[added].number = map->entry[first].number;
		map->entry[added].same = map->entry[first].same;
		map->entry[first].number = number;
		map->entry[first].same = added;
	}
}

bool multimap_next(const struct multimap *map, uint64_t key, struct multimap_walk *walk)
{
	uint32_t next;

	if (walk->at) {
		next = map->entry[walk->at - 1].same;
	} else {
		next = first_entry(map, key);
		if (next != NONE && map->entry[next].number == NONE)
			return false;
	}
	if (next == NONE)
		return false;
	walk->before = walk->at;
	walk->at = next + 1;
	walk->number = map->entry[next].number;
	return true;
}

void multimap_remove(struct multimap *map, struct multimap_walk *walk)
{
	struct entry *entry = &map->entry[walk->at - 1];

	if (walk->before) {
		map->entry[walk->before - 1].same = entry->same;
	} else if (entry->same == NONE) {
		entry->number = NONE;
	} else {
		/* The first entry stays in its chain; it takes what the second holds. */
		entry->number = map->entry[entry->same].number;
		entry->same = map->entry[entry->same].same;
	}
	walk->at = walk->before;
}

void multimap_prefetch(const struct multimap *map, uint64_t key, bool entry)
{
	const uint32_t *bucket = key_bucket(map, key);

	if (!entry)
		__builtin_prefetch(bucket);
	else if (*bucket)
		__builtin_prefetch(&map->entry[*bucket - 1]);
}
