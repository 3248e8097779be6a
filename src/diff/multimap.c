// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From keys to numbers: see multimap.h. Chains hang from buckets; a chain has one entry for every key,
 * from which the key's other entries hang. So a key with a million numbers costs the others in its
 * bucket nothing, and taking its first is one step.
 */
#include "diff/multimap.h"

#include <errno.h>
#include <stdlib.h>

#define NONE UINT32_MAX

struct entry {
	uint32_t key_high, key_low; /* halves: no padding */
	uint32_t number; /* NONE: the key has none any more */
	uint32_t chain; /* the next key in the bucket; of a key's first entry only */
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

static uint32_t *bucket_of(const struct multimap *map, uint64_t key)
{
	return &map->bucket[(key * 0x9e3779b97f4a7c15ull >> 32) & map->mask];
}

/* The key's first entry, or NONE. */
static uint32_t find(const struct multimap *map, uint64_t key)
{
	uint32_t at = *bucket_of(map, key) - 1;

	while (at != NONE && (map->entry[at].key_high != (uint32_t)(key >> 32) ||
			      map->entry[at].key_low != (uint32_t)key))
		at = map->entry[at].chain;
	return at;
}

void multimap_push(struct multimap *map, uint64_t key, uint32_t number)
{
	uint32_t first = find(map, key), added = (uint32_t)map->count++;
	uint32_t *bucket = bucket_of(map, key);

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
		/* The first entry stays where the chain knows it; the new one takes over what it held. */
		map->entry[added].number = map->entry[first].number;
		map->entry[added].same = map->entry[first].same;
		map->entry[first].number = number;
		map->entry[first].same = added;
	}
}

void multimap_prefetch(const struct multimap *map, uint64_t key)
{
	__builtin_prefetch(bucket_of(map, key));
}

void multimap_prefetch_entry(const struct multimap *map, uint64_t key)
{
	uint32_t at = *bucket_of(map, key);

	if (at)
		__builtin_prefetch(&map->entry[at - 1]);
}

bool multimap_first(const struct multimap *map, uint64_t key, struct multimap_walk *ret_walk)
{
	uint32_t first = find(map, key);

	if (first == NONE || map->entry[first].number == NONE)
		return false;
	*ret_walk = (struct multimap_walk){ .at = first, .before = NONE };
	return true;
}

bool multimap_next(const struct multimap *map, struct multimap_walk *walk)
{
	walk->before = walk->at;
	walk->at = map->entry[walk->at].same;
	return walk->at != NONE;
}

uint32_t multimap_number(const struct multimap *map, const struct multimap_walk *walk)
{
	return map->entry[walk->at].number;
}

bool multimap_remove(struct multimap *map, struct multimap_walk *walk)
{
	struct entry *entry = &map->entry[walk->at];

	if (walk->before != NONE) {
		walk->at = map->entry[walk->before].same = entry->same;
		return walk->at != NONE;
	}
	if (entry->same == NONE) {
		entry->number = NONE;
		return false;
	}
	entry->number = map->entry[entry->same].number;
	entry->same = map->entry[entry->same].same;
	return true;
}
