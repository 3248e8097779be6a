// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares two captures: see diff.h.
 *
 * 1. Every packet of `before` is indexed by a hash of what a hop leaves alone (view.c). Every
 *    packet of `after` is looked up there, and each packet is used once. The pairs of equal packets
 *    tell which flow became which (flow.c).
 * 2. Packets without an equal are compared by TCP stream, and by how near they are (left.c).
 *
 * In step 1 only the packets of `before` cost memory, some 70 bytes each; step 2 needs a few
 * hundred bytes for each packet that is left. Bytes of a mapped capture stay where they are. If
 * `after` is a stream, step 1 keeps the bytes of its packets that are left; if `before` is one, it
 * is read a second time to keep those of its packets that are left. Both together keep up to
 * KEEP_MAX; packets beyond that count as lost or new, and as not compared.
 *
 * Nothing outside the innermost IP packet is compared. A field that hops may rewrite is compared
 * only if a checksum says that it is wrong. Fragments are packets of their own: a hop that
 * fragments or reassembles makes lost and new ones, and so does one that cuts or merges UDP (GSO,
 * GRO).
 */
#include "diff/diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "diff/left.h"
#include "diff/multimap.h"
#include "pcap/pass.h"

#define KEEP_MAX ((size_t)512 << 20)
#define BLOCK ((size_t)1 << 20)
#define FIT_WALK 16 /* equal packets that are tried; the one whose flow fits best is taken */
#define AHEAD 16 /* packets whose index entries are fetched from memory before they are needed */
#define PACKETS_MAX (UINT32_MAX - 1)

/* A packet of `after` that waits for its look-up. */
struct waiting {
	struct diff_packet packet;
	uint64_t hash;
};

/* Bytes of packets that are kept. */
struct block {
	struct block *next;
	size_t used, size;
	uint8_t bytes[];
};

struct comparison {
	struct diff_work work;
	struct capture *capture[DIFF_SIDES];
	uint64_t *hash; /* of the packets of `before`, until they are indexed */
	size_t hash_room;
	struct multimap *index;
	struct waiting waiting[AHEAD];
	size_t waiting_count;
	struct block *kept;
	size_t kept_bytes;
};

