// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows with damage: see flows.h. Rows lie in an array, their numbers in an open-addressed table at
 * most half full. Every packet of the second pass is looked up here, so that the hash has to be
 * quick; it is seeded, since a capture may have been made to collide.
 */
#include "pcap/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"

#define ROWS_FIRST 64

struct flows {
	size_t limit, count, room;
	struct flow_row *rows;
	uint32_t *table; /* row + 1; 0: free */
	size_t mask; /* of the table */
	uint64_t seed;
};

_Static_assert(sizeof(struct packet_flow) == 38, "the hash reads all of a flow, without padding");

static uint64_t mix_words(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)(a ^ UINT64_C(0x9e3779b97f4a7c15)) *
			      (b ^ UINT64_C(0xd6e8feb86659fd93));

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(uint64_t seed, const struct packet_flow *flow)
{
	uint64_t word[5] = { 0 };

	memcpy(word, flow, sizeof(*flow));
	return mix_words(mix_words(word[0] ^ seed, word[1]),
			 mix_words(word[2], mix_words(word[3], word[4])));
}

/* Where the flow is in the table, or would be. */
static size_t place(const struct flows *flows, const struct packet_flow *flow)
{
	size_t at = hash(flows->seed, flow) & flows->mask;

	while (flows->table[at] &&
	       memcmp(&flows->rows[flows->table[at] - 1].flow, flow, sizeof(*flow)) != 0)
		at = (at + 1) & flows->mask;
	return at;
}

static int grow(struct flows *flows)
{
	size_t room = flows->room ? 2 * flows->room : ROWS_FIRST;
	_cleanup_free_ uint32_t *table = calloc(2 * room, sizeof(*table));
	struct flow_row *rows = table ? realloc(flows->rows, room * sizeof(*rows)) : NULL;

	if (!rows)
		return -ENOMEM;
	flows->rows = rows;
	flows->room = room;
	flows->mask = 2 * room - 1;
	free(flows->table);
	flows->table = TAKE_PTR(table);
	for (size_t i = 0; i < flows->count; i++)
		flows->table[place(flows, &rows[i].flow)] = (uint32_t)i + 1;
	return 0;
}

int flows_new(size_t limit, struct flows **ret_flows)
{
	_cleanup_(flows_cleanup) struct flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return -ENOMEM;
	flows->limit = limit;
	if (getrandom(&flows->seed, sizeof(flows->seed), GRND_NONBLOCK) < 0)
		flows->seed = (uintptr_t)flows;
	if (grow(flows))
		return -ENOMEM;
	*ret_flows = TAKE_PTR(flows);
	return 0;
}

void flows_free(struct flows *flows)
{
	if (!flows)
		return;
	free(flows->rows);
	free(flows->table);
	free(flows);
}

size_t flows_count(const struct flows *flows)
{
	return flows->count;
}

struct flow_row *flows_row(const struct flows *flows, size_t row)
{
	return &flows->rows[row];
}

struct flow_row *flows_find(const struct flows *flows, const struct packet_flow *flow)
{
	uint32_t found = flows->table[place(flows, flow)];

	return found ? &flows->rows[found - 1] : NULL;
}

int flows_add(struct flows *flows, const struct packet_flow *flow, size_t *ret_row)
{
	size_t at = place(flows, flow);

	if (flows->table[at]) {
		*ret_row = flows->table[at] - 1;
		return 0;
	}
	if (flows->count == flows->limit)
		return -ENOSPC;
	if (flows->count == flows->room) {
		if (grow(flows))
			return -ENOMEM;
		at = place(flows, flow);
	}
	flows->rows[flows->count] =
		(struct flow_row){ .flow = *flow, .first_ns = INT64_MIN, .last_ns = INT64_MIN };
	*ret_row = flows->count++;
	flows->table[at] = (uint32_t)flows->count;
	return 0;
}

int flows_add_damaged(struct flows *flows, const struct packet_flow *flow, int64_t time_ns,
		      size_t *ret_row)
{
	int rc = flows_add(flows, flow, ret_row);
	struct flow_row *row;

	if (rc)
		return rc;
	row = &flows->rows[*ret_row];
	if (row->damaged < UINT32_MAX)
		row->damaged++;
	if (time_ns == INT64_MIN)
		return 0;
	if (row->first_ns == INT64_MIN || time_ns < row->first_ns)
		row->first_ns = time_ns;
	if (time_ns > row->last_ns)
		row->last_ns = time_ns;
	return 0;
}

/* Whether a is worse than b. If they are equally bad, the one that came first is worse. */
static bool is_worse(const struct flows *flows, uint32_t a, uint32_t b)
{
	const struct flow_row *left = &flows->rows[a], *right = &flows->rows[b];

	if (left->damaged != right->damaged)
		return left->damaged > right->damaged;
	return left->packets != right->packets ? left->packets < right->packets : a < b;
}

/* Sinks the row at `at` below those worse than it: the root of the heap is the least bad. */
static void sink(const struct flows *flows, uint32_t *heap, size_t count, size_t at)
{
	for (;;) {
		size_t least = at, child = 2 * at + 1;
		uint32_t row = heap[at];

		for (size_t i = child; i < child + 2 && i < count; i++)
			if (is_worse(flows, heap[least], heap[i]))
				least = i;
		if (least == at)
			return;
		heap[at] = heap[least];
		heap[least] = row;
		at = least;
	}
}

size_t flows_worst(const struct flows *flows, size_t count, uint32_t *ret_rows)
{
	size_t kept = flows->count < count ? flows->count : count;

	for (size_t i = 0; i < kept; i++)
		ret_rows[i] = (uint32_t)i;
	for (size_t i = kept / 2; i-- > 0;)
		sink(flows, ret_rows, kept, i);
	for (size_t i = kept; kept && i < flows->count; i++) {
		if (!is_worse(flows, (uint32_t)i, ret_rows[0]))
			continue;
		ret_rows[0] = (uint32_t)i;
		sink(flows, ret_rows, kept, 0);
	}
	/* Taken off the heap the least bad first, from the end on. */
	for (size_t left = kept; left > 1; left--) {
		uint32_t least = ret_rows[0];

		ret_rows[0] = ret_rows[left - 1];
		ret_rows[left - 1] = least;
		sink(flows, ret_rows, left - 1, 0);
	}
	while (kept && !flows->rows[ret_rows[kept - 1]].damaged)
		kept--;
	return kept;
}
