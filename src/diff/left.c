// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Judges the packets that have no equal: see left.h. Each step takes the packets it can explain:
 *
 * 1. Suspects: a packet has an equal, but its checksum has become bad. So a byte changed that the
 *    search for equals does not compare.
 * 2. Strays: a packet has an equal, but another flow than all packets around it. Its addresses or
 *    ports changed.
 * 3. TCP segments that were cut differently: all their bytes are in `before`.
 * 4. Near packets: changed packets, found by the parts that the damage left alone.
 * 5. TCP segments that were cut differently and changed, too.
 *
 * Streams (3, 5): each packet of `before` is a segment: a range of sequence numbers of the flow it
 * became. Segments are sorted. The bytes of a packet of `after` are covered piece by piece with the
 * segments that overlap it. If several do, because the range was sent again, the one with the
 * fewest flips is taken. Sequence numbers are compared modulo 2^32: in a flow of more than 4 GiB, a
 * segment of the previous 4 GiB overlaps, too, but loses, as more of its bits differ. A segment is
 * lost unless all of its bytes are found, so the ranges that were found are recorded.
 *
 * Near packets (4): damage leaves some part of a packet alone. So every packet of `before` gets
 * several independent keys: its place in the stream, its identification, either half of its
 * payload, its first and last bytes, its flow. A packet of `after` is looked up by all of its keys.
 * The packet found with the fewest flips is taken if the evidence is enough. Packets with strong
 * evidence choose first. If the captures have little in common, the search tries less and less.
 */
#include "diff/left.h"
#include "pcap/wrong.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "diff/diff.h"
#include "diff/multimap.h"
#include "diff/pair.h"

/* Changes are found out of order: this many are collected before the latest are dropped. */
#define CHANGES_KEPT (4 * (size_t)DIFF_CHANGES_MAX)

#define SEGMENTS_TRIED 512 /* segments looked at to find those that overlap */

#define WALK_MAX 16 /* packets tried for one key */
#define WALK_POOR 2 /* ... if few of those tried so far were pairs */
#define CREDIT 1000000 /* so many packets are tried before WALK_POOR applies */
#define CREDIT_PAIR 512 /* so many more for each pair that is found */
#define PLACE_SLACK 1024 /* packets by which places may be off, from reordering and loss */
#define PLACE_NEAR 256
#define HALF_MIN 4 /* bytes of payload: a shorter half says nothing */
#define TAIL 32
#define START 16

/* ---- The result ---- */

static int by_after(const void *a, const void *b)
{
	const struct diff_change *one = a, *other = b;

	return (one->after > other->after) - (one->after < other->after);
}

static void sort_changes(struct diff *diff)
{
	if (diff->change_count > 1)
		qsort(diff->changes, diff->change_count, sizeof(*diff->changes), by_after);
	if (diff->change_count > DIFF_CHANGES_MAX)
		diff->change_count = DIFF_CHANGES_MAX;
}

static int record_change(struct diff *diff, const struct diff_change *change)
{
	struct diff_change *added;

	if (diff->change_count == CHANGES_KEPT)
		sort_changes(diff);
	added = ARRAY_ADD(diff->changes, diff->change_count);
	if (!added)
		return -ENOMEM;
	*added = *change;
	diff->changed++;
	diff->changed_unseen += !change->seen;
	return 0;
}

static void set_delta(struct diff_change *change, const struct diff_delta *delta)
{
	change->where = delta->where;
	change->was = delta->was;
	change->is = delta->is;
	change->offset = delta->offset;
	change->bits = (uint32_t)delta->bits;
}

static int add_changed_packet(struct diff_work *work, uint32_t before,
			      const struct diff_packet *after, const struct diff_delta *delta,
			      bool seen, bool resegmented)
{
	struct diff_change change = {
		.before = (uint64_t)before + 1,
		.after = (uint64_t)after->number + 1,
		.before_ns = work->before.packet[before].time_ns,
		.after_ns = after->time_ns,
		.flow = work->flows.row[after->flow].flow,
		.seen = seen,
		.resegmented = resegmented,
	};

	set_delta(&change, delta);
	return record_change(work->diff, &change);
}

/* Adds two packets that differ, and their flips to the shape. */
static int add_pair(struct diff_work *work, struct diff_pair *pair, uint32_t before,
		    const struct diff_packet *after)
{
	pair->shape = &work->diff->shape;
	diff_pair_compare(pair);
	return add_changed_packet(work, before, after, &pair->delta,
				  pair->after->bad || pair->newly_bad, false);
}

