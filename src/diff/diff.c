// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares two captures: see diff.h. In steps, each of which takes what the one before could not tell:
 *
 * 1. Every packet before is put under a hash of what a hop leaves alone (diff_view.c), every packet after
 *    looked up there; each is used once. Which flow became which is learned on the way (diff_flow.c).
 *    An equal packet whose checksum has gone bad was changed in what is not compared.
 * 2. TCP that was cut or merged is compared by its streams (diff_stream.c).
 * 3. What is left is paired by how near it is (diff_near.c): changed packets.
 * 4. What is left still of before is lost, of after new.
 *
 * Only the packets before cost memory in step 1, some 70 bytes each; later steps need a few hundred for each
 * packet that is left. A mapped capture's bytes are read where they are. Of one that comes as a stream
 * those of left packets are kept, up to KEEP_MAX for both: what is more counts as lost or new, and as not
 * compared.
 *
 * Outside the innermost IP packet nothing is compared, and neither is what a hop may rewrite unless a
 * checksum says that it is wrong. Fragments are packets of their own: a hop that fragments or reassembles
 * gives lost and new ones, as does one that cuts UDP (GSO, GRO).
 */
#include "diff/diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "diff/near.h"
#include "diff/stream.h"
#include "diff/work.h"
#include "diff/multimap.h"
#include "pcap/reader.h"

#define KEEP_MAX ((size_t)512 << 20)
#define BLOCK ((size_t)1 << 20)
#define FIT_WALK 16 /* equal packets among which that of the fitting flow is looked for */
#define AHEAD 16 /* packets whose index entries are fetched from memory before they are needed */
#define PACKETS_MAX (UINT32_MAX - 1)

/* An equal packet whose checksum has gone bad. */
struct suspect {
	uint32_t before, after; /* in work.before, work.after */
};

/* A packet after that is to be looked up. */
struct waiting {
	struct diff_packet packet;
	uint64_t hash;
};

struct block {
	struct block *next;
	size_t used, size;
	uint8_t bytes[];
};

struct comparison {
	struct diff_work work;
	struct capture *capture[DIFF_SIDES];
	uint64_t *hash; /* of the packets before, until they are indexed */
	size_t hash_room;
	struct multimap *index;
	struct waiting waiting[AHEAD];
	size_t waiting_count;
	struct suspect *suspect;
	size_t suspect_count, suspect_room;
	struct block *kept;
	size_t kept_bytes;
};

