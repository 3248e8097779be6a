// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A pass that counts: see scan.h.
 *
 * One thread shows each packet to visit(). Several threads take pieces of the file in turn and list
 * what only makes sense in the order of the capture (damaged packets, fragments); the calling
 * thread merges the pieces in that order. A piece begins at what looks like a record. Whether it is
 * one shows when the piece before ends: if it does not end there, the calling thread reads the
 * piece again from where that one ended. So a wrong guess costs time, never truth. The number of
 * slots bounds how far the threads may be ahead, and with it the memory.
 */
#include "pcap/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/trace.h"
#include "packet/fragments.h"
#include "pcap/lanes.h"
#include "sum/csum.h"

#define PIECE_BYTES (UINT64_C(2) << 20)
#define BATCH 16384 /* packets; see end_batch() */
#define THREADS_MAX 8
#define SLOTS_MAX (THREADS_MAX + 4)
#define DATAGRAMS_MAX 16384 /* that wait for fragments at the same time */
#define COPIES_MAX (UINT64_C(8) << 20)

/* ---- Counting ---- */

static void init_counts(struct scan_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->first_ns = INT64_MAX;
	counts->last_ns = INT64_MIN;
}

static void count_packet(struct scan_counts *counts, const struct pass_packet *packet)
{
	const struct record *record = &packet->record;

	counts->packets++;
	counts->bytes += record->captured;
	if (!packet->link_known && !counts->link_unknown++)
		counts->link = record->link;
	if (record->time_ns == INT64_MIN)
		return;
	if (record->time_ns < counts->first_ns)
		counts->first_ns = record->time_ns;
	if (record->time_ns > counts->last_ns)
		counts->last_ns = record->time_ns;
}

static bool has_layer(const struct packet_judgement *judgement, enum sum_verdict verdict)
{
	for (unsigned int i = 0; i < judgement->layer_count; i++)
		if (judgement->layer[i].verdict == verdict)
			return true;
	return false;
}

static void note_sender(struct scan_senders *senders, const struct packet_flow *flow)
{
	struct packet_flow *sender = senders->sender;

	for (uint32_t i = senders->count; i-- > 0;)
		if (!memcmp(sender[i].src, flow->src, sizeof(flow->src)) &&
		    sender[i].family == flow->family)
			return;
	if (senders->count == SCAN_SENDERS) {
		senders->more = true;
		return;
	}
	sender += senders->count++;
	*sender = (struct packet_flow){ .family = flow->family };
	memcpy(sender->src, flow->src, sizeof(sender->src));
}

static void count_unjudged(struct scan_counts *counts, const struct packet_judgement *judgement)
{
	if (judgement->verdict == SUM_UNKNOWN)
		counts->unknown[pass_unknown_reason(judgement)]++;
	else if (judgement->verdict == SUM_TRUNCATED)
		counts->truncated++;
}

/* Counts a packet that is not notable: most are not. */
static inline void count_plain(struct scan_counts *counts, const struct packet_judgement *judgement)
{
	for (unsigned int i = 0; i < judgement->layer_count; i++)
		counts->layer[judgement->layer[i].kind][judgement->layer[i].verdict]++;
	count_unjudged(counts, judgement);
}

/* Counts layers, and whether the packet could be judged; not `whole`: a fragment that waits. */
static void count_notable(struct scan_counts *counts, const struct packet_judgement *judgement,
			  bool whole)
{
	for (unsigned int i = 0; i < judgement->layer_count; i++) {
		const struct packet_layer *layer = &judgement->layer[i];

		if (whole || layer->verdict != SUM_UNKNOWN || layer->reason != REASON_FRAGMENT)
			counts->layer[layer->kind][layer->verdict]++;
	}
	if (whole)
		count_unjudged(counts, judgement);
	if (judgement->closed)
		counts->closed[judgement->closed]++;
	if (judgement->unsummed)
		counts->unsummed[judgement->unsummed]++;
	counts->no_length += judgement->no_length;
	if (whole && judgement->verdict == SUM_UNFINISHED) {
		counts->unfinished++;
		note_sender(&counts->senders, &judgement->flow);
	}
	counts->illegal += has_layer(judgement, SUM_ILLEGAL_NONE);
}

