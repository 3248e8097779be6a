// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds what packets were before they were damaged: see diff_near.h. Damage leaves some part of a packet
 * alone. So every packet before is put under several keys that do not depend on each other (its place
 * in the stream, its identification, either half of its payload, its tail, its flow), a packet after
 * is looked up under all of them, and of those found the one with the fewest flips is taken, if the
 * evidence is enough. Packets for which there is strong evidence choose first. Where the captures have
 * little to do with each other, less and less is tried.
 */
#include "diff/near.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "diff/multimap.h"

#define WALK_MAX 16 /* packets looked at under one key */
#define WALK_POOR 2 /* ... when nearly all was in vain so far */
#define CREDIT 1000000 /* packets looked at before that is said */
#define CREDIT_PAIR 512 /* and more for each pair that was found */
#define PLACE_SLACK 1024 /* packets by which places may be wrong: reordering, loss */
#define PLACE_NEAR 256
#define HALF_MIN 4 /* bytes of payload in a half that say something */
#define TAIL 32
#define START 16

enum near_key {
	KEY_SEQ,
	KEY_ID,
	KEY_START,
	KEY_FIRST_HALF,
	KEY_SECOND_HALF,
	KEY_TAIL,
	KEY_FLOW,
	KEYS
};

struct near {
	struct diff_work *work;
	struct multimap *map;
	struct diff_view after;
	uint32_t number; /* of it, in the capture */
	struct diff_view before, best_before;
	struct diff_pair best;
	size_t best_left;
	uint32_t tried[KEYS * WALK_MAX];
	size_t tried_count;
	int64_t credit;
	bool sure; /* only strong evidence counts in this round */
};

static uint64_t key_of(enum near_key kind, uint64_t a, uint64_t b)
{
	const uint64_t both[2] = { a, b };

	return diff_hash(kind + 1, both, sizeof(both));
}

static uint64_t key_of_bytes(enum near_key kind, uint64_t a, const uint8_t *data, size_t len)
{
	return diff_hash(diff_hash(kind + 1, &a, sizeof(a)), data, len);
}

/* The last bytes of the frame but for what it may have been filled up with; the headers do not count. */
static bool tail_key(const struct diff_view *view, uint64_t *ret_key)
{
	uint32_t end = view->captured;

	if (view->captured < view->len)
		return false;
	while (end > view->network && !view->data[end - 1])
		end--;
	if (end - view->network < TAIL)
		return false;
	*ret_key = key_of_bytes(KEY_TAIL, 0, view->data + end - TAIL, TAIL);
	return true;
}

/* The view's keys, with `flow` as its flow; returns a bit for each that it has. */
static unsigned int keys_of(const struct diff_view *view, const struct packet_flow *flow,
			    uint64_t keys[KEYS])
{
	const uint32_t len = diff_view_payload_len(view), full = diff_view_payload_full(view);
	const uint64_t hash = diff_flow_hash(flow), kind = (uint64_t)flow->proto << 32 | full;
	const uint8_t *payload = view->data + view->payload;
	unsigned int has = 1u << KEY_FLOW;

	keys[KEY_FLOW] = key_of(KEY_FLOW, hash, (uint64_t)view->start << 32 | full);
	if (flow->proto == IPPROTO_TCP && !view->fragment && full) {
		keys[KEY_SEQ] = key_of(KEY_SEQ, 0, (uint64_t)view->seq << 32 | full);
		has = 1u << KEY_SEQ;
	}
	if (len >= START) {
		keys[KEY_START] = key_of_bytes(KEY_START, kind, payload, START);
		has |= 1u << KEY_START;
	}
	if (view->id) {
		keys[KEY_ID] = key_of(KEY_ID, view->id, kind ^ view->start);
		has |= 1u << KEY_ID;
	}
	if (len == full && len >= 2 * HALF_MIN) {
		keys[KEY_FIRST_HALF] = key_of_bytes(KEY_FIRST_HALF, kind, payload, len / 2);
		keys[KEY_SECOND_HALF] =
			key_of_bytes(KEY_SECOND_HALF, kind, payload + len / 2, len - len / 2);
		has |= 1u << KEY_FIRST_HALF | 1u << KEY_SECOND_HALF;
	}
	if (tail_key(view, &keys[KEY_TAIL]))
		has |= 1u << KEY_TAIL;
	return has;
}

static int index_left(struct near *near)
{
	struct diff_work *work = near->work;
	int rc = multimap_new(work->left_count * KEYS, &near->map);

	for (size_t i = work->left_count; !rc && i-- > 0;) {
		const struct diff_packet *packet = &work->before.packet[work->left[i].packet];
		struct packet_flow expected;
		uint64_t keys[KEYS];
		unsigned int has;

		if (packet->done || !packet->data)
			continue;
		diff_view_of(packet, &near->before);
		diff_flows_expected(work->flows, packet->flow, &expected);
		has = keys_of(&near->before, &expected, keys);
		for (unsigned int kind = 0; kind < KEYS; kind++)
			if (has & 1u << kind)
				multimap_push(near->map, keys[kind], (uint32_t)i);
	}
	return rc;
}

