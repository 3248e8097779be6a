// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares TCP by the bytes of its streams: see diff_stream.h.
 *
 * A packet before is a segment: a range of sequence numbers of the flow that it became. Segments are
 * sorted; the bytes of a packet after are covered piece by piece from those that overlap it. Where
 * several do (the range was sent again), that with the fewest flips is taken. Sequence numbers are
 * compared modulo 2^32: in a flow of more than 4 GiB, what was sent a turn earlier is just one more
 * segment that overlaps, and loses. Which bytes of a segment were found is kept as ranges, since it
 * is lost unless all were.
 */
#include "diff/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define WALK_MAX 512 /* segments looked at in search of those that overlap */

struct segment {
	uint32_t flow; /* after */
	uint32_t seq, len; /* by the headers */
	uint32_t captured; /* bytes at data */
	uint32_t packet; /* before */
	const uint8_t *data;
};

/* A range of a segment that was found in a packet after. */
struct range {
	uint32_t segment, from, to;
};

struct ranges {
	struct range *range;
	size_t count, room;
};

/* A packet after, and what covers it. */
struct cover {
	struct diff_view view;
	uint32_t flow;
	size_t first; /* of its pieces, in stream->found */
	uint32_t covered; /* bytes */
	bool recut; /* not just one segment of the same place and length */
	uint32_t before; /* the first packet that covers it */
	struct diff_delta delta;
};

struct diff_stream {
	struct diff_work *work;
	struct segment *segment;
	size_t count;
	uint32_t longest;
	struct ranges found;
};

void diff_stream_free(struct diff_stream *stream)
{
	if (!stream)
		return;
	free(stream->segment);
	free(stream->found.range);
	free(stream);
}

