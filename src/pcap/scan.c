// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first pass: see scan.h. Workers take pieces of the file in turn; the calling thread puts them
 * together in order. A piece begins at what looks like a record. Whether it is one shows when the piece
 * before ends there; if not, the calling thread reads the piece again from where that one ended. So
 * guesses cost time, never truth. Slots bound how far workers may be ahead, and with it the memory.
 */
#include "pcap/scan.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "packet/fragments.h"
#include "sum/csum.h"

#define PIECE_BYTES (UINT64_C(2) << 20)
#define PIECE_RECORDS 16384 /* where one thread reads alone */
#define THREADS_MAX 8
#define SLOTS_MAX (THREADS_MAX + 4)
#define DATAGRAMS_MAX 16384 /* waiting for fragments */
#define COPIES_MAX (UINT64_C(8) << 20)

/* What is merged, and with what. */
struct merger {
	struct scan *scan;
	struct fragments *fragments;
	uint64_t given_up; /* fragments */
	struct capture *capture;
	const struct scan_watch *watch;
};

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

/* ---- Merging, in the order of the capture ---- */

static int remember(struct merger *merger, const struct piece_damage *found, uint64_t frame,
		    size_t row)
{
	struct scan *scan = merger->scan;
	struct scan_damage *damage;

	if (scan->damage_count == scan->damage_room) {
		size_t room = scan->damage_room ? 2 * scan->damage_room : 64;

		damage = realloc(scan->damage, room * sizeof(*damage));
		if (!damage)
			return -ENOMEM;
		scan->damage = damage;
		scan->damage_room = room;
	}
	damage = &scan->damage[scan->damage_count++];
	*damage = (struct scan_damage){
		.frame = frame,
		.time_ns = found->time_ns,
		.data = found->data,
		.captured = found->captured,
		.len = found->len,
		.link = found->link,
		.flow = (uint32_t)row,
		.owned = found->owned,
		.kind = found->layer.kind,
		.wide = found->layer.wide,
		.fate = found->fragment ? DAMAGE_FRAGMENT
			: found->data	? DAMAGE_NO_COPY
					: DAMAGE_NOT_KEPT,
		.stored = found->layer.stored,
		.computed = found->layer.computed,
	};
	return 0;
}

static int count_damage(struct scan *scan, const struct packet_layer *layer,
			const struct packet_flow *flow, int64_t time_ns, size_t *ret_row)
{
	int rc = flows_add(scan->flows, flow, ret_row);

	if (rc == -ENOMEM)
		return rc;
	if (rc)
		scan->flows_left++;
	else
		flows_damaged(scan->flows, *ret_row, time_ns);
	scan->damaged++;
	if (layer->kind == LAYER_IPV4)
		scan->damaged_header++;
	if (!layer->wide)
		scan->differences[csum_minus((uint16_t)layer->computed, (uint16_t)layer->stored)]++;
	return 0;
}

/* Takes over a damaged packet; its bytes belong to the scan afterwards if found->owned is cleared. */
static int merge_damage(struct merger *merger, struct piece_damage *found, uint64_t frame)
{
	struct scan *scan = merger->scan;
	size_t row = UINT32_MAX;
	int rc = count_damage(scan, &found->layer, &found->flow, found->time_ns, &row);

	if (rc || scan->damage_count >= SCAN_DAMAGE_MAX)
		return rc;
	rc = remember(merger, found, frame, row);
	if (!rc)
		found->owned = false;
	return rc;
}

/* Counts a fragment's layers; that of the transport only where its datagram is whole now. */
static int merge_fragment(struct merger *merger, struct packet_judgement *judgement, uint64_t frame,
			  int64_t time_ns)
{
	int whole = fragments_add(merger->fragments, judgement, &merger->given_up);
	const struct packet_layer *bad;
	struct piece_damage damage;

	if (whole < 0)
		return whole;
	scan_counts_judgement(&merger->scan->counts, judgement, whole);
	bad = judgement_damage(judgement);
	if (!whole || judgement->verdict != SUM_BAD || !bad)
		return 0;
	damage = (struct piece_damage){
		.time_ns = time_ns, .fragment = true, .layer = *bad, .flow = judgement->flow
	};
	return merge_damage(merger, &damage, frame);
}

