// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flows of two captures: see diff_flow.h. What a flow becomes is decided by majority: a damaged
 * address or port makes a link of its own, which the many others outvote.
 */
#include "diff/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diff/view.h"

#define STRAY_BITS_MAX 64 /* of addresses and ports: more are no damage but another peer */
#define STRAY_OTHERS_MIN 4

struct flow_entry {
	struct packet_flow flow;
	uint32_t best, best_count; /* what most of its packets became, or came from */
	uint32_t packets;
};

/* An array with a hash index over it. */
struct table {
	uint32_t count, room;
	uint32_t *bucket; /* number + 1; 2 * room of them */
};

struct diff_flows {
	struct table table[DIFF_SIDES];
	struct flow_entry *entry[DIFF_SIDES];
	struct table link_table;
	struct diff_link *link;
	uint32_t latest[DIFF_SIDES];
};

int diff_flows_new(struct diff_flows **ret_flows)
{
	struct diff_flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return -ENOMEM;
	*ret_flows = flows;
	return 0;
}

void diff_flows_free(struct diff_flows *flows)
{
	if (!flows)
		return;
	for (unsigned int side = 0; side < DIFF_SIDES; side++) {
		free(flows->table[side].bucket);
		free(flows->entry[side]);
	}
	free(flows->link_table.bucket);
	free(flows->link);
	free(flows);
}

bool diff_flow_equal(const struct packet_flow *a, const struct packet_flow *b)
{
	return a->family == b->family && a->proto == b->proto && a->src_port == b->src_port &&
	       a->dst_port == b->dst_port && !memcmp(a->src, b->src, sizeof(a->src)) &&
	       !memcmp(a->dst, b->dst, sizeof(a->dst));
}

uint64_t diff_flow_hash(const struct packet_flow *flow)
{
	const uint64_t about = (uint64_t)flow->family << 40 | (uint64_t)flow->proto << 32 |
			       (uint32_t)flow->src_port << 16 | flow->dst_port;
	uint8_t both[sizeof(flow->src) + sizeof(flow->dst)];

	memcpy(both, flow->src, sizeof(flow->src));
	memcpy(both + sizeof(flow->src), flow->dst, sizeof(flow->dst));
	return diff_hash(about, both, sizeof(both));
}

static uint32_t bits_of(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < len; i++)
		bits += (uint32_t)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

uint32_t diff_flow_bits(const struct packet_flow *a, const struct packet_flow *b)
{
	if (a->family != b->family || a->proto != b->proto)
		return UINT32_MAX;
	return bits_of(a->src, b->src, sizeof(a->src)) + bits_of(a->dst, b->dst, sizeof(a->dst)) +
	       (uint32_t)__builtin_popcount(a->src_port ^ b->src_port) +
	       (uint32_t)__builtin_popcount(a->dst_port ^ b->dst_port);
}

static uint64_t link_hash(uint32_t from, uint32_t to)
{
	const uint32_t both[2] = { from, to };

	return diff_hash(0, both, sizeof(both));
}

/* Makes room for one more: doubles the array at *entries and an index that is empty then. */
static int grow(struct table *table, void **entries, size_t size)
{
	uint32_t room = table->room ? 2 * table->room : 64;
	uint32_t *bucket = calloc(2 * (size_t)room, sizeof(*bucket));
	void *bigger = realloc(*entries, room * size);

	if (bigger)
		*entries = bigger;
	if (!bigger || !bucket || room > UINT32_MAX / 4) {
		free(bucket);
		return -ENOMEM;
	}
	free(table->bucket);
	table->bucket = bucket;
	table->room = room;
	return 0;
}

static void put(struct table *table, uint64_t hash, uint32_t number)
{
	uint32_t mask = 2 * table->room - 1, at = (uint32_t)hash & mask;

	while (table->bucket[at])
		at = (at + 1) & mask;
	table->bucket[at] = number + 1;
}

static uint32_t find_flow(const struct diff_flows *flows, enum diff_side side,
			  const struct packet_flow *flow)
{
	const struct table *table = &flows->table[side];
	uint32_t mask = 2 * table->room - 1;

	if (!table->room)
		return DIFF_FLOW_NONE;
	for (uint32_t at = (uint32_t)diff_flow_hash(flow) & mask; table->bucket[at];
	     at = (at + 1) & mask)
		if (diff_flow_equal(&flows->entry[side][table->bucket[at] - 1].flow, flow))
			return table->bucket[at] - 1;
	return DIFF_FLOW_NONE;
}

static int add_flow(struct diff_flows *flows, enum diff_side side, const struct packet_flow *flow)
{
	struct table *table = &flows->table[side];
	void *entries = flows->entry[side];
	int rc = 0;

	if (table->count == table->room) {
		rc = grow(table, &entries, sizeof(struct flow_entry));
		flows->entry[side] = entries;
		for (uint32_t i = 0; !rc && i < table->count; i++)
			put(table, diff_flow_hash(&flows->entry[side][i].flow), i);
	}
	if (rc)
		return rc;
	flows->entry[side][table->count] =
		(struct flow_entry){ .flow = *flow, .best = DIFF_FLOW_NONE };
	put(table, diff_flow_hash(flow), table->count++);
	return 0;
}