/* What the places of the two say for their being the same packet. */
static unsigned int place_of(const struct diff_left *left, uint32_t number)
{
	const int64_t at = (int64_t)number + 1, previous = left->previous, next = left->next;

	if (!previous && !next)
		return 0;
	if (previous && next && previous < at && at < next && next - previous <= PLACE_NEAR)
		return DIFF_EVIDENCE_NEAR;
	if ((previous && at < previous - PLACE_SLACK) || (next && at > next + PLACE_SLACK))
		return 0;
	return DIFF_EVIDENCE_PLACE;
}

static bool was_tried(struct near *near, uint32_t left)
{
	for (size_t i = 0; i < near->tried_count; i++)
		if (near->tried[i] == left)
			return true;
	near->tried[near->tried_count++] = left;
	return false;
}

static bool is_better(const struct diff_pair *pair, const struct diff_pair *best)
{
	if (!best->before)
		return true;
	if (pair->delta.bits != best->delta.bits)
		return pair->delta.bits < best->delta.bits;
	return pair->evidence > best->evidence;
}

static void try_left(struct near *near, uint32_t number)
{
	const struct diff_left *left = &near->work->left[number];
	const struct diff_packet *packet = &near->work->before.packet[left->packet];
	struct diff_pair pair = { .before = &near->before, .after = &near->after };

	if (was_tried(near, number))
		return;
	diff_view_of(packet, &near->before);
	diff_flows_expected(near->work->flows, packet->flow, &pair.expected);
	pair.position = place_of(left, near->number);
	if (!diff_pair_compare(&pair) || !diff_pair_accept(&pair) ||
	    (near->sure && pair.evidence < DIFF_EVIDENCE_SURE) || !is_better(&pair, &near->best))
		return;
	near->best_before = near->before;
	near->best = pair;
	near->best.before = &near->best_before;
	near->best_left = number;
}

/* Whether all that comes from now on is too late for this packet, so that it need not be met again. */
static bool is_past(const struct near *near, uint32_t number)
{
	const struct diff_left *left = &near->work->left[number];

	return left->next && near->number > left->next + 4 * PLACE_SLACK;
}

static void try_key(struct near *near, enum near_key kind, uint64_t key)
{
	const struct diff_work *work = near->work;
	struct multimap_walk walk;
	bool more = multimap_first(near->map, key, &walk);

	for (int i = 0; more && i < (near->credit > 0 ? WALK_MAX : WALK_POOR);) {
		uint32_t number = multimap_number(near->map, &walk);

		if (work->before.packet[work->left[number].packet].done ||
		    (kind == KEY_FLOW && !near->sure && is_past(near, number))) {
			more = multimap_remove(near->map, &walk);
			continue;
		}
		try_left(near, number);
		near->credit--;
		more = multimap_next(near->map, &walk);
		i++;
	}
}

static int pair_up(struct near *near, struct diff_packet *packet)
{
	struct diff_work *work = near->work;
	uint32_t before;
	uint64_t keys[KEYS];
	unsigned int has;

	diff_view_of(packet, &near->after);
	near->number = packet->number;
	near->tried_count = 0;
	near->best = (struct diff_pair){ .before = NULL };
	has = keys_of(&near->after, &near->after.flow, keys);
	for (unsigned int kind = 0; kind < KEYS; kind++)
		if (has & 1u << kind)
			try_key(near, kind, keys[kind]);
	if (!near->best.before)
		return 0;

	before = work->left[near->best_left].packet;
	packet->done = work->before.packet[before].done = true;
	near->credit += CREDIT_PAIR;
	if (near->best.delta.bits)
		return diff_work_pair(work, &near->best, before, packet);
	diff_work_same(work, &near->best_before.flow, &near->after.flow);
	return diff_flows_learn(work->flows, work->before.packet[before].flow, packet->flow, before,
				packet->number, packet->time_ns);
}

static void near_cleanup(struct near *near)
{
	multimap_free(near->map);
}

int diff_near(struct diff_work *work)
{
	_cleanup_(near_cleanup) struct near near = { .work = work, .credit = CREDIT };
	int rc = index_left(&near);

	for (unsigned int round = 0; !rc && round < 2; round++) {
		near.sure = round == 0;
		for (size_t i = 0; !rc && i < work->after.count; i++) {
			struct diff_packet *packet = &work->after.packet[i];

			if (!packet->done && packet->data)
				rc = pair_up(&near, packet);
		}
	}
	return rc;
}