static void tell(const struct merger *merger, uint64_t done, uint64_t total)
{
	if (merger->watch && merger->watch->tell)
		merger->watch->tell(merger->watch->owner, done, total, merger->scan->damaged);
}

static int merge(struct merger *merger, struct piece *piece)
{
	uint64_t before = merger->scan->counts.packets, number;
	struct packet_judgement judgement;
	int64_t time_ns;
	size_t at = 0;
	int rc = 0;

	scan_counts_add(&merger->scan->counts, &piece->counts);
	for (size_t i = 0; i < piece->damage_count && !rc; i++)
		rc = merge_damage(merger, &piece->damage[i], before + piece->damage[i].number + 1);
	while (!rc && piece_fragment(piece, &at, &number, &time_ns, &judgement))
		rc = merge_fragment(merger, &judgement, before + number + 1, time_ns);
	return rc;
}

/* ---- One thread ---- */

static int scan_alone(struct merger *merger, struct reader *reader)
{
	bool mapped = capture_mapped(merger->capture);
	uint64_t done, total;
	struct piece piece;
	int rc = 1;

	piece_init(&piece, mapped ? NULL : &merger->scan->copies);
	while (rc > 0) {
		int merged;

		rc = piece_read(&piece, reader, PIECE_RECORDS);
		merged = rc < 0 ? 0 : merge(merger, &piece);
		rc = merged < 0 ? merged : rc;
		piece_clear(&piece);
		capture_progress(merger->capture, &done, &total);
		tell(merger, mapped ? reader_at(reader) : done, total);
	}
	scan_note_broken(merger->scan, reader);
	return rc;
}

/* ---- Several ---- */

static uint64_t piece_end(const struct pool *pool, uint64_t index)
{
	return index + 1 < pool->pieces ? (index + 1) * PIECE_BYTES : pool->bytes;
}

static void read_slot(const struct pool *pool, struct slot *slot, uint64_t index)
{
	piece_init(&slot->piece, NULL);
	slot->rc = reader_part(pool->first, index * PIECE_BYTES, piece_end(pool, index),
			       &slot->reader);
	if (!slot->rc)
		slot->rc = piece_read(&slot->piece, slot->reader, UINT64_MAX);
}

static void *work(void *argument)
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

static struct slot *wait_for(struct pool *pool, uint64_t index)
{
	struct slot *slot = &pool->slots[index % pool->slot_count];