static void comparison_cleanup(struct comparison *comparison)
{
	struct diff_work *work = &comparison->work;

	for (struct block *block = comparison->kept, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(comparison->hash);
	multimap_free(comparison->index);
	diff_flows_free(&work->flows);
	free(work->before.packet);
	free(work->after.packet);
	free(work->left);
	free(work->suspects);
}

static int memory_short(int rc)
{
	return rc == -ENOMEM ? fail(rc, "not enough memory to compare the captures") : rc;
}

/* A copy that lives as long as the comparison; NULL if KEEP_MAX is reached or memory is short. */
static const uint8_t *keep_bytes(struct comparison *comparison, const uint8_t *data, size_t len)
{
	struct block *block = comparison->kept;
	uint8_t *copy;

	if (comparison->kept_bytes + len > KEEP_MAX)
		return NULL;
	if (!block || block->size - block->used < len) {
		size_t size = len > BLOCK ? len : BLOCK;

		block = malloc(sizeof(*block) + size);
		if (!block)
			return NULL;
		*block = (struct block){ .next = comparison->kept, .size = size };
		comparison->kept = block;
	}
	copy = block->bytes + block->used;
	memcpy(copy, data, len);
	block->used += len;
	comparison->kept_bytes += len;
	return copy;
}

static int add_packet(struct diff_list *list, const struct diff_packet *packet)
{
	if (list->count == list->room && ARRAY_RESERVE(list->packet, list->room, list->count + 1))
		return -ENOMEM;
	list->packet[list->count++] = *packet;
	return 0;
}

/* ---- Reading ---- */

/* Shows the packets of a capture to visit(), up to where it breaks off if it does. */
static int read_packets(struct comparison *comparison, enum diff_side side,
			int (*visit)(void *comparison, const struct pass_packet *packet))
{
	struct diff *diff = comparison->work.diff;
	struct diff_broken *broken =
		side == DIFF_BEFORE ? &diff->broken_before : &diff->broken_after;
	const struct pass_visitor visitor = { .visit = visit, .owner = comparison };
	const struct pass pass = { .depth = PASS_PACKETS,
				   .visitors = &visitor,
				   .visitor_count = 1 };
	struct pass_end end;
	int rc = pass_run(comparison->capture[side], &pass, &end);

	if (rc)
		return rc;
	if (end.broken && end.broken != -EBADMSG)
		return fail_errno(end.broken, "cannot read %s: %s",
				  capture_name(comparison->capture[side]),
				  *end.broken_why ? end.broken_why : "error");
	broken->at = end.broken_at;
	snprintf(broken->why, sizeof(broken->why), "%s", end.broken_why);
	return 0;
}

/* Fills a packet and its view from what the pass shows. */
static int view_packet(struct comparison *comparison, enum diff_side side,
		       const struct pass_packet *shown, struct diff_packet *ret_packet,
		       struct diff_view *ret_view)
{
	const struct record *record = &shown->record;

	if (shown->frame > PACKETS_MAX)
		return fail(-EFBIG, "%s has too many packets to compare",
			    capture_name(comparison->capture[side]));
	*ret_packet = (struct diff_packet){
		.data = record->data,
		.time_ns = record->time_ns,
		.captured = record->captured,
		.len = record->len,
		.link = record->link > UINT16_MAX ? UINT16_MAX : (uint16_t)record->link,
	};
	diff_view_of(ret_packet, &shown->judgement, ret_view);
	ret_packet->ip_bad = ret_view->ip.verdict == SUM_BAD;
	ret_packet->sum_bad = ret_view->sum.verdict == SUM_BAD;
	return memory_short(
		diff_flows_add(&comparison->work.flows, side, &ret_view->flow, &ret_packet->flow));
}

static int add_before(void *owner, const struct pass_packet *shown)
{
	struct comparison *comparison = owner;
	struct diff_list *before = &comparison->work.before;
	struct diff_packet packet;
	struct diff_view view;
	int rc = view_packet(comparison, DIFF_BEFORE, shown, &packet, &view);

	if (rc)
		return rc;
	if (!capture_mapped(comparison->capture[DIFF_BEFORE]))
		packet.data = NULL;
	if (add_packet(before, &packet) ||
	    (comparison->hash_room < before->count &&
	     ARRAY_RESERVE(comparison->hash, comparison->hash_room, before->room)))
		return memory_short(-ENOMEM);
	comparison->hash[before->count - 1] = diff_view_hash(&view);
	return 0;
}

static int make_index(struct comparison *comparison)
{
	const size_t count = comparison->work.before.count;
	int rc = multimap_new(count, &comparison->index);

	for (size_t i = count; !rc && i-- > 0;) {
		if (i >= 2 * AHEAD)
			multimap_prefetch(comparison->index, comparison->hash[i - 2 * AHEAD],
					  false);
		if (i >= AHEAD)
			multimap_prefetch(comparison->index, comparison->hash[i - AHEAD], true);
		multimap_push(comparison->index, comparison->hash[i], (uint32_t)i);
	}
	free(TAKE_PTR(comparison->hash));
	return memory_short(rc);
}

/* ---- Equal packets ---- */

/* Removes the packet with this hash whose flow fits best from the index; false: there is none. */
static bool take_equal(struct comparison *comparison, uint64_t hash, uint32_t flow,
		       uint32_t *ret_before)
{
	const struct diff_work *work = &comparison->work;
	struct multimap_walk walk = { 0 }, best;
	unsigned int best_fit = 0;

	if (!multimap_next(comparison->index, hash, &walk))
		return false;
	best = walk;
	for (unsigned int i = 0; i < FIT_WALK && best_fit < 3; i++) {
		uint32_t from = work->before.packet[walk.number].flow;
		unsigned int fit = diff_flows_fit(&work->flows, from, flow);

		if (fit > best_fit) {
			best = walk;
			best_fit = fit;
		}
		if (!multimap_next(comparison->index, hash, &walk))
			break;
	}
	*ret_before = best.number;
	multimap_remove(comparison->index, &best);
	return true;
}

/* Keeps a packet of `after` for step 2. */
static int leave_after(struct comparison *comparison, const struct diff_packet *packet)
{
	struct diff_packet left = *packet;

	if (!capture_mapped(comparison->capture[DIFF_AFTER]))
		left.data = keep_bytes(comparison, packet->data, packet->captured);
	return add_packet(&comparison->work.after, &left);
}

static int add_suspect(struct comparison *comparison, struct diff_packet *packet, uint32_t before)
{
	struct diff_work *work = &comparison->work;
	struct diff_suspect *suspect;
	int rc;

	packet->done = true;
	rc = leave_after(comparison, packet);
	if (rc)
		return rc;
	suspect = ARRAY_ADD(work->suspects, work->suspect_count);
	if (!suspect)
		return -ENOMEM;
	*suspect =
		(struct diff_suspect){ .before = before, .after = (uint32_t)work->after.count - 1 };
	return 0;
}

static int match_packet(struct comparison *comparison, struct waiting *waiting)
{
	struct diff_work *work = &comparison->work;
	struct diff_packet *packet = &waiting->packet, *equal;
	uint32_t before;

	if (!take_equal(comparison, waiting->hash, packet->flow, &before))
		return leave_after(comparison, packet);
	equal = &work->before.packet[before];
	equal->match = packet->number + 1;
	if ((packet->ip_bad && !equal->ip_bad) || (packet->sum_bad && !equal->sum_bad))
		return add_suspect(comparison, packet, before);
	work->diff->same++;
	work->diff->translated += equal->flow != packet->flow;
	return diff_flows_learn(&work->flows, equal->flow, packet->flow, before, packet->number,
				packet->time_ns);
}

static int match_waiting(struct comparison *comparison)
{
	int rc = 0;

	for (size_t i = 0; i < comparison->waiting_count; i++)
		multimap_prefetch(comparison->index, comparison->waiting[i].hash, true);
	for (size_t i = 0; !rc && i < comparison->waiting_count; i++)
		rc = match_packet(comparison, &comparison->waiting[i]);
	comparison->waiting_count = 0;
	return rc;
}

static int add_after(void *owner, const struct pass_packet *shown)
{
	struct comparison *comparison = owner;
	struct waiting *waiting = &comparison->waiting[comparison->waiting_count];
	struct diff_view view;
	int rc = view_packet(comparison, DIFF_AFTER, shown, &waiting->packet, &view);

	if (rc)
		return rc;
	comparison->waiting_count++;
	waiting->packet.number = (uint32_t)comparison->work.diff->packets_after++;
	waiting->hash = diff_view_hash(&view);
	multimap_prefetch(comparison->index, waiting->hash, false);
	/* The bytes of a stream's packet are gone when the next one is read. */
	if (comparison->waiting_count == AHEAD || !capture_mapped(comparison->capture[DIFF_AFTER]))
		rc = memory_short(match_waiting(comparison));
	return rc;
}

/* ---- What is left ---- */

/* Lists the packets of `before` that have no equal, with the matched packets around them. */
static int list_left(struct diff_work *work)
{
	const struct diff_list *before = &work->before;
	uint32_t near = 0;
	size_t count = 0;

	for (size_t i = 0; i < before->count; i++)
		count += !before->packet[i].match;
	work->left = malloc((count + 1) * sizeof(*work->left));
	if (!work->left)
		return -ENOMEM;
	work->left_count = count;
	count = 0;
	for (size_t i = 0; i < before->count; i++) {
		if (before->packet[i].match)
			near = before->packet[i].match;
		else
			work->left[count++] =
				(struct diff_left){ .packet = (uint32_t)i, .previous = near };
	}
	near = 0;
	for (size_t i = before->count; i-- > 0;) {
		if (before->packet[i].match)
			near = before->packet[i].match;
		else
			work->left[--count].next = near;
	}
	return 0;
}

static int by_before(const void *a, const void *b)
{
	const struct diff_suspect *one = a, *other = b;

	return (one->before > other->before) - (one->before < other->before);
}

/* The second reading of `before`, if that is a stream. */
struct second_reading {
	struct comparison *comparison;
	size_t left, suspect; /* the next ones */
};

/* Keeps the bytes of a packet that is left, or a suspect. */
static int keep_needed(void *owner, const struct pass_packet *shown)
{
	struct second_reading *reading = owner;
	struct diff_work *work = &reading->comparison->work;
	const size_t number = shown->frame - 1;
	const bool left =
		reading->left < work->left_count && work->left[reading->left].packet == number;
	const bool suspect = reading->suspect < work->suspect_count &&
			     work->suspects[reading->suspect].before == number;

	reading->left += left;
	reading->suspect += suspect;
	if (left || suspect)
		work->before.packet[number].data =
			keep_bytes(reading->comparison, shown->record.data, shown->record.captured);
	return reading->left == work->left_count && reading->suspect == work->suspect_count
		       ? PASS_STOP
		       : 0;
}

static int keep_before(struct comparison *comparison)
{
	struct diff_work *work = &comparison->work;
	struct second_reading reading = { .comparison = comparison };
	const struct pass_visitor visitor = { .visit = keep_needed, .owner = &reading };
	const struct pass pass = { .depth = PASS_RECORDS,
				   .visitors = &visitor,
				   .visitor_count = 1 };
	struct pass_end end;

	if (capture_mapped(comparison->capture[DIFF_BEFORE]) ||
	    !(work->left_count || work->suspect_count))
		return 0;
	if (work->suspect_count > 1)
		qsort(work->suspects, work->suspect_count, sizeof(*work->suspects), by_before);
	return pass_run(comparison->capture[DIFF_BEFORE], &pass, &end);
}

static int compare_captures(struct comparison *comparison)
{
	struct diff_work *work = &comparison->work;
	int rc = read_packets(comparison, DIFF_BEFORE, add_before);

	if (rc)
		return rc;
	work->diff->packets_before = work->before.count;
	rc = make_index(comparison);
	if (!rc)
		rc = read_packets(comparison, DIFF_AFTER, add_after);
	if (!rc)
		rc = memory_short(match_waiting(comparison));
	if (rc)
		return rc;
	multimap_free(TAKE_PTR(comparison->index));
	rc = memory_short(list_left(work));
	if (!rc)
		rc = keep_before(comparison);
	return rc ? rc : memory_short(diff_left_judge(work));
}

int diff_captures(struct capture *before, struct capture *after, struct diff *ret_diff)
{
	_cleanup_(diff_cleanup) struct diff diff = { 0 };
	_cleanup_(comparison_cleanup) struct comparison comparison = {
		.work.diff = &diff,
		.capture = { [DIFF_BEFORE] = before, [DIFF_AFTER] = after },
	};
	int rc = compare_captures(&comparison);

	if (rc)
		return rc;
	*ret_diff = diff;
	diff.changes = NULL;
	return 0;
}

void diff_cleanup(struct diff *diff)
{
	free(diff->changes);
	diff->changes = NULL;
	diff->change_count = 0;
}