static void add_counts(struct scan_counts *to, const struct scan_counts *from)
{
	to->packets += from->packets;
	to->bytes += from->bytes;
	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++)
		for (unsigned int verdict = 0; verdict < SUM_VERDICTS; verdict++)
			to->layer[kind][verdict] += from->layer[kind][verdict];
	for (unsigned int reason = 0; reason < SUM_REASONS; reason++)
		to->unknown[reason] += from->unknown[reason];
	to->truncated += from->truncated;
	to->unfinished += from->unfinished;
	to->illegal += from->illegal;
	for (uint32_t i = 0; i < from->senders.count; i++)
		note_sender(&to->senders, &from->senders.sender[i]);
	to->senders.more |= from->senders.more;
	to->no_length += from->no_length;
	for (unsigned int cargo = 0; cargo < CARGO_KINDS; cargo++) {
		to->closed[cargo] += from->closed[cargo];
		to->unsummed[cargo] += from->unsummed[cargo];
	}
	if (!to->link_unknown)
		to->link = from->link;
	to->link_unknown += from->link_unknown;
	if (from->first_ns < to->first_ns)
		to->first_ns = from->first_ns;
	if (from->last_ns > to->last_ns)
		to->last_ns = from->last_ns;
}

/* ---- Damage ---- */

/* Damage that is not yet added to the scan. */
struct found_damage {
	struct scan_damage damage;
	struct packet_flow flow;
};

/*
 * Describes the damage as that of a fragmented datagram, which is not compared. For other packets,
 * set_data() corrects the fate.
 */
static struct found_damage describe_damaged(uint64_t frame, int64_t time_ns,
					    const struct packet_judgement *judgement)
{
	const struct packet_layer *layer = pass_damaged_layer(judgement);

	return (struct found_damage){ .damage = { .frame = frame,
						  .time_ns = time_ns,
						  .flow = UINT32_MAX,
						  .kind = layer->kind,
						  .wide = layer->wide,
						  .fate = DAMAGE_FRAGMENT,
						  .stored = layer->stored,
						  .computed = layer->computed,
						  .wrong = wrong_of(judgement) },
				      .flow = judgement->flow };
}

/* Adds where the packet's bytes are: data is NULL if they were not kept. */
static void set_data(struct scan_damage *damage, const struct record *record, const uint8_t *data)
{
	damage->data = data;
	damage->captured = record->captured;
	damage->len = record->len;
	damage->link = record->link;
	damage->fate = data ? DAMAGE_NO_COPY : DAMAGE_NOT_KEPT;
}

/* The value of most packets, if there is one (Boyer and Moore's vote). */
static void vote(uint16_t *value, uint16_t *lead, uint16_t one)
{
	if (!*lead)
		*value = one;
	if (*value != one)
		--*lead;
	else if (*lead < UINT16_MAX)
		++*lead;
}

static void note_wrong(struct flow_row *row, const struct wrong *wrong)
{
	row->header |= wrong->header && !lanes_one_bit(wrong->header_change);
	if (!wrong->transport)
		return;
	row->syn |= wrong->syn && !lanes_one_bit(wrong->change);
	vote(&row->change, &row->change_lead, wrong->change);
	vote(&row->seed_change, &row->seed_lead, wrong->seed_change);
}

/* Counts the damage and notes its flow's row. -ENOMEM with a sentence. */
static int count_damage(struct scan *scan, struct scan_damage *damage,
			const struct packet_flow *flow)
{
	size_t row;
	int rc = flows_add_damaged(scan->flows, flow, damage->time_ns, &row);

	if (rc == -ENOMEM)
		return fail(rc, "out of memory");
	if (rc)
		scan->flows_left++;
	else
		damage->flow = (uint32_t)row;
	if (!rc)
		note_wrong(flows_row(scan->flows, row), &damage->wrong);
	scan->damaged++;
	if (damage->kind == LAYER_IPV4)
		scan->damaged_header++;
	if (!damage->wide)
		scan->differences[csum_minus((uint16_t)damage->computed,
					     (uint16_t)damage->stored)]++;
	return 0;
}

/*
 * Counts damage, and remembers it if there is room; then the scan takes over data that is a copy.
 * `before`: how many packets come before the part in which damage->frame counts. -ENOMEM with a
 * sentence.
 */
static int add_damage(struct scan *scan, struct found_damage *found, uint64_t before)
{
	int rc = count_damage(scan, &found->damage, &found->flow);

	if (rc || scan->count_only || scan->damage_count == SCAN_DAMAGE_MAX)
		return rc;
	if (ARRAY_RESERVE(scan->damage, scan->damage_room, scan->damage_count + 1))
		return -ENOMEM;
	scan->damage[scan->damage_count] = found->damage;
	scan->damage[scan->damage_count++].frame += before;
	found->damage.owned = false;
	return 0;
}

