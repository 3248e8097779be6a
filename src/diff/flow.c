// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flows of two captures: see flow.h. The majority decides what a flow becomes: a packet whose
 * address or port is damaged makes a link of its own, and the many others outvote it.
 */
#include "diff/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diff/view.h"

#define STRAY_BITS_MAX 64 /* of addresses and ports: if more differ, it is another peer */
#define STRAY_OTHERS_MIN 4

_Static_assert(sizeof(struct packet_flow) == 38, "flows are compared as bytes, without padding");

void diff_flows_free(struct diff_flows *flows)
{
	free(flows->row);
	free(flows->index.bucket);
	free(flows->link);
	free(flows->link_index.bucket);
}

static uint64_t flow_hash(const struct packet_flow *flow)
{
	return diff_hash(0, flow, sizeof(*flow));
}

static uint64_t link_hash(uint32_t from, uint32_t to)
{
	const uint32_t both[2] = { from, to };

	return diff_hash(0, both, sizeof(both));
}

/*
 * Makes room for one more: at least doubles the array at *entries, and makes an empty index for
 * it.
 */
static int index_grow(struct diff_flow_index *index, void **entries, size_t size)
{
	uint32_t room = index->room ? 2 * index->room : 64;
	uint32_t *bucket = calloc(2 * (size_t)room, sizeof(*bucket));
	void *larger = bucket ? reallocarray(*entries, room, size) : NULL;

	if (larger)
		*entries = larger;
	if (!larger || room > UINT32_MAX / 4) {
		free(bucket);
		return -ENOMEM;
	}
	free(index->bucket);
	index->bucket = bucket;
	index->room = room;
	return 0;
}

static void index_put(struct diff_flow_index *index, uint64_t hash, uint32_t number)
{
	uint32_t mask = 2 * index->room - 1, at = (uint32_t)hash & mask;

	while (index->bucket[at])
		at = (at + 1) & mask;
	index->bucket[at] = number + 1;
}

static uint32_t find_flow(const struct diff_flows *flows, const struct packet_flow *flow)
{
	const struct diff_flow_index *index = &flows->index;
	uint32_t mask = 2 * index->room - 1;

	if (!index->room)
		return DIFF_FLOW_NONE;
	for (uint32_t at = (uint32_t)flow_hash(flow) & mask; index->bucket[at];
	     at = (at + 1) & mask)
		if (!memcmp(&flows->row[index->bucket[at] - 1].flow, flow, sizeof(*flow)))
			return index->bucket[at] - 1;
	return DIFF_FLOW_NONE;
}

static int new_flow(struct diff_flows *flows, const struct packet_flow *flow)
{
	struct diff_flow_index *index = &flows->index;
	void *rows = flows->row;
	int rc = 0;

	if (index->count == index->room) {
		rc = index_grow(index, &rows, sizeof(*flows->row));
		flows->row = rows;
		for (uint32_t i = 0; !rc && i < index->count; i++)
			index_put(index, flow_hash(&flows->row[i].flow), i);
	}
	if (rc)
		return rc;
	flows->row[index->count] =
		(struct diff_flow){ .flow = *flow, .best = { DIFF_FLOW_NONE, DIFF_FLOW_NONE } };
	index_put(index, flow_hash(flow), index->count++);
	return 0;
}

int diff_flows_add(struct diff_flows *flows, enum diff_side side, const struct packet_flow *flow,
		   uint32_t *ret_row)
{
	uint32_t row = flows->latest[side];
	int rc;

	if (!flows->index.count || memcmp(&flows->row[row].flow, flow, sizeof(*flow)) != 0)
		row = find_flow(flows, flow);
	if (row == DIFF_FLOW_NONE) {
		rc = new_flow(flows, flow);
		if (rc)
			return rc;
		row = flows->index.count - 1;
	}
	flows->latest[side] = row;
	flows->row[row].packets[side]++;
	*ret_row = row;
	return 0;
}

static struct diff_link *find_link(const struct diff_flows *flows, uint32_t from, uint32_t to)
{
	const struct diff_flow_index *index = &flows->link_index;
	uint32_t mask = 2 * index->room - 1;

	if (!index->room)
		return NULL;
	for (uint32_t at = (uint32_t)link_hash(from, to) & mask; index->bucket[at];
	     at = (at + 1) & mask) {
		struct diff_link *link = &flows->link[index->bucket[at] - 1];

		if (link->from == from && link->to == to)
			return link;
	}
	return NULL;
}