static void add_same(struct diff_work *work, uint32_t before, const struct diff_packet *after)
{
	work->diff->same++;
	work->diff->translated += work->before.packet[before].flow != after->flow;
}

/* ---- Suspects and strays ---- */

/* Whether addresses or ports were rewritten, and the sum was not updated. */
static bool is_rewritten(const struct diff_work *work, const struct diff_packet *before,
			 const struct diff_packet *after)
{
	struct packet_judgement judgement;
	struct wrong wrong;

	packet_judge(after->link, after->data, after->captured, after->len, &judgement);
	wrong = wrong_of(&judgement);
	return wrong.transport && !wrong.header && !wrong.other &&
	       wrong_is_change(&work->flows.row[before->flow].flow,
			       &work->flows.row[after->flow].flow, &wrong);
}

static int judge_suspect(struct diff_work *work, const struct diff_suspect *suspect)
{
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
	diff_view_of(before, NULL, &before_view);
	diff_view_of(after, NULL, &after_view);
	diff_flows_expected(&work->flows, before->flow, &pair.expected);
	if (!is_rewritten(work, before, after))
		return add_pair(work, &pair, suspect->before, after);
	diff_pair_compare(&pair);
	work->diff->changed_rewritten++;
	return add_changed_packet(work, suspect->before, after, &pair.delta, true, false);
}

static int judge_suspects(struct diff_work *work)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < work->suspect_count; i++)
		rc = judge_suspect(work, &work->suspects[i]);
	return rc;
}

/* Compares addresses and ports. */
static void compare_flows(const struct packet_flow *was, const struct packet_flow *is,
			  struct diff_delta *delta)
{
	const uint32_t size = was->family == AF_INET ? 4 : 16, at = was->family == AF_INET ? 12 : 8;
	const uint8_t was_ports[4] = { (uint8_t)(was->src_port >> 8), (uint8_t)was->src_port,
				       (uint8_t)(was->dst_port >> 8), (uint8_t)was->dst_port };
	const uint8_t is_ports[4] = { (uint8_t)(is->src_port >> 8), (uint8_t)is->src_port,
				      (uint8_t)(is->dst_port >> 8), (uint8_t)is->dst_port };

	diff_delta_add(delta, NULL, DIFF_NETWORK, at, was->src, is->src, size);
	diff_delta_add(delta, NULL, DIFF_NETWORK, at + size, was->dst, is->dst, size);
	diff_delta_add(delta, NULL, DIFF_TRANSPORT, 0, was_ports, is_ports, sizeof(is_ports));
}

/* A stray was counted as unchanged: corrects the counts. */
static int judge_strays(struct diff_work *work)
{
	const struct diff_link *link;
	uint32_t at = 0;
	int rc = 0;

	while (!rc && (link = diff_flows_stray(&work->flows, &at))) {
		struct diff_change change = {
			.before = (uint64_t)link->before + 1,
			.after = (uint64_t)link->first + 1,
			.before_ns = work->before.packet[link->before].time_ns,
			.after_ns = link->after_ns,
			.flow = work->flows.row[link->to].flow,
		};
		struct diff_delta delta = { 0 };
		struct packet_flow was;

		diff_flows_expected(&work->flows, link->from, &was);
		compare_flows(&was, &change.flow, &delta);
		set_delta(&change, &delta);
		work->diff->same--;
		work->diff->translated -= link->from != link->to;
		rc = record_change(work->diff, &change);
	}
	return rc;
}

/* ---- Streams: covering a packet with segments ---- */

/* A TCP packet of `before`. */
struct segment {
	uint32_t flow; /* the flow that it became */
	uint32_t seq, len; /* by the headers */
	uint32_t captured; /* bytes at data */
	uint32_t packet; /* before */
	const uint8_t *data;
};

/* Bytes of a segment that were found in a packet of `after`. */
struct range {
	uint32_t segment, from, to;
};

/* A packet of `after`, and the segments that cover it. */
struct cover {
	struct diff_view view;
	uint32_t flow;
	size_t first; /* its ranges begin there in stream->found */
	uint32_t covered; /* bytes */
	bool recut; /* by more than one segment, or one of another place or length */
	uint32_t before; /* the first packet that covers it */
	struct diff_delta delta;
};

struct stream {
	struct diff_work *work;
	struct segment *segment; /* by flow, sequence number and number of the packet */
	size_t count;
	uint32_t longest;
	struct range *found;
	size_t found_count, found_room;
};