	pthread_mutex_lock(&pool->lock);
	while (!slot->done)
		pthread_cond_wait(&pool->done, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	return slot;
}

static void release(struct pool *pool, struct slot *slot)
{
	piece_clear(&slot->piece);
	pthread_mutex_lock(&pool->lock);
	slot->done = false;
	pool->merged++;
	pthread_cond_broadcast(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}

/* The piece once more, from where the one before ended. */
static int read_again(const struct pool *pool, struct slot *slot, uint64_t index,
		      const struct reader *before)
{
	int rc;

	piece_clear(&slot->piece);
	reader_free(TAKE_PTR(slot->reader));
	rc = reader_follow(before, piece_end(pool, index), &slot->reader);
	return rc ? rc : piece_read(&slot->piece, slot->reader, UINT64_MAX);
}

static int merge_slot(struct pool *pool, struct merger *merger, uint64_t index,
		      struct reader **before)
{
	struct slot *slot = wait_for(pool, index);
	int rc = slot->rc < 0 ? slot->rc : 0;

	if (!rc && *before && !reader_fits(*before, slot->reader))
		rc = read_again(pool, slot, index, *before);
	rc = rc < 0 ? rc : merge(merger, &slot->piece);
	reader_free(*before);
	*before = TAKE_PTR(slot->reader);
	release(pool, slot);
	return rc;
}

static int merge_all(struct pool *pool, struct merger *merger)
{
	_cleanup_(reader_cleanup) struct reader *before = NULL;
	int rc = 0;

	for (uint64_t i = 0; i < pool->pieces && !rc && !*merger->scan->broken; i++) {
		rc = merge_slot(pool, merger, i, &before);
		if (rc)
			break;
		tell(merger, piece_end(pool, i), pool->bytes);
		/* What lies behind a break was guessed: one thread would not have got there. */
		scan_note_broken(merger->scan, before);
	}
	return rc;
}

static unsigned int start(struct pool *pool, pthread_t *threads, unsigned int wanted)
{
	unsigned int started = 0;

	while (started < wanted && !pthread_create(&threads[started], NULL, work, pool))
		started++;
	return started;
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

static int scan_together(struct merger *merger, struct reader *first, uint64_t bytes,
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
	int rc;

	for (unsigned int i = 0; i < pool.slot_count; i++)
		piece_init(&pool.slots[i].piece, NULL);
	threads = start(&pool, running, threads);
	rc = threads ? merge_all(&pool, merger) : scan_alone(merger, first);
	stop(&pool, running, threads);
	return rc;
}

/* ---- All of it ---- */

static unsigned int cpus(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned int)count;
}

static int by_frame(const void *a, const void *b)
{
	const struct scan_damage *left = a, *right = b;

	return (left->frame > right->frame) - (left->frame < right->frame);
}

int scan_init(struct scan *scan)
{
	memset(scan, 0, sizeof(*scan));
	scan->counts.first_ns = INT64_MAX;
	scan->counts.last_ns = INT64_MIN;
	scan->copies = COPIES_MAX;
	scan->differences = calloc(SCAN_DIFFERENCES, sizeof(*scan->differences));
	return scan->differences ? flows_new(SCAN_FLOWS_MAX, &scan->flows) : -ENOMEM;
}

int scan_add(struct scan *scan, const struct record *record,
	     const struct packet_judgement *judgement, bool waits)
{
	const struct packet_layer *bad = waits ? NULL : judgement_damage(judgement);
	size_t row;

	scan_counts_packet(&scan->counts, record);
	if (!packet_link_known(record->link)) {
		if (!scan->counts.link_unknown++)
			scan->counts.link = record->link;
		return 0;
	}
	scan_counts_judgement(&scan->counts, judgement, !waits);
	return bad ? count_damage(scan, bad, &judgement->flow, record->time_ns, &row) : 0;
}

int scan_capture(struct capture *capture, const struct scan_watch *watch, struct scan *ret_scan)
{
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	_cleanup_(scan_cleanup) struct scan scan = { 0 };
	struct merger merger = { .scan = &scan, .capture = capture, .watch = watch };
	unsigned int threads = cpus();
	uint64_t done, total;
	int rc = reader_new(capture, &reader);

	if (rc)
		return rc;
	rc = scan_init(&scan);
	rc = rc ? rc : fragments_new(DATAGRAMS_MAX, &merger.fragments);
	scan.format = reader_format(reader);
	capture_progress(capture, &done, &total);
	if (!rc)
		rc = threads > 1 && capture_mapped(capture) && total > PIECE_BYTES
			     ? scan_together(&merger, reader, total, threads)
			     : scan_alone(&merger, reader);
	/* What was cut off under our eyes reads as zeros: "damaged" would prove nothing. */
	if (!rc && capture_mapped(capture) && capture_error(capture))
		rc = fail(-EIO, "%s: %s", capture_name(capture), capture_error(capture));
	if (!rc) {
		scan.counts.unknown[REASON_FRAGMENTS_MISSING] +=
			merger.given_up + fragments_waiting(merger.fragments);
		if (scan.damage_count)
			qsort(scan.damage, scan.damage_count, sizeof(*scan.damage), by_frame);
		*ret_scan = scan;
		memset(&scan, 0, sizeof(scan));
	}
	fragments_free(merger.fragments);
	return rc == -ENOMEM ? fail(rc, "out of memory") : rc;
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

void scan_note_broken(struct scan *scan, const struct reader *reader)
{
	const char *why = reader_broken(reader, &scan->broken_at);

	snprintf(scan->broken, sizeof(scan->broken), "%s", why ? why : "");
}

uint64_t scan_layers(const struct scan *scan, enum sum_verdict verdict)
{
	uint64_t count = 0;

	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++)
		count += scan->counts.layer[kind][verdict];
	return count;
}

bool scan_judged(const struct scan *scan)
{
	return scan_layers(scan, SUM_GOOD) || scan_layers(scan, SUM_BAD) ||
	       scan_layers(scan, SUM_ARTEFACT) || scan_layers(scan, SUM_ILLEGAL_NONE);
}