static int add_link(struct diff_flows *flows, const struct diff_link *link)
{
	struct diff_flow_index *index = &flows->link_index;
	void *links = flows->link;
	int rc = 0;

	if (index->count == index->room) {
		rc = index_grow(index, &links, sizeof(*link));
		flows->link = links;
		for (uint32_t i = 0; !rc && i < index->count; i++)
			index_put(index, link_hash(flows->link[i].from, flows->link[i].to), i);
	}
	if (rc)
		return rc;
	flows->link[index->count] = *link;
	index_put(index, link_hash(link->from, link->to), index->count++);
	return 0;
}

static void vote(struct diff_flow *row, enum diff_side side, uint32_t other, uint32_t count)
{
	if (count < row->best_count[side])
		return;
	row->best[side] = other;
	row->best_count[side] = count;
}

int diff_flows_learn(struct diff_flows *flows, uint32_t from, uint32_t to, uint32_t before,
		     uint32_t after, int64_t after_ns)
{
	struct diff_link *link = find_link(flows, from, to);
	uint32_t count = link ? ++link->count : 1;

	vote(&flows->row[from], DIFF_BEFORE, to, count);
	vote(&flows->row[to], DIFF_AFTER, from, count);
	if (link) {
		link->last = after;
		return 0;
	}
	return add_link(flows, &(struct diff_link){ .from = from,
						    .to = to,
						    .count = 1,
						    .first = after,
						    .last = after,
						    .before = before,
						    .after_ns = after_ns });
}

unsigned int diff_flows_fit(const struct diff_flows *flows, uint32_t from, uint32_t to)
{
	const uint32_t became = flows->row[from].best[DIFF_BEFORE];

	if (became == to)
		return 3;
	if (from == to)
		return 2;
	return became == DIFF_FLOW_NONE && flows->row[to].best[DIFF_AFTER] == DIFF_FLOW_NONE;
}

static struct packet_flow reversed(const struct packet_flow *flow)
{
	struct packet_flow other = *flow;

	other.src_port = flow->dst_port;
	other.dst_port = flow->src_port;
	memcpy(other.src, flow->dst, sizeof(other.src));
	memcpy(other.dst, flow->src, sizeof(other.dst));
	return other;
}

uint32_t diff_flows_expected(const struct diff_flows *flows, uint32_t from,
			     struct packet_flow *ret_flow)
{
	uint32_t became = flows->row[from].best[DIFF_BEFORE], back;

	if (became != DIFF_FLOW_NONE) {
		*ret_flow = flows->row[became].flow;
		return became;
	}
	*ret_flow = reversed(&flows->row[from].flow);
	back = find_flow(flows, ret_flow);
	became = back != DIFF_FLOW_NONE ? flows->row[back].best[DIFF_BEFORE] : DIFF_FLOW_NONE;
	if (became != DIFF_FLOW_NONE) {
		*ret_flow = reversed(&flows->row[became].flow);
		became = find_flow(flows, ret_flow);
	} else {
		*ret_flow = flows->row[from].flow;
		became = from;
	}
	if (became != DIFF_FLOW_NONE && !flows->row[became].packets[DIFF_AFTER])
		became = DIFF_FLOW_NONE;
	return became;
}

static uint32_t bits_of(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < len; i++)
		bits += (uint32_t)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

/* How many bits of addresses and ports differ; UINT32_MAX: family or protocol do. */
static uint32_t flow_bits(const struct packet_flow *a, const struct packet_flow *b)
{
	if (a->family != b->family || a->proto != b->proto)
		return UINT32_MAX;
	return bits_of(a->src, b->src, sizeof(a->src)) + bits_of(a->dst, b->dst, sizeof(a->dst)) +
	       (uint32_t)__builtin_popcount(a->src_port ^ b->src_port) +
	       (uint32_t)__builtin_popcount(a->dst_port ^ b->dst_port);
}

static bool is_stray(const struct diff_flows *flows, const struct diff_link *link)
{
	const struct diff_flow *from = &flows->row[link->from], *to = &flows->row[link->to];
	const uint32_t became = from->best[DIFF_BEFORE];
	const struct diff_link *others;

	if (link->count != 1 || to->packets[DIFF_AFTER] != 1 || became == link->to ||
	    from->best_count[DIFF_BEFORE] < STRAY_OTHERS_MIN || to->packets[DIFF_BEFORE] ||
	    flow_bits(&flows->row[became].flow, &to->flow) > STRAY_BITS_MAX)
		return false;
	others = find_link(flows, link->from, became);
	return others && others->first < link->first && others->last > link->first;
}

const struct diff_link *diff_flows_stray(const struct diff_flows *flows, uint32_t *at)
{
	while (*at < flows->link_index.count) {
		const struct diff_link *link = &flows->link[(*at)++];

		if (is_stray(flows, link))
			return link;
	}
	return NULL;
}