int diff_flows_number(struct diff_flows *flows, enum diff_side side, const struct packet_flow *flow,
		      uint32_t *ret_number)
{
	uint32_t number = flows->latest[side];
	int rc;

	if (!flows->table[side].count || !diff_flow_equal(&flows->entry[side][number].flow, flow))
		number = find_flow(flows, side, flow);
	if (number == DIFF_FLOW_NONE) {
		rc = add_flow(flows, side, flow);
		if (rc)
			return rc;
		number = flows->table[side].count - 1;
	}
	flows->latest[side] = number;
	flows->entry[side][number].packets++;
	*ret_number = number;
	return 0;
}

const struct packet_flow *diff_flows_get(const struct diff_flows *flows, enum diff_side side,
					 uint32_t number)
{
	return &flows->entry[side][number].flow;
}

static struct diff_link *find_link(const struct diff_flows *flows, uint32_t from, uint32_t to)
{
	const struct table *table = &flows->link_table;
	uint32_t mask = 2 * table->room - 1;

	if (!table->room)
		return NULL;
	for (uint32_t at = (uint32_t)link_hash(from, to) & mask; table->bucket[at];
	     at = (at + 1) & mask) {
		struct diff_link *link = &flows->link[table->bucket[at] - 1];

		if (link->from == from && link->to == to)
			return link;
	}
	return NULL;
}

static int add_link(struct diff_flows *flows, const struct diff_link *link)
{
	struct table *table = &flows->link_table;
	void *links = flows->link;
	int rc = 0;

	if (table->count == table->room) {
		rc = grow(table, &links, sizeof(*link));
		flows->link = links;
		for (uint32_t i = 0; !rc && i < table->count; i++)
			put(table, link_hash(flows->link[i].from, flows->link[i].to), i);
	}
	if (rc)
		return rc;
	flows->link[table->count] = *link;
	put(table, link_hash(link->from, link->to), table->count++);
	return 0;
}

int diff_flows_learn(struct diff_flows *flows, uint32_t from, uint32_t to, uint32_t before,
		     uint32_t after, int64_t after_ns)
{
	struct flow_entry *before_entry = &flows->entry[DIFF_BEFORE][from];
	struct flow_entry *after_entry = &flows->entry[DIFF_AFTER][to];
	struct diff_link *link = find_link(flows, from, to);
	uint32_t count = link ? ++link->count : 1;

	if (count >= before_entry->best_count) {
		before_entry->best = to;
		before_entry->best_count = count;
	}
	if (count >= after_entry->best_count) {
		after_entry->best = from;
		after_entry->best_count = count;
	}
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
	const struct flow_entry *before = &flows->entry[DIFF_BEFORE][from];
	const struct flow_entry *after = &flows->entry[DIFF_AFTER][to];

	if (before->best == to)
		return 3;
	if (diff_flow_equal(&before->flow, &after->flow))
		return 2;
	return before->best == DIFF_FLOW_NONE && after->best == DIFF_FLOW_NONE;
}

static struct packet_flow turned(const struct packet_flow *flow)
{
	struct packet_flow other = *flow;

	other.src_port = flow->dst_port;
	other.dst_port = flow->src_port;
	memcpy(other.src, flow->dst, sizeof(other.src));
	memcpy(other.dst, flow->src, sizeof(other.dst));
	return other;
}

bool diff_flows_expected(const struct diff_flows *flows, uint32_t from,
			 struct packet_flow *ret_flow)
{
	const struct flow_entry *entry = &flows->entry[DIFF_BEFORE][from];
	const struct flow_entry *after = flows->entry[DIFF_AFTER];
	struct packet_flow back;
	uint32_t other;

	if (entry->best != DIFF_FLOW_NONE) {
		*ret_flow = after[entry->best].flow;
		return true;
	}
	back = turned(&entry->flow);
	other = find_flow(flows, DIFF_BEFORE, &back);
	if (other != DIFF_FLOW_NONE && flows->entry[DIFF_BEFORE][other].best != DIFF_FLOW_NONE) {
		*ret_flow = turned(&after[flows->entry[DIFF_BEFORE][other].best].flow);
		return true;
	}
	*ret_flow = entry->flow;
	return false;
}

uint32_t diff_flows_become(const struct diff_flows *flows, uint32_t from)
{
	struct packet_flow expected;

	diff_flows_expected(flows, from, &expected);
	return find_flow(flows, DIFF_AFTER, &expected);
}

static bool is_stray(const struct diff_flows *flows, const struct diff_link *link)
{
	const struct flow_entry *from = &flows->entry[DIFF_BEFORE][link->from];
	const struct flow_entry *to = &flows->entry[DIFF_AFTER][link->to];
	const struct diff_link *others;

	if (link->count != 1 || to->packets != 1 || from->best == link->to ||
	    from->best_count < STRAY_OTHERS_MIN ||
	    find_flow(flows, DIFF_BEFORE, &to->flow) != DIFF_FLOW_NONE ||
	    diff_flow_bits(&flows->entry[DIFF_AFTER][from->best].flow, &to->flow) > STRAY_BITS_MAX)
		return false;
	others = find_link(flows, link->from, from->best);
	return others && others->first < link->first && others->last > link->first;
}

const struct diff_link *diff_flows_stray(const struct diff_flows *flows, uint32_t *at)
{
	while (*at < flows->link_table.count) {
		const struct diff_link *link = &flows->link[(*at)++];

		if (is_stray(flows, link))
			return link;
	}
	return NULL;
}