static void comparison_cleanup(struct comparison *comparison)
{
	for (struct block *block = comparison->kept, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(comparison->hash);
	free(comparison->suspect);
	multimap_free(comparison->index);
	diff_work_cleanup(&comparison->work);
}

static int no_memory(int rc)
{
	return rc == -ENOMEM ? fail(rc, "not enough memory to compare the captures") : rc;
}

/* A copy that lives as long as the comparison; NULL where too much is kept already. */
static const uint8_t *keep(struct comparison *comparison, const uint8_t *data, size_t len)
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

/* ---- Reading ----------------------------------------------------------------------------------------- */

typedef int (*packet_fn)(struct comparison *comparison, struct diff_packet *packet);

static struct diff_packet packet_of(const struct record *record)
{
	return (struct diff_packet){ .data = record->data,
				     .time_ns = record->time_ns,
				     .captured = record->captured,
				     .len = record->len,
				     .link = record->link > UINT16_MAX ? UINT16_MAX
								       : (uint16_t)record->link };
}

/* Hands on every packet of the capture; where it is broken, those before that. */
static int read_packets(struct comparison *comparison, enum diff_side side, packet_fn fn)
{
	struct diff *diff = comparison->work.diff;
	struct capture *capture = comparison->capture[side];
	const char **broken = side == DIFF_BEFORE ? &diff->broken_before : &diff->broken_after;
	uint64_t *at = side == DIFF_BEFORE ? &diff->broken_before_at : &diff->broken_after_at;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	uint64_t count = 0;
	int rc = reader_new(capture, &reader), more = 1;

	while (!rc && more > 0) {
		struct diff_packet packet;
		struct record record;

		more = reader_next(reader, &record);
		if (more <= 0)
			break;
		if (count++ == PACKETS_MAX)
			return fail(-EFBIG, "%s has too many packets to compare",
				    capture_name(capture));
		packet = packet_of(&record);
		rc = fn(comparison, &packet);
	}
	if (rc)
		return no_memory(rc);
	*broken = reader_broken(reader, at);
	if (more < 0 && more != -EBADMSG)
		return fail_errno(more, "cannot read %s: %s", capture_name(capture),
				  *broken ? *broken : "error");
	return 0;
}

static int look(struct comparison *comparison, enum diff_side side, struct diff_packet *packet,
		struct diff_view *ret_view)
{
	diff_view_of(packet, ret_view);
	packet->ip_bad = ret_view->ip.verdict == SUM_BAD;
	packet->sum_bad = ret_view->sum.verdict == SUM_BAD;
	return diff_flows_number(comparison->work.flows, side, &ret_view->flow, &packet->flow);
}

static int add_before(struct comparison *comparison, struct diff_packet *packet)
{
	struct diff_list *before = &comparison->work.before;
	struct diff_view view;
	int rc = look(comparison, DIFF_BEFORE, packet, &view);

	if (!capture_mapped(comparison->capture[DIFF_BEFORE]))
		packet->data = NULL;
	if (!rc)
		rc = diff_list_add(before, packet);
	if (rc)
		return rc;
	if (comparison->hash_room < before->room) {
		uint64_t *bigger = realloc(comparison->hash, before->room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		comparison->hash = bigger;
		comparison->hash_room = before->room;
	}
	comparison->hash[before->count - 1] = diff_view_hash(&view);
	return 0;
}

static int make_index(struct comparison *comparison)
{
	const size_t count = comparison->work.before.count;
	int rc = multimap_new(count, &comparison->index);

	for (size_t i = count; !rc && i-- > 0;) {
		if (i >= 2 * AHEAD)
			multimap_prefetch(comparison->index, comparison->hash[i - 2 * AHEAD]);
		if (i >= AHEAD)
			multimap_prefetch_entry(comparison->index, comparison->hash[i - AHEAD]);
		multimap_push(comparison->index, comparison->hash[i], (uint32_t)i);
	}
	free(TAKE_PTR(comparison->hash));
	return no_memory(rc);
}

/* Takes the packet before with this hash out whose flow fits best; false where there is none. */
static bool take_equal(struct comparison *comparison, uint64_t hash, uint32_t flow,
		       uint32_t *ret_before)
{
	const struct diff_work *work = &comparison->work;
	struct multimap_walk walk, best;
	unsigned int best_fit = 0;
	bool more = multimap_first(comparison->index, hash, &walk);

	if (!more)
		return false;
	best = walk;
	for (unsigned int i = 0; more && i < FIT_WALK && best_fit < 3; i++) {
		uint32_t from = work->before.packet[multimap_number(comparison->index, &walk)].flow;
		unsigned int fit = diff_flows_fit(work->flows, from, flow);

		if (fit > best_fit) {
			best = walk;
			best_fit = fit;
		}
		more = multimap_next(comparison->index, &walk);
	}
	*ret_before = multimap_number(comparison->index, &best);
	multimap_remove(comparison->index, &best);
	return true;
}

/* Keeps a packet after for the later steps. */
static int leave_after(struct comparison *comparison, const struct diff_packet *packet)
{
	struct diff_packet left = *packet;

	if (!capture_mapped(comparison->capture[DIFF_AFTER]))
		left.data = keep(comparison, packet->data, packet->captured);
	return diff_list_add(&comparison->work.after, &left);
}

static int add_suspect(struct comparison *comparison, struct diff_packet *packet, uint32_t before)
{
	int rc;

	if (comparison->suspect_count == comparison->suspect_room) {
		size_t room = comparison->suspect_room ? 2 * comparison->suspect_room : 64;
		struct suspect *bigger = realloc(comparison->suspect, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		comparison->suspect = bigger;
		comparison->suspect_room = room;
	}
	packet->done = true;
	rc = leave_after(comparison, packet);
	if (!rc)
		comparison->suspect[comparison->suspect_count++] =
			(struct suspect){ .before = before,
					  .after = (uint32_t)comparison->work.after.count - 1 };
	return rc;
}

static int look_up(struct comparison *comparison, struct waiting *waiting)
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
	diff_work_same(work, diff_flows_get(work->flows, DIFF_BEFORE, equal->flow),
		       diff_flows_get(work->flows, DIFF_AFTER, packet->flow));
	return diff_flows_learn(work->flows, equal->flow, packet->flow, before, packet->number,
				packet->time_ns);
}

static int look_up_waiting(struct comparison *comparison)
{
	int rc = 0;

	for (size_t i = 0; i < comparison->waiting_count; i++)
		multimap_prefetch_entry(comparison->index, comparison->waiting[i].hash);
	for (size_t i = 0; !rc && i < comparison->waiting_count; i++)
		rc = look_up(comparison, &comparison->waiting[i]);
	comparison->waiting_count = 0;
	return rc;
}

static int add_after(struct comparison *comparison, struct diff_packet *packet)
{
	struct waiting *waiting = &comparison->waiting[comparison->waiting_count++];
	struct diff_view view;
	int rc = look(comparison, DIFF_AFTER, packet, &view);

	packet->number = (uint32_t)comparison->work.diff->packets_after++;
	*waiting = (struct waiting){ .packet = *packet, .hash = diff_view_hash(&view) };
	multimap_prefetch(comparison->index, waiting->hash);
	/* Of a stream, the packet's bytes are gone with the next. */
	if (!rc && (comparison->waiting_count == AHEAD ||
		    !capture_mapped(comparison->capture[DIFF_AFTER])))
		rc = look_up_waiting(comparison);
	return rc;
}

/* ---- What is left ------------------------------------------------------------------------------------ */

static int by_before(const void *a, const void *b)
{
	const struct suspect *one = a, *other = b;

	return (one->before > other->before) - (one->before < other->before);
}

/* The second reading of a capture that is not mapped: keeps what is needed now. */
struct again {
	size_t packet, left, suspect; /* the next ones */
};

static bool is_needed(const struct comparison *comparison, struct again *again)
{
	const struct diff_work *work = &comparison->work;
	const size_t packet = again->packet;
	bool needed = false;

	if (again->left < work->left_count && work->left[again->left].packet == packet) {
		again->left++;
		needed = true;
	}
	if (again->suspect < comparison->suspect_count &&
	    comparison->suspect[again->suspect].before == packet) {
		again->suspect++;
		needed = true;
	}
	return needed;
}

static int keep_before(struct comparison *comparison)
{
	struct capture *capture = comparison->capture[DIFF_BEFORE];
	struct diff_list *before = &comparison->work.before;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	struct again again = { 0 };
	struct record record;
	int rc;

	if (capture_mapped(capture) || !(comparison->work.left_count || comparison->suspect_count))
		return 0;
	rc = capture_rewind(capture);
	if (!rc)
		rc = reader_new(capture, &reader);
	if (rc)
		return rc;
	if (comparison->suspect_count > 1)
		qsort(comparison->suspect, comparison->suspect_count, sizeof(*comparison->suspect),
		      by_before);
	for (; again.packet < before->count && reader_next(reader, &record) > 0; again.packet++)
		if (is_needed(comparison, &again))
			before->packet[again.packet].data =
				keep(comparison, record.data, record.captured);
	return 0;
}

static int judge_suspect(struct comparison *comparison, const struct suspect *suspect)
{
	struct diff_work *work = &comparison->work;
	const struct diff_packet *before = &work->before.packet[suspect->before];
	const struct diff_packet *after = &work->after.packet[suspect->after];
	struct diff_view before_view, after_view;
	struct diff_pair pair = { .before = &before_view, .after = &after_view };

	if (!before->data || !after->data) {
		work->diff->not_compared++;
		work->diff->lost++;
		work->diff->new ++;
		return 0;
	}
	diff_view_of(before, &before_view);
	diff_view_of(after, &after_view);
	diff_flows_expected(work->flows, before->flow, &pair.expected);
	return diff_work_pair(work, &pair, suspect->before, after);
}

static int judge_left(struct comparison *comparison)
{
	struct diff_work *work = &comparison->work;
	_cleanup_(diff_stream_cleanup) struct diff_stream *stream = NULL;
	int rc = 0;

	for (size_t i = 0; !rc && i < comparison->suspect_count; i++)
		rc = judge_suspect(comparison, &comparison->suspect[i]);
	if (!rc)
		rc = diff_work_strays(work);
	if (!rc)
		rc = diff_stream_new(work, &stream);
	if (!rc)
		rc = diff_stream_equal(stream);
	if (!rc)
		rc = diff_near(work);
	if (!rc)
		rc = diff_stream_changed(stream);
	return no_memory(rc);
}

static void count_left(struct diff_work *work)
{
	struct diff *diff = work->diff;

	for (size_t i = 0; i < work->left_count; i++) {
		const struct diff_packet *packet = &work->before.packet[work->left[i].packet];

		diff->lost += !packet->done;
		diff->not_compared += !packet->done && !packet->data;
	}
	for (size_t i = 0; i < work->after.count; i++) {
		diff->new += !work->after.packet[i].done;
		diff->not_compared += !work->after.packet[i].done && !work->after.packet[i].data;
	}
}

static int compare(struct comparison *comparison)
{
	int rc = no_memory(diff_flows_new(&comparison->work.flows));

	if (!rc)
		rc = read_packets(comparison, DIFF_BEFORE, add_before);
	if (rc)
		return rc;
	comparison->work.diff->packets_before = comparison->work.before.count;
	rc = make_index(comparison);
	if (!rc)
		rc = read_packets(comparison, DIFF_AFTER, add_after);
	if (!rc)
		rc = no_memory(look_up_waiting(comparison));
	if (rc)
		return rc;
	multimap_free(TAKE_PTR(comparison->index));
	rc = no_memory(diff_work_leave(&comparison->work));
	if (!rc)
		rc = keep_before(comparison);
	if (!rc)
		rc = judge_left(comparison);
	if (rc)
		return rc;
	count_left(&comparison->work);
	diff_work_sort(&comparison->work);
	return 0;
}

int diff_captures(struct capture *before, struct capture *after, struct diff *ret_diff)
{
	_cleanup_(diff_cleanup) struct diff diff = { 0 };
	_cleanup_(comparison_cleanup) struct comparison comparison = {
		.work.diff = &diff,
		.capture = { [DIFF_BEFORE] = before, [DIFF_AFTER] = after },
	};
	int rc = compare(&comparison);

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