static void segments_cleanup(struct stream *stream)
{
	free(stream->segment);
	free(stream->found);
}

static bool is_segment(const struct diff_view *view)
{
	return view->flow.family && view->flow.proto == IPPROTO_TCP && !view->fragment &&
	       view->payload_full;
}

static int by_place(const void *a, const void *b)
{
	const struct segment *one = a, *other = b;

	if (one->flow != other->flow)
		return one->flow < other->flow ? -1 : 1;
	if (one->seq != other->seq)
		return one->seq < other->seq ? -1 : 1;
	return (one->packet > other->packet) - (one->packet < other->packet);
}

static void add_segment(struct stream *stream, uint32_t number)
{
	struct diff_work *work = stream->work;
	const struct diff_packet *packet = &work->before.packet[number];
	struct packet_flow expected;
	struct diff_view view;
	uint32_t flow;

	if (packet->done || !packet->data ||
	    work->flows.row[packet->flow].flow.proto != IPPROTO_TCP)
		return;
	flow = diff_flows_expected(&work->flows, packet->flow, &expected);
	if (flow == DIFF_FLOW_NONE)
		return;
	diff_view_of(packet, NULL, &view);
	if (!is_segment(&view))
		return;
	stream->segment[stream->count++] = (struct segment){ .flow = flow,
							     .seq = view.seq,
							     .len = view.payload_full,
							     .captured = view.payload_len,
							     .packet = number,
							     .data = view.data + view.payload };
	if (stream->longest < view.payload_full)
		stream->longest = view.payload_full;
}

static int find_segments(struct stream *stream)
{
	struct diff_work *work = stream->work;

	stream->segment = malloc((work->left_count + 1) * sizeof(*stream->segment));
	if (!stream->segment)
		return -ENOMEM;
	for (size_t i = 0; i < work->left_count; i++)
		add_segment(stream, work->left[i].packet);
	if (stream->count > 1)
		qsort(stream->segment, stream->count, sizeof(*stream->segment), by_place);
	return 0;
}