/* ---- One thread ---- */

struct counter {
	struct scan *scan;
	bool mapped; /* packets' bytes stay: no copies */
	struct found_damage *datagrams; /* damaged ones that came in fragments, of this batch */
	size_t datagram_count;
};

/* A copy of the packet's bytes; NULL if the budget or memory is used up. */
static uint8_t *copy_data(struct scan *scan, const struct record *record)
{
	uint8_t *copy = NULL;

	if (record->captured <= scan->copies)
		copy = malloc(record->captured ? record->captured : 1);
	if (!copy)
		return NULL;
	scan->copies -= record->captured;
	return memcpy(copy, record->data, record->captured);
}

static int visit_damaged(struct counter *counter, const struct pass_packet *packet)
{
	const struct record *record = &packet->record;
	struct found_damage found =
		describe_damaged(packet->frame, record->time_ns, &packet->judgement);
	struct scan *scan = counter->scan;
	int rc;

	if (packet->completes) {
		struct found_damage *item = ARRAY_ADD(counter->datagrams, counter->datagram_count);

		if (item)
			*item = found;
		return item ? 0 : -ENOMEM;
	}
	found.damage.owned = !counter->mapped && !scan->count_only;
	set_data(&found.damage, record,
		 found.damage.owned ? copy_data(scan, record) : record->data);
	rc = add_damage(scan, &found, 0);
	if (found.damage.owned)
		free((void *)found.damage.data);
	return rc;
}

/* As the pieces of several threads: a batch's datagrams come after its other damage. */
static int end_batch(struct counter *counter)
{
	int rc = 0;

	for (size_t i = 0; i < counter->datagram_count && !rc; i++)
		rc = add_damage(counter->scan, &counter->datagrams[i], 0);
	free(TAKE_PTR(counter->datagrams));
	counter->datagram_count = 0;
	return rc;
}

static __attribute__((noinline)) int visit_notable(struct counter *counter,
						   const struct pass_packet *packet)
{
	count_notable(&counter->scan->counts, &packet->judgement, !packet->waits);
	return !packet->waits && packet->judgement.verdict == SUM_BAD
		       ? visit_damaged(counter, packet)
		       : 0;
}

static int visit(void *owner, const struct pass_packet *packet)
{
	struct counter *counter = owner;
	int rc = 0;

	count_packet(&counter->scan->counts, packet);
	if (packet->link_known && !packet->judgement.notable)
		count_plain(&counter->scan->counts, &packet->judgement);
	else if (packet->link_known)
		rc = visit_notable(counter, packet);
	if (!rc && packet->frame % BATCH == 0)
		rc = end_batch(counter);
	return rc;
}

static int scan_alone(struct capture *capture, const struct scan_plan *plan, struct scan *scan)
{
	struct counter counter = { .scan = scan, .mapped = capture_mapped(capture) };
	const struct pass_visitor visitors[] = {
		{ visit, &counter },
		plan->visitor ? *plan->visitor : (struct pass_visitor){ 0 },
	};
	const struct pass pass = { .depth = PASS_DATAGRAMS,
				   .visitors = visitors,
				   .visitor_count = plan->visitor ? 2 : 1,
				   .watch = plan->watch };

	int rc = pass_run(capture, &pass, &scan->end);

	rc = rc ? rc : end_batch(&counter);
	free(counter.datagrams);
	return rc;
}

/* ---- A piece, read by a thread of several ---- */

/* A fragment in the list; its judgement follows, cut off after the layers it has. */
struct fragment_head {
	uint64_t frame;
	int64_t time_ns;
	size_t size; /* of the judgement in the list: a multiple of 8 */
};

struct piece {
	struct scan_counts counts;
	struct found_damage *damage;
	size_t damage_count;
	uint8_t *fragments; /* heads and judgements; see next_fragment() */
	size_t fragments_size, fragments_room;
};

static void piece_clear(struct piece *piece)
{
	free(piece->damage);
	free(piece->fragments);
	memset(piece, 0, sizeof(*piece));
	init_counts(&piece->counts);
}

static int list_fragment(struct piece *piece, const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	size_t len = offsetof(struct packet_judgement, layer) +
		     judgement->layer_count * sizeof(judgement->layer[0]);
	struct fragment_head head = { .frame = packet->frame,
				      .time_ns = packet->record.time_ns,
				      .size = (len + 7) / 8 * 8 };
	uint8_t *to;

	if (ARRAY_RESERVE(piece->fragments, piece->fragments_room,
			  piece->fragments_size + sizeof(head) + head.size))
		return -ENOMEM;
	to = piece->fragments + piece->fragments_size;
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), judgement, len);
	piece->fragments_size += sizeof(head) + head.size;
	return 0;
}