static bool is_segment(const struct diff_view *view)
{
	return view->flow.family && view->flow.proto == IPPROTO_TCP && !view->fragment &&
	       diff_view_payload_full(view);
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

static void add_segment(struct diff_stream *stream, uint32_t number)
{
	struct diff_work *work = stream->work;
	const struct diff_packet *packet = &work->before.packet[number];
	struct diff_view view;
	uint32_t flow;

	if (packet->done || !packet->data ||
	    diff_flows_get(work->flows, DIFF_BEFORE, packet->flow)->proto != IPPROTO_TCP)
		return;
	flow = diff_flows_become(work->flows, packet->flow);
	if (flow == DIFF_FLOW_NONE)
		return;
	diff_view_of(packet, &view);
	if (!is_segment(&view))
		return;
	stream->segment[stream->count++] =
		(struct segment){ .flow = flow,
				  .seq = view.seq,
				  .len = diff_view_payload_full(&view),
				  .captured = diff_view_payload_len(&view),
				  .packet = number,
				  .data = view.data + view.payload };
	if (stream->longest < diff_view_payload_full(&view))
		stream->longest = diff_view_payload_full(&view);
}

int diff_stream_new(struct diff_work *work, struct diff_stream **ret_stream)
{
	struct diff_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->work = work;
	stream->segment = malloc((work->left_count + 1) * sizeof(*stream->segment));
	if (!stream->segment) {
		diff_stream_free(stream);
		return -ENOMEM;
	}
	for (size_t i = 0; i < work->left_count; i++)
		add_segment(stream, work->left[i].packet);
	if (stream->count > 1)
		qsort(stream->segment, stream->count, sizeof(*stream->segment), by_place);
	*ret_stream = stream;
	return 0;
}

/* The first segment at or behind a place. */
static size_t lower_bound(const struct diff_stream *stream, uint32_t flow, uint64_t seq)
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

/* ---- Covering ---------------------------------------------------------------------------------------- */

static int add_range(struct ranges *ranges, const struct range *range)
{
	if (ranges->count == ranges->room) {
		size_t room = ranges->room ? 2 * ranges->room : 256;
		struct range *bigger = realloc(ranges->range, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		ranges->range = bigger;
		ranges->room = room;
	}
	ranges->range[ranges->count++] = *range;
	return 0;
}

/* Compares what both have of `len` bytes of a packet's payload from `at` on with a segment's from `from`. */
static void compare(const struct cover *cover, uint32_t at, const struct segment *segment,
		    uint32_t from, uint32_t len, struct shape *shape, struct diff_delta *delta)
{
	const uint32_t captured = diff_view_payload_len(&cover->view);
	uint32_t both = captured > at ? captured - at : 0;

	if (both > len)
		both = len;
	if (segment->captured < from + both)
		both = segment->captured > from ? segment->captured - from : 0;
	if (both)
		diff_delta_add(delta, shape, DIFF_PAYLOAD, at, segment->data + from,
			       cover->view.data + cover->view.payload + at, both);
}

/* The best segment for the bytes from `at` on; how far it reaches. SIZE_MAX: none. */
static size_t best_segment(const struct diff_stream *stream, const struct cover *cover, uint32_t at,
			   uint32_t *ret_len)
{
	const uint32_t seq = cover->view.seq + at, left = diff_view_payload_full(&cover->view) - at;
	const size_t begin = lower_bound(stream, cover->flow, 0);
	const size_t end = lower_bound(stream, cover->flow, UINT64_MAX);
	size_t next = lower_bound(stream, cover->flow, (uint64_t)seq + 1), best = SIZE_MAX;
	uint64_t best_bits = UINT64_MAX;

	for (size_t i = 0; i < end - begin && i < WALK_MAX; i++) {
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
		diff_delta_init(&delta);
		compare(cover, at, segment, from, len, NULL, &delta);
		if (delta.bits < best_bits || (delta.bits == best_bits && len > *ret_len)) {
			best = next;
			best_bits = delta.bits;
			*ret_len = len;
		}
	}
	return best;
}

/* How many bytes from `at` on no segment has. */
static uint32_t gap(const struct diff_stream *stream, const struct cover *cover, uint32_t at)
{
	const uint32_t seq = cover->view.seq + at, left = diff_view_payload_full(&cover->view) - at;
	size_t next = lower_bound(stream, cover->flow, (uint64_t)seq + 1);

	if (next == stream->count || stream->segment[next].flow != cover->flow)
		next = lower_bound(stream, cover->flow, 0);
	if (next == stream->count || stream->segment[next].flow != cover->flow ||
	    stream->segment[next].seq - seq > left)
		return left;
	return stream->segment[next].seq - seq ? stream->segment[next].seq - seq : left;
}

/* Covers a packet's payload; its pieces are put behind stream->found. */
static int cover_packet(struct diff_stream *stream, struct cover *cover, struct shape *shape)
{
	const uint32_t full = diff_view_payload_full(&cover->view);
	int rc = 0;

	cover->first = stream->found.count;
	cover->covered = 0;
	cover->recut = true;
	diff_delta_init(&cover->delta);
	for (uint32_t at = 0, len = 0; !rc && at < full; at += len) {
		size_t number = best_segment(stream, cover, at, &len);
		const struct segment *segment;
		uint32_t from;

		if (number == SIZE_MAX) {
			len = gap(stream, cover, at);
			continue;
		}
		segment = &stream->segment[number];
		from = cover->view.seq + at - segment->seq;
		compare(cover, at, segment, from, len, shape, &cover->delta);
		if (!cover->covered)
			cover->before = segment->packet;
		cover->recut = from || len != full || segment->len != full;
		cover->covered += len;
		rc = add_range(&stream->found, &(struct range){ .segment = (uint32_t)number,
								.from = from,
								.to = from + len });
	}
	return rc;
}

/* ---- Judging ----------------------------------------------------------------------------------------- */

static void count_same(struct diff_stream *stream, const struct cover *cover)
{
	struct diff_work *work = stream->work;

	diff_work_same(
		work,
		diff_flows_get(work->flows, DIFF_BEFORE, work->before.packet[cover->before].flow),
		&cover->view.flow);
	work->diff->resegmented++;
}

/* No device cuts or merges such packets; its header was damaged, if nothing else was. */
static bool is_bad(const struct diff_view *view)
{
	return view->ip.verdict == SUM_BAD || view->sum.verdict == SUM_BAD;
}

static void note_header(struct cover *cover)
{
	const struct diff_view *view = &cover->view;
	const bool ip = view->ip.verdict == SUM_BAD;
	const struct diff_sum *sum = ip ? &view->ip : &view->sum;

	diff_delta_field(&cover->delta, ip ? DIFF_NETWORK : DIFF_TRANSPORT, ip ? 10 : 16, 2,
			 sum->computed, sum->stored);
}

static int count_changed(struct diff_stream *stream, struct cover *cover,
			 const struct diff_packet *packet)
{
	struct diff_work *work = stream->work;
	int rc;

	stream->found.count = cover->first;
	rc = cover_packet(stream, cover, &work->diff->shape);
	if (rc)
		return rc;
	if (!cover->delta.bits)
		note_header(cover);
	return diff_work_change(
		work,
		&(struct diff_change){ .before = (uint64_t)cover->before + 1,
				       .after = (uint64_t)packet->number + 1,
				       .before_ns = work->before.packet[cover->before].time_ns,
				       .after_ns = packet->time_ns,
				       .flow = cover->view.flow,
				       .seen = cover->view.bad,
				       .resegmented = cover->recut,
				       .where = cover->delta.where,
				       .was = cover->delta.was,
				       .is = cover->delta.is,
				       .offset = cover->delta.offset,
				       .bits = (uint32_t)cover->delta.bits });
}

/* Looks at a packet after; it is done, or its pieces are dropped again. */
static int judge(struct diff_stream *stream, struct diff_packet *packet, bool changed)
{
	struct cover cover = { .flow = packet->flow };
	const struct diff_delta *delta = &cover.delta;
	uint32_t full;
	int rc;

	diff_view_of(packet, &cover.view);
	if (!is_segment(&cover.view))
		return 0;
	rc = cover_packet(stream, &cover, NULL);
	if (rc)
		return rc;
	full = diff_view_payload_full(&cover.view);
	if (cover.covered == full && !delta->bits && cover.recut && !is_bad(&cover.view)) {
		packet->done = true;
		count_same(stream, &cover);
	} else if (changed && (delta->bits || is_bad(&cover.view)) && cover.covered >= full / 2 &&
		   diff_delta_sparse(delta)) {
		packet->done = true;
		rc = count_changed(stream, &cover, packet);
	} else {
		stream->found.count = cover.first;
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

/* Marks the segments done whose bytes were all found. */
static void settle(struct diff_stream *stream)
{
	struct ranges *found = &stream->found;

	if (found->count > 1)
		qsort(found->range, found->count, sizeof(*found->range), by_segment);
	for (size_t i = 0, next; i < found->count; i = next) {
		const struct segment *segment = &stream->segment[found->range[i].segment];
		uint32_t reached = 0;

		for (next = i;
		     next < found->count && found->range[next].segment == found->range[i].segment;
		     next++)
			if (found->range[next].from <= reached && found->range[next].to > reached)
				reached = found->range[next].to;
		if (reached >= segment->len)
			stream->work->before.packet[segment->packet].done = true;
	}
}

static int judge_all(struct diff_stream *stream, bool changed)
{
	struct diff_list *after = &stream->work->after;
	int rc = 0;

	for (size_t i = 0; !rc && stream->count && i < after->count; i++) {
		struct diff_packet *packet = &after->packet[i];

		if (!packet->done && packet->data &&
		    diff_flows_get(stream->work->flows, DIFF_AFTER, packet->flow)->proto ==
			    IPPROTO_TCP)
			rc = judge(stream, packet, changed);
	}
	if (!rc)
		settle(stream);
	return rc;
}

int diff_stream_equal(struct diff_stream *stream)
{
	return judge_all(stream, false);
}

int diff_stream_changed(struct diff_stream *stream)
{
	return judge_all(stream, true);
}