/* The first segment at this place or after it. */
static size_t segment_from(const struct stream *stream, uint32_t flow, uint64_t seq)
{
	size_t from = 0, to = stream->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		const struct segment *at = &stream->segment[middle];

		if (at->flow < flow || (at->flow == flow && at->seq < seq))
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Compares `len` bytes from `at` on in the payload with those from `from` on in a segment. */
static void compare_segment(const struct cover *cover, uint32_t at, const struct segment *segment,
			    uint32_t from, uint32_t len, struct shape *shape,
			    struct diff_delta *delta)
{
	const uint32_t captured = cover->view.payload_len;
	uint32_t both = captured > at ? captured - at : 0;

	if (both > len)
		both = len;
	if (segment->captured < from + both)
		both = segment->captured > from ? segment->captured - from : 0;
	if (both)
		diff_delta_add(delta, shape, DIFF_PAYLOAD, at, segment->data + from,
			       cover->view.data + cover->view.payload + at, both);
}

/* The best segment for the bytes from `at` on, and how many it has. SIZE_MAX: there is none. */
static size_t best_segment(const struct stream *stream, const struct cover *cover, uint32_t at,
			   uint32_t *ret_len)
{
	const uint32_t seq = cover->view.seq + at, left = cover->view.payload_full - at;
	const size_t begin = segment_from(stream, cover->flow, 0);
	const size_t end = segment_from(stream, cover->flow, UINT64_MAX);
	size_t next = segment_from(stream, cover->flow, (uint64_t)seq + 1), best = SIZE_MAX;
	uint64_t best_bits = UINT64_MAX;

	for (size_t i = 0; i < end - begin && i < SEGMENTS_TRIED; i++) {
		const struct segment *segment;
		struct diff_delta delta;
		uint32_t from, len;

		next = next == begin ? end - 1 : next - 1;
		segment = &stream->segment[next];
		from = seq - segment->seq;
		if (from >= stream->longest)
			break;
		if (from >= segment->len)
			continue;
		len = segment->len - from < left ? segment->len - from : left;
		delta = (struct diff_delta){ 0 };
		compare_segment(cover, at, segment, from, len, NULL, &delta);
		if (delta.bits < best_bits || (delta.bits == best_bits && len > *ret_len)) {
			best = next;
			best_bits = delta.bits;
			*ret_len = len;
		}
	}
	return best;
}

/* How many bytes from `at` on are in no segment. */
static uint32_t gap_at(const struct stream *stream, const struct cover *cover, uint32_t at)
{
	const uint32_t seq = cover->view.seq + at, left = cover->view.payload_full - at;
	size_t next = segment_from(stream, cover->flow, (uint64_t)seq + 1);

	if (next == stream->count || stream->segment[next].flow != cover->flow)
		next = segment_from(stream, cover->flow, 0);
	if (next == stream->count || stream->segment[next].flow != cover->flow ||
	    stream->segment[next].seq - seq > left)
		return left;
	return stream->segment[next].seq - seq ? stream->segment[next].seq - seq : left;
}

/* Covers a packet's payload; adds the ranges to stream->found. */
static int cover_packet(struct stream *stream, struct cover *cover, struct shape *shape)
{
	const uint32_t full = cover->view.payload_full;
	int rc = 0;

	cover->first = stream->found_count;
	cover->covered = 0;
	cover->recut = true;
	cover->delta = (struct diff_delta){ 0 };
	for (uint32_t at = 0, len = 0; !rc && at < full; at += len) {
		size_t number = best_segment(stream, cover, at, &len);
		const struct segment *segment;
		uint32_t from;

		if (number == SIZE_MAX) {
			len = gap_at(stream, cover, at);
			continue;
		}
		segment = &stream->segment[number];
		from = cover->view.seq + at - segment->seq;
		compare_segment(cover, at, segment, from, len, shape, &cover->delta);
		if (!cover->covered)
			cover->before = segment->packet;
		cover->recut = from || len != full || segment->len != full;
		cover->covered += len;
		rc = ARRAY_RESERVE(stream->found, stream->found_room, stream->found_count + 1);
		if (!rc)
			stream->found[stream->found_count++] = (struct range){
				.segment = (uint32_t)number, .from = from, .to = from + len
			};
	}
	return rc;
}

/* ---- Streams: judging packets ---- */

/* No device cuts or merges bad packets. So if the payload is undamaged, the header is damaged. */
static bool has_bad_sum(const struct diff_view *view)
{
	return view->ip.verdict == SUM_BAD || view->sum.verdict == SUM_BAD;
}

static void count_bad_sum(struct cover *cover)
{
	const struct diff_view *view = &cover->view;
	const bool ip = view->ip.verdict == SUM_BAD;
	const struct diff_sum *sum = ip ? &view->ip : &view->sum;
	const uint8_t was[2] = { (uint8_t)(sum->computed >> 8), (uint8_t)sum->computed };
	const uint8_t is[2] = { (uint8_t)(sum->stored >> 8), (uint8_t)sum->stored };

	diff_delta_add(&cover->delta, NULL, ip ? DIFF_NETWORK : DIFF_TRANSPORT, ip ? 10 : 16, was,
		       is, sizeof(was));
}

/* Covers the packet again to add its flips to the shape, and adds the change. */
static int add_covered(struct stream *stream, struct cover *cover, const struct diff_packet *packet)
{
	int rc;

	stream->found_count = cover->first;
	rc = cover_packet(stream, cover, &stream->work->diff->shape);
	if (rc)
		return rc;
	if (!cover->delta.bits)
		count_bad_sum(cover);
	return add_changed_packet(stream->work, cover->before, packet, &cover->delta,
				  cover->view.bad, cover->recut);
}

/*
 * Marks a packet of `after` as done if it is covered. `changed`: even if some of its bytes changed.
 */
static int judge_segment(struct stream *stream, struct diff_packet *packet, bool changed)
{
	struct cover cover = { .flow = packet->flow };
	const struct diff_delta *delta = &cover.delta;
	uint32_t full;
	int rc;

	diff_view_of(packet, NULL, &cover.view);
	if (!is_segment(&cover.view))
		return 0;
	rc = cover_packet(stream, &cover, NULL);
	if (rc)
		return rc;
	full = cover.view.payload_full;
	if (cover.covered == full && !delta->bits && cover.recut && !has_bad_sum(&cover.view)) {
		packet->done = true;
		add_same(stream->work, cover.before, packet);
		stream->work->diff->resegmented++;
	} else if (changed && (delta->bits || has_bad_sum(&cover.view)) &&
		   cover.covered >= full / 2 && diff_delta_sparse(delta)) {
		packet->done = true;
		rc = add_covered(stream, &cover, packet);
	} else {
		stream->found_count = cover.first;
	}
	return rc;
}

static int by_segment(const void *a, const void *b)
{
	const struct range *one = a, *other = b;

	if (one->segment != other->segment)
		return one->segment < other->segment ? -1 : 1;
	return (one->from > other->from) - (one->from < other->from);
}

/* Marks a segment as done if all of its bytes were found. */
static void finish_segments(struct stream *stream)
{
	const struct range *found = stream->found;
	const size_t count = stream->found_count;

	if (count > 1)
		qsort(stream->found, count, sizeof(*stream->found), by_segment);
	for (size_t i = 0, next; i < count; i = next) {
		const struct segment *segment = &stream->segment[found[i].segment];
		uint32_t reached = 0;

		for (next = i; next < count && found[next].segment == found[i].segment; next++)
			if (found[next].from <= reached && found[next].to > reached)
				reached = found[next].to;
		if (reached >= segment->len)
			stream->work->before.packet[segment->packet].done = true;
	}
}

static int judge_streams(struct stream *stream, bool changed)
{
	struct diff_list *after = &stream->work->after;
	int rc = 0;

	for (size_t i = 0; !rc && stream->count && i < after->count; i++) {
		struct diff_packet *packet = &after->packet[i];

		if (!packet->done && packet->data &&
		    stream->work->flows.row[packet->flow].flow.proto == IPPROTO_TCP)
			rc = judge_segment(stream, packet, changed);
	}
	if (!rc)
		finish_segments(stream);
	return rc;
}

/* ---- Near packets ---- */

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
	uint32_t number; /* of that packet, in its capture */
	struct diff_view before, best_before;
	struct diff_pair best;
	size_t best_left;
	uint32_t tried[KEYS * WALK_MAX];
	size_t tried_count;
	int64_t credit;
	bool sure; /* in this round, only strong evidence counts */
};