struct fragment {
	uint64_t frame;
	int64_t time_ns;
	struct packet_judgement judgement; /* layer_count layers are set */
};

/* The fragment at `at` of the list, which moves on to the next; false: there are no more. */
static bool next_fragment(const struct piece *piece, size_t *at, struct fragment *ret)
{
	struct fragment_head head;

	if (*at >= piece->fragments_size)
		return false;
	memcpy(&head, piece->fragments + *at, sizeof(head));
	memcpy(&ret->judgement, piece->fragments + *at + sizeof(head),
	       head.size < sizeof(ret->judgement) ? head.size : sizeof(ret->judgement));
	ret->frame = head.frame;
	ret->time_ns = head.time_ns;
	*at += sizeof(head) + head.size;
	return true;
}

static int list_damage(struct piece *piece, const struct pass_packet *packet)
{
	struct found_damage *item = ARRAY_ADD(piece->damage, piece->damage_count);

	if (!item)
		return -ENOMEM;
	*item = describe_damaged(packet->frame, packet->record.time_ns, &packet->judgement);
	set_data(&item->damage, &packet->record, packet->record.data);
	return 0;
}

static __attribute__((noinline)) int visit_notable_in_piece(struct piece *piece,
							    const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;

	/* The merging thread puts fragments together and counts them. */
	if (judgement->fragment.is && judgement->verdict != SUM_BAD)
		return list_fragment(piece, packet);
	count_notable(&piece->counts, judgement, true);
	return judgement->verdict == SUM_BAD ? list_damage(piece, packet) : 0;
}

static int visit_in_piece(void *owner, const struct pass_packet *packet)
{
	struct piece *piece = owner;

	count_packet(&piece->counts, packet);
	if (packet->link_known && packet->judgement.notable)
		return visit_notable_in_piece(piece, packet);
	if (packet->link_known)
		count_plain(&piece->counts, &packet->judgement);
	return 0;
}

static int piece_read(struct piece *piece, struct reader *reader)
{
	const struct pass_visitor visitor = { visit_in_piece, piece };

	return pass_part(reader, &visitor);
}

/* ---- Merging pieces, in the order of the capture ---- */

struct merger {
	struct scan *scan;
	const struct pass_watch *watch;
	struct fragments *fragments;
	uint64_t given_up; /* fragments, for want of room */
};

static int merge_fragment(struct merger *merger, struct fragment *fragment, uint64_t before)
{
	struct packet_judgement *judgement = &fragment->judgement;
	int whole = fragments_add(merger->fragments, judgement, &merger->given_up);
	struct found_damage found;

	if (whole < 0)
		return fail(whole, "out of memory");
	count_notable(&merger->scan->counts, judgement, whole);
	if (!whole || judgement->verdict != SUM_BAD)
		return 0;
	found = describe_damaged(fragment->frame, fragment->time_ns, judgement);
	return add_damage(merger->scan, &found, before);
}

static int merge(struct merger *merger, const struct piece *piece)
{
	uint64_t before = merger->scan->counts.packets;
	struct fragment fragment;
	size_t at = 0;
	int rc = 0;

	add_counts(&merger->scan->counts, &piece->counts);
	for (size_t i = 0; i < piece->damage_count && !rc; i++)
		rc = add_damage(merger->scan, &piece->damage[i], before);
	while (!rc && next_fragment(piece, &at, &fragment))
		rc = merge_fragment(merger, &fragment, before);
	return rc;
}

/* ---- Several threads ---- */

struct slot {
	struct piece piece;
	struct reader *reader; /* NULL: rc says why */
	int rc;
	bool done;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t freed, done;
	const struct reader *first;
	uint64_t bytes, pieces; /* of the capture */
	uint64_t next, merged; /* pieces */
	unsigned int slot_count;
	bool stop;
	struct slot slots[SLOTS_MAX];
};

static uint64_t piece_end(const struct pool *pool, uint64_t index)
{
	return index + 1 < pool->pieces ? (index + 1) * PIECE_BYTES : pool->bytes;
}

static void read_slot(const struct pool *pool, struct slot *slot, uint64_t index)
{
	slot->rc = reader_part(pool->first, index * PIECE_BYTES, piece_end(pool, index),
			       &slot->reader);
	if (!slot->rc)
		slot->rc = piece_read(&slot->piece, slot->reader);
}