static uint64_t near_key(enum near_key kind, uint64_t a, uint64_t b)
{
	const uint64_t both[2] = { a, b };

	return diff_hash(kind + 1, both, sizeof(both));
}

static uint64_t near_key_bytes(enum near_key kind, uint64_t a, const uint8_t *data, size_t len)
{
	return diff_hash(diff_hash(kind + 1, &a, sizeof(a)), data, len);
}

/* The key of the last bytes, without zeros that may fill up the frame. False: too few bytes. */
static bool tail_key(const struct diff_view *view, uint64_t *ret_key)
{
	uint32_t end = view->captured;

	if (view->captured < view->len)
		return false;
	while (end > view->network && !view->data[end - 1])
		end--;
	if (end - view->network < TAIL)
		return false;
	*ret_key = near_key_bytes(KEY_TAIL, 0, view->data + end - TAIL, TAIL);
	return true;
}

/*
 * The keys of a packet whose flow in `after` is `flow`, in row `row` (DIFF_FLOW_NONE: in no row).
 * Returns a bit for each key that it has.
 */
static unsigned int near_keys(const struct diff_view *view, const struct packet_flow *flow,
			      uint32_t row, uint64_t keys[KEYS])
{
	const uint32_t len = view->payload_len, full = view->payload_full;
	const uint64_t kind = (uint64_t)flow->proto << 32 | full;
	const uint8_t *payload = view->data + view->payload;
	unsigned int has = 0;

	if (flow->proto == IPPROTO_TCP && !view->fragment && full) {
		keys[KEY_SEQ] = near_key(KEY_SEQ, 0, (uint64_t)view->seq << 32 | full);
		has = 1u << KEY_SEQ;
	} else if (row != DIFF_FLOW_NONE) {
		keys[KEY_FLOW] = near_key(KEY_FLOW, row, (uint64_t)view->start << 32 | full);
		has = 1u << KEY_FLOW;
	}
	if (len >= START) {
		keys[KEY_START] = near_key_bytes(KEY_START, kind, payload, START);
		has |= 1u << KEY_START;
	}
	if (view->id) {
		keys[KEY_ID] = near_key(KEY_ID, view->id, kind ^ view->start);
		has |= 1u << KEY_ID;
	}
	if (len == full && len >= 2 * HALF_MIN) {
		keys[KEY_FIRST_HALF] = near_key_bytes(KEY_FIRST_HALF, kind, payload, len / 2);
		keys[KEY_SECOND_HALF] =
			near_key_bytes(KEY_SECOND_HALF, kind, payload + len / 2, len - len / 2);
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
		uint32_t row;

		if (packet->done || !packet->data)
			continue;
		diff_view_of(packet, NULL, &near->before);
		row = diff_flows_expected(&work->flows, packet->flow, &expected);
		has = near_keys(&near->before, &expected, row, keys);
		for (unsigned int kind = 0; kind < KEYS; kind++)
			if (has & 1u << kind)
				multimap_push(near->map, keys[kind], (uint32_t)i);
	}
	return rc;
}

/* How much evidence the places of the two packets in their captures give. */
static unsigned int place_evidence(const struct diff_left *left, uint32_t number)
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

static void try_near(struct near *near, uint32_t number)
{
	const struct diff_left *left = &near->work->left[number];
	const struct diff_packet *packet = &near->work->before.packet[left->packet];
	struct diff_pair pair = { .before = &near->before, .after = &near->after };

	if (was_tried(near, number))
		return;
	diff_view_of(packet, NULL, &near->before);
	diff_flows_expected(&near->work->flows, packet->flow, &pair.expected);
	pair.position = place_evidence(left, near->number);
	if (!diff_pair_compare(&pair) || !pair.accepted ||
	    (near->sure && pair.evidence < DIFF_EVIDENCE_SURE) || !is_better(&pair, &near->best))
		return;
	near->best_before = near->before;
	near->best = pair;
	near->best.before = &near->best_before;
	near->best_left = number;
}

/* Whether this packet of `before` is too far back for every packet of `after` still to come. */
static bool is_past(const struct near *near, uint32_t number)
{
	const struct diff_left *left = &near->work->left[number];

	return left->next && near->number > left->next + 4 * PLACE_SLACK;
}

static void try_near_key(struct near *near, enum near_key kind, uint64_t key)
{
	const struct diff_work *work = near->work;
	struct multimap_walk walk = { 0 };

	for (int i = 0; i < (near->credit > 0 ? WALK_MAX : WALK_POOR) &&
			multimap_next(near->map, key, &walk);) {
		if (work->before.packet[work->left[walk.number].packet].done ||
		    (kind == KEY_FLOW && !near->sure && is_past(near, walk.number))) {
			multimap_remove(near->map, &walk);
			continue;
		}
		try_near(near, walk.number);
		near->credit--;
		i++;
	}
}

static int judge_near(struct near *near, struct diff_packet *packet)
{
	struct diff_work *work = near->work;
	uint32_t before;
	uint64_t keys[KEYS];
	unsigned int has;

	diff_view_of(packet, NULL, &near->after);
	near->number = packet->number;
	near->tried_count = 0;
	near->best = (struct diff_pair){ .before = NULL };
	has = near_keys(&near->after, &near->after.flow, packet->flow, keys);
	for (unsigned int kind = 0; kind < KEYS; kind++)
		if (has & 1u << kind)
			try_near_key(near, kind, keys[kind]);
	if (!near->best.before)
		return 0;

	before = work->left[near->best_left].packet;
	packet->done = work->before.packet[before].done = true;
	near->credit += CREDIT_PAIR;
	if (near->best.delta.bits)
		return add_pair(work, &near->best, before, packet);
	add_same(work, before, packet);
	return diff_flows_learn(&work->flows, work->before.packet[before].flow, packet->flow,
				before, packet->number, packet->time_ns);
}

static void near_cleanup(struct near *near)
{
	multimap_free(near->map);
}

static int judge_all_near(struct diff_work *work)
{
	_cleanup_(near_cleanup) struct near near = { .work = work, .credit = CREDIT };
	int rc = index_left(&near);

	for (unsigned int round = 0; !rc && round < 2; round++) {
		near.sure = round == 0;
		for (size_t i = 0; !rc && i < work->after.count; i++) {
			struct diff_packet *packet = &work->after.packet[i];

			if (!packet->done && packet->data)
				rc = judge_near(&near, packet);
		}
	}
	return rc;
}

/* ---- Together ---- */

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

int diff_left_judge(struct diff_work *work)
{
	_cleanup_(segments_cleanup) struct stream stream = { .work = work };
	int rc = judge_suspects(work);

	if (!rc)
		rc = judge_strays(work);
	if (!rc)
		rc = find_segments(&stream);
	if (!rc)
		rc = judge_streams(&stream, false);
	if (!rc)
		rc = judge_all_near(work);
	if (!rc)
		rc = judge_streams(&stream, true);
	if (rc)
		return rc;
	count_left(work);
	sort_changes(work->diff);
	return 0;
}