static void *run_thread(void *argument)
{
	struct pool *pool = argument;

	pthread_mutex_lock(&pool->lock);
	while (!pool->stop && pool->next < pool->pieces) {
		struct slot *slot;
		uint64_t index;

		if (pool->next >= pool->merged + pool->slot_count) {
			pthread_cond_wait(&pool->freed, &pool->lock);
			continue;
		}
		index = pool->next++;
		slot = &pool->slots[index % pool->slot_count];
		pthread_mutex_unlock(&pool->lock);
		read_slot(pool, slot, index);
		pthread_mutex_lock(&pool->lock);
		slot->done = true;
		pthread_cond_signal(&pool->done);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static struct slot *wait_for_piece(struct pool *pool, uint64_t index)
{
	struct slot *slot = &pool->slots[index % pool->slot_count];

	pthread_mutex_lock(&pool->lock);
	while (!slot->done)
		pthread_cond_wait(&pool->done, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	return slot;
}

static void free_slot(struct pool *pool, struct slot *slot)
{
	piece_clear(&slot->piece);
	pthread_mutex_lock(&pool->lock);
	slot->done = false;
	pool->merged++;
	pthread_cond_broadcast(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}

/* Reads the piece once more, from where the one before ended. */
static int read_again(const struct pool *pool, struct slot *slot, uint64_t index,
		      const struct reader *before)
{
	int rc;

	trace("pcap", "piece %" PRIu64 " began at a wrong guess: it is read again", index);
	piece_clear(&slot->piece);
	reader_free(TAKE_PTR(slot->reader));
	rc = reader_part(before, 0, piece_end(pool, index), &slot->reader);
	return rc ? rc : piece_read(&slot->piece, slot->reader);
}

static int merge_slot(struct pool *pool, struct merger *merger, uint64_t index,
		      struct reader **before)
{
	struct slot *slot = wait_for_piece(pool, index);
	int rc = slot->rc;

	if (!rc && *before && !reader_fits(*before, slot->reader))
		rc = read_again(pool, slot, index, *before);
	rc = rc ? fail(rc, "out of memory") : merge(merger, &slot->piece);
	reader_free(*before);
	*before = TAKE_PTR(slot->reader);
	free_slot(pool, slot);
	return rc;
}

static void describe_last(const struct reader *last, struct merger *merger)
{
	struct pass_end *end = &merger->scan->end;
	const char *why = reader_broken(last, &end->broken_at);

	end->packets = merger->scan->counts.packets;
	end->fragments_missing = merger->given_up + fragments_waiting(merger->fragments);
	end->broken = why ? -EBADMSG : 0;
	snprintf(end->broken_why, sizeof(end->broken_why), "%s", why ? why : "");
}

static int merge_all(struct pool *pool, struct merger *merger)
{
	_cleanup_(reader_cleanup) struct reader *before = NULL;
	const struct pass_watch *watch = merger->watch;
	struct scan *scan = merger->scan;
	int rc = 0;

	/* What comes after a break was guessed: one thread would not have got there. */
	for (uint64_t i = 0; i < pool->pieces && !rc && !scan->end.broken; i++) {
		rc = merge_slot(pool, merger, i, &before);
		if (rc)
			break;
		if (watch && watch->tell)
			watch->tell(watch->owner, piece_end(pool, i), pool->bytes, scan->damaged);
		describe_last(before, merger);
	}
	return rc;
}

static void stop(struct pool *pool, const pthread_t *threads, unsigned int count)
{
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < pool->slot_count; i++) {
		piece_clear(&pool->slots[i].piece);
		reader_free(pool->slots[i].reader);
	}
	pthread_cond_destroy(&pool->freed);
	pthread_cond_destroy(&pool->done);
	pthread_mutex_destroy(&pool->lock);
}

/* -EAGAIN: no thread could be started, and nothing was done. */
static int scan_with_threads(struct merger *merger, const struct reader *first, uint64_t bytes,
			     unsigned int threads)
{
	pthread_t running[THREADS_MAX];
	struct pool pool = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.freed = PTHREAD_COND_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
		.first = first,
		.bytes = bytes,
		.pieces = (bytes + PIECE_BYTES - 1) / PIECE_BYTES,
		.slot_count = threads + 4,
	};
	unsigned int started = 0;
	int rc;

	for (unsigned int i = 0; i < pool.slot_count; i++)
		piece_clear(&pool.slots[i].piece);
	while (started < threads && !pthread_create(&running[started], NULL, run_thread, &pool))
		started++;
	trace("pcap", "%u threads read %" PRIu64 " bytes in pieces", started, bytes);
	rc = started ? merge_all(&pool, merger) : -EAGAIN;
	stop(&pool, running, started);
	return rc;
}

static int scan_together(struct capture *capture, const struct scan_plan *plan, uint64_t bytes,
			 unsigned int threads, struct scan *scan)
{
	_cleanup_(reader_cleanup) struct reader *first = NULL;
	_cleanup_(fragments_cleanup) struct fragments *fragments = NULL;
	struct merger merger = { .scan = scan, .watch = plan->watch };
	int rc = capture_rewind(capture);

	rc = rc ? rc : reader_new(capture, &first);
	if (rc)
		return rc;
	if (fragments_new(DATAGRAMS_MAX, &fragments))
		return fail(-ENOMEM, "out of memory");
	merger.fragments = fragments;
	scan->end.format = reader_format(first);
	rc = scan_with_threads(&merger, first, bytes, threads);
	return rc == -EAGAIN ? scan_alone(capture, plan, scan) : rc;
}

/* ---- All of it ---- */

static unsigned int cpus(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned int)count;
}

static int init_scan(struct scan *scan)
{
	memset(scan, 0, sizeof(*scan));
	init_counts(&scan->counts);
	scan->copies = COPIES_MAX;
	scan->differences = calloc(SCAN_DIFFERENCES, sizeof(*scan->differences));
	if (!scan->differences || flows_new(SCAN_FLOWS_MAX, &scan->flows))
		return fail(-ENOMEM, "out of memory");
	return 0;
}

static int by_frame(const void *a, const void *b)
{
	const struct scan_damage *left = a, *right = b;

	return (left->frame > right->frame) - (left->frame < right->frame);
}

int scan_capture(struct capture *capture, const struct scan_plan *plan, struct scan *ret_scan)
{
	_cleanup_(scan_cleanup) struct scan scan = { 0 };
	unsigned int threads = cpus();
	uint64_t done, total;
	int rc = init_scan(&scan);

	if (rc)
		return rc;
	scan.count_only = plan->count_only;
	capture_progress(capture, &done, &total);
	if (threads > 1 && !plan->visitor && capture_mapped(capture) && total > PIECE_BYTES)
		rc = scan_together(capture, plan, total, threads, &scan);
	else
		rc = scan_alone(capture, plan, &scan);
	/* If the file was cut short meanwhile, parts read as zeros: damage would prove nothing. */
	if (!rc && capture_mapped(capture) && capture_error(capture))
		rc = fail(-EIO, "%s: %s", capture_name(capture), capture_error(capture));
	if (rc)
		return rc;
	scan.counts.unknown[REASON_FRAGMENTS_MISSING] += scan.end.fragments_missing;
	scan.damaged_flows = flows_count(scan.flows);
	scan.judged = scan_layers(&scan, SUM_GOOD) || scan_layers(&scan, SUM_BAD) ||
		      scan_layers(&scan, SUM_UNFINISHED) || scan_layers(&scan, SUM_ILLEGAL_NONE);
	if (scan.damage_count)
		qsort(scan.damage, scan.damage_count, sizeof(*scan.damage), by_frame);
	*ret_scan = scan;
	memset(&scan, 0, sizeof(scan));
	return 0;
}

void scan_cleanup(struct scan *scan)
{
	for (size_t i = 0; i < scan->damage_count; i++)
		if (scan->damage[i].owned)
			free((void *)scan->damage[i].data);
	free(scan->damage);
	free(scan->differences);
	flows_free(scan->flows);
	memset(scan, 0, sizeof(*scan));
}

uint64_t scan_layers(const struct scan *scan, enum sum_verdict verdict)
{
	uint64_t count = 0;

	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++)
		count += scan->counts.layer[kind][verdict];
	return count;
}

uint64_t scan_not_judged(const struct scan *scan)
{
	uint64_t count = scan->counts.truncated + scan->counts.link_unknown;

	for (unsigned int reason = 0; reason < SUM_REASONS; reason++)
		count += scan->counts.unknown[reason];
	return count;
}

uint64_t scan_not_opened(const struct scan *scan)
{
	uint64_t count = scan->counts.link_unknown;

	for (unsigned int cargo = 0; cargo < CARGO_KINDS; cargo++)
		count += scan->counts.closed[cargo];
	return count;
}
