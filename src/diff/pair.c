// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether two packets, one of each capture, are the same packet, and what changed: see pair.h.
 *
 * Evidence is counted in bits. The checksum field is the best evidence: damage on the way leaves it
 * alone, and NAT changes it by exactly as much as it changes addresses and ports (RFC 1624). So its
 * value in `after` can be computed from the packet of `before`. If a device computed the checksum
 * after the damage, only sequence numbers, the IP identification and the places in the captures are
 * left. A wrong pair is a false alarm: unless the packet's own checksum shows that it is damaged,
 * more evidence is needed.
 *
 * Hops rewrite the IP header, addresses and ports. So those are compared only if a checksum shows
 * that something there is damaged.
 */
#include "diff/pair.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sum/csum.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_HEADER 20

#define SPARSE_SHARE 4 /* at most one bit in four differs */
#define NEAR_SHARE 8
#define NEAR_BYTES_MIN 16
#define EQUAL_BYTES_MIN 32
#define RUN_MAX 64 /* bytes that were overwritten as a whole */

enum evidence {
	EVIDENCE_SEQ = 32, /* of a segment that has a place in the stream */
	EVIDENCE_SUM = 16,
	EVIDENCE_ID = 16,
	EVIDENCE_FLOW = 8,
	EVIDENCE_BYTES = 8, /* most bits of a payload are equal */
	EVIDENCE_PAYLOAD = 16, /* all bits of a longer one */
	/* How much is enough. */
	ENOUGH_EQUAL = 24,
	ENOUGH_BAD = 24, /* known to be damaged */
	ENOUGH_UNSEEN = 32,
	ENOUGH_HEADER = 48, /* only a header differs: it may have been sent twice */
};

/* ---- What differs ---- */

/* The order of the parts in a packet. */
static unsigned int rank(uint8_t where)
{
	return where == DIFF_NETWORK ? 0 : where == DIFF_TRANSPORT ? 1 : 2;
}

static void count_byte(struct diff_delta *delta, enum diff_where where, uint32_t offset,
		       uint8_t was, uint8_t is)
{
	const unsigned int bits = (unsigned int)__builtin_popcount(was ^ is);

	if (!bits)
		return;
	if (!delta->bits || rank(where) < rank(delta->where) ||
	    (where == delta->where && offset < delta->offset)) {
		delta->where = (uint8_t)where;
		delta->offset = offset;
		delta->was = was;
		delta->is = is;
	}
	delta->bits += bits;
	delta->payload_bits += where == DIFF_PAYLOAD ? bits : 0;
}

void diff_delta_add(struct diff_delta *delta, struct shape *shape, enum diff_where where,
		    uint32_t offset, const uint8_t *was, const uint8_t *is, uint32_t len)
{
	const uint32_t block = 64;

	for (uint32_t from = 0; from < len; from += block) {
		uint32_t to = len - from < block ? len : from + block;

		if (!memcmp(was + from, is + from, to - from))
			continue;
		for (uint32_t i = from; i < to; i++)
			count_byte(delta, where, offset + i, was[i], is[i]);
		if (shape && where == DIFF_PAYLOAD)
			shape_add(shape, offset + from, is + from, was + from, to - from);
	}
	delta->compared += len;
	delta->payload_compared += where == DIFF_PAYLOAD ? len : 0;
}

static void count_field(struct diff_delta *delta, enum diff_where where, uint32_t offset,
			uint32_t size, uint32_t was, uint32_t is)
{
	for (uint32_t i = 0; i < size; i++)
		count_byte(delta, where, offset + i, (uint8_t)(was >> 8 * (size - 1 - i)),
			   (uint8_t)(is >> 8 * (size - 1 - i)));
}

bool diff_delta_sparse(const struct diff_delta *delta)
{
	return delta->bits * SPARSE_SHARE <= delta->compared * 8;
}

/* Whether all that differs is one short run of bytes, which was overwritten as a whole. */
static bool is_run(const struct diff_delta *delta)
{
	return delta->end - delta->first <= RUN_MAX;
}

/* Widens the run to what differs in a range that begins `offset` bytes after `transport`. */
static void widen_run(struct diff_delta *delta, uint32_t offset, const uint8_t *was,
		      const uint8_t *is, uint32_t len)
{
	uint32_t first = 0;

	while (len && was[len - 1] == is[len - 1])
		len--;
	while (first < len && was[first] == is[first])
		first++;
	if (first == len)
		return;
	if (!delta->end || delta->first > offset + first)
		delta->first = offset + first;
	if (delta->end < offset + len)
		delta->end = offset + len;
}

/* Compares a range. `offset` and `payload`, where the payload begins, count from `transport`. */
static void compare_range(struct diff_pair *pair, uint32_t offset, uint32_t payload,
			  const uint8_t *was, const uint8_t *is, uint32_t len)
{
	const uint32_t head = offset >= payload	       ? 0
			      : payload - offset < len ? payload - offset
						       : len;

	diff_delta_add(&pair->delta, pair->shape, DIFF_TRANSPORT, offset, was, is, head);
	if (len > head)
		diff_delta_add(&pair->delta, pair->shape, DIFF_PAYLOAD, offset + head - payload,
			       was + head, is + head, len - head);
	widen_run(&pair->delta, offset, was, is, len);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* How many bits differ in 8 * `words` bytes; stops at `limit`. */
static uint64_t count_bits(const uint8_t *a, const uint8_t *b, size_t words, uint64_t limit)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < words && bits <= limit; i++) {
		uint64_t one, other;

		memcpy(&one, a + 8 * i, sizeof(one));
		memcpy(&other, b + 8 * i, sizeof(other));
		bits += (uint64_t)__builtin_popcountll(one ^ other);
	}
	return bits;
}

/* Whether too much differs, unless it is a run. Quick: most candidates are other packets. */
static bool is_other(const uint8_t *was, const uint8_t *is, uint32_t len, uint32_t compared)
{
	const uint64_t limit = (uint64_t)compared * 8 / SPARSE_SHARE;
	uint32_t first = 0, last = len;

	if (len <= RUN_MAX || count_bits(was, is, len / 8, limit) <= limit)
		return false;
	while (first < len && was[first] == is[first])
		first++;
	while (last > first && was[last - 1] == is[last - 1])
		last--;
	return last - first > RUN_MAX;
}

/* False: they are different packets, and not all of their bytes were compared. */
static bool compare_bytes(struct diff_pair *pair)
{
	const struct diff_view *before = pair->before, *after = pair->after;
	const uint32_t len = least(before->end - before->transport, after->end - after->transport);
	const uint32_t head = least(before->head_len, after->head_len);
	const uint32_t payload = before->payload - before->transport;
	const uint8_t *was = before->data + before->transport + head;
	const uint8_t *is = after->data + after->transport + head;

	if (is_other(was, is, len - head, len))
		return false;
	compare_range(pair, 0, payload, before->head, after->head, head);
	compare_range(pair, head, payload, was, is, len - head);
	return true;
}

/* For TCP whose options were removed or added. */
static void compare_around_options(struct diff_pair *pair)
{
	const struct diff_view *before = pair->before, *after = pair->after;
	static const uint8_t nothing[DIFF_VIEW_HEAD];
	const uint32_t both = least(before->head_len, after->head_len);
	const bool more = before->head_len > after->head_len;
	const uint32_t other = (more ? before : after)->head_len - both;

	compare_range(pair, 0, both, before->head, after->head, both);
	compare_range(pair, both, both + other, more ? before->head + both : nothing,
		      more ? nothing : after->head + both, other);
	compare_range(pair, both + other, both + other, before->data + before->payload,
		      after->data + after->payload, least(before->payload_len, after->payload_len));
}

/* ---- Checksums ---- */

static bool sums_agree(uint32_t a, uint32_t b)
{
	return a == b || (a % 0xffff == 0 && b % 0xffff == 0 && a <= 0xffff && b <= 0xffff);
}

static uint16_t sum_of_addresses(const struct packet_flow *flow)
{
	return csum_add(csum_add(0, flow->src, sizeof(flow->src)), flow->dst, sizeof(flow->dst));
}

static uint16_t sum_of_ports(const struct packet_flow *flow)
{
	return csum_plus(flow->src_port, flow->dst_port);
}

/* The checksum in `before`; if it is unfinished, what it will be. False: there is none. */
static bool sum_before(const struct diff_view *before, uint32_t *ret_field)
{
	*ret_field =
		before->sum.verdict == SUM_UNFINISHED ? before->sum.computed : before->sum.stored;
	return before->sum.verdict != SUM_UNKNOWN && before->sum.verdict != SUM_NONE &&
	       before->sum.verdict != SUM_ILLEGAL_NONE;
}

/*
 * What the checksum is in `after` if only masked bytes changed, and addresses and ports became
 * `flow`.
 */
static bool sum_due(const struct diff_pair *pair, const struct packet_flow *flow,
		    uint32_t *ret_field)
{
	const struct diff_view *before = pair->before, *after = pair->after;
	uint32_t field;
	uint16_t sum;

	if (!sum_before(before, &field))
		return false;
	*ret_field = field;
	if (before->sum.wide)
		return before->masked == after->masked;
	sum = csum_plus((uint16_t)~field, csum_minus(after->masked, before->masked));
	if (before->protocol && before->protocol->pseudo)
		sum = csum_plus(
			sum, csum_minus(sum_of_addresses(flow), sum_of_addresses(&before->flow)));
	if (before->protocol && before->protocol->ports)
		sum = csum_plus(sum, csum_minus(sum_of_ports(flow), sum_of_ports(&after->flow)));
	*ret_field = (uint16_t)~sum;
	return true;
}

static bool sum_fits(const struct diff_pair *pair, const struct packet_flow *flow)
{
	uint32_t field;

	return sum_due(pair, flow, &field) && sums_agree(field, pair->after->sum.stored);
}

/* Whether the bad checksum of the IPv4 header is right with the addresses of `flow`. */
static bool header_fits(const struct diff_view *after, const struct packet_flow *flow)
{
	uint16_t sum =
		csum_plus((uint16_t)~after->ip.computed,
			  csum_minus(sum_of_addresses(flow), sum_of_addresses(&after->flow)));

	return after->ip.verdict == SUM_BAD && sums_agree((uint16_t)~sum, after->ip.stored);
}

/* ---- Fields that a hop may rewrite ---- */

static void count_addresses(struct diff_pair *pair)
{
	const struct packet_flow *was = &pair->expected, *is = &pair->after->flow;
	const uint32_t size = was->family == AF_INET ? 4 : 16;
	const uint32_t at = was->family == AF_INET ? 12 : 8;

	for (uint32_t i = 0; i < size; i++) {
		count_byte(&pair->delta, DIFF_NETWORK, at + i, was->src[i], is->src[i]);
		count_byte(&pair->delta, DIFF_NETWORK, at + size + i, was->dst[i], is->dst[i]);
	}
	count_field(&pair->delta, DIFF_TRANSPORT, 0, 2, was->src_port, is->src_port);
	count_field(&pair->delta, DIFF_TRANSPORT, 2, 2, was->dst_port, is->dst_port);
}

/* If a checksum is right with the expected addresses and ports, those in the packet are damaged. */
static void compare_flow(struct diff_pair *pair)
{
	const struct packet_flow *is = &pair->after->flow;
	const bool equal = !memcmp(&pair->expected, is, sizeof(*is)); /* it has no padding */

	pair->evidence += equal ? EVIDENCE_FLOW : 0;
	pair->sum_agrees = sum_fits(pair, is);
	if (!equal && pair->expected.family == is->family && pair->expected.proto == is->proto &&
	    (header_fits(pair->after, &pair->expected) ||
	     (!pair->sum_agrees && sum_fits(pair, &pair->expected)))) {
		count_addresses(pair);
		pair->sum_agrees = sum_fits(pair, &pair->expected);
		pair->evidence += EVIDENCE_FLOW;
	}
	pair->evidence += pair->sum_agrees ? EVIDENCE_SUM : 0;
}

/*
 * A bad IPv4 header checksum that no other field explains: if the checksum fits the time to live or
 * type of service that the packet had in `before`, that field is damaged; else the checksum field
 * is.
 */
static void count_header_sum(struct diff_pair *pair, const uint8_t *was, const uint8_t *is)
{
	const struct diff_sum *ip = &pair->after->ip;

	for (unsigned int hops = 0; hops < 4 && hops < was[8]; hops++) {
		const uint8_t ttl = (uint8_t)(was[8] - hops);
		const uint16_t word = (uint16_t)(is[8] << 8 | is[9]);
		const uint16_t due = (uint16_t)(ttl << 8 | is[9]);

		if (!sums_agree(csum_update((uint16_t)ip->computed, word, due), ip->stored) ||
		    __builtin_popcount(ttl ^ is[8]) > __builtin_popcount(ip->computed ^ ip->stored))
			continue;
		count_byte(&pair->delta, DIFF_NETWORK, 8, ttl, is[8]);
		return;
	}
	if (sums_agree(csum_update((uint16_t)ip->computed, is[1], was[1]), ip->stored))
		count_byte(&pair->delta, DIFF_NETWORK, 1, was[1], is[1]);
	else
		count_field(&pair->delta, DIFF_NETWORK, 10, 2, ip->computed, ip->stored);
}

/* Bytes of an IP header that hops leave alone if they forward the packet whole. */
static const uint8_t fixed4[] = { 0, 2, 3, 4, 5, 6, 7, 9 }, fixed6[] = { 4, 5, 6 };

static void compare_network(struct diff_pair *pair, bool like)
{
	const struct diff_view *before = pair->before, *after = pair->after;
	const uint8_t *was = before->data + before->network, *is = after->data + after->network;
	const bool bad = after->ip.verdict == SUM_BAD && before->ip.verdict != SUM_BAD;
	const uint64_t bits = pair->delta.bits;
	const bool v4 = before->flow.family == AF_INET;

	if (before->flow.family != after->flow.family || (!like && !bad))
		return;
	for (size_t i = 0; i < (v4 ? sizeof(fixed4) : sizeof(fixed6)); i++) {
		const uint8_t at = v4 ? fixed4[i] : fixed6[i];

		count_byte(&pair->delta, DIFF_NETWORK, at, was[at], is[at]);
	}
	if (like && !v4)
		count_byte(&pair->delta, DIFF_NETWORK, 0, was[0] & 0xf0, is[0] & 0xf0);
	if (bad && pair->delta.bits == bits && !header_fits(after, &pair->expected))
		count_header_sum(pair, was, is);
	pair->delta.compared += v4 ? 20 : 40;
}

/*
 * Called if only masked bytes differ (for example an echo's identifier). If the checksum fits the
 * bytes that the packet had in `before`, the masked bytes are damaged: counts them. Else false.
 */
static bool count_masked(struct diff_pair *pair)
{
	const struct diff_view *before = pair->before, *after = pair->after;
	const uint8_t *was = before->data + before->transport, *is = after->data + after->transport;
	const struct diff_protocol *protocol = after->protocol;
	uint16_t sum = csum_plus((uint16_t)~after->sum.computed,
				 csum_minus(before->masked, after->masked));

	if (protocol->sum_len != 2 || before->masked == after->masked ||
	    !sums_agree((uint16_t)~sum, after->sum.stored))
		return false;
	for (uint32_t at = 0; at < before->head_len && at < after->head_len; at++)
		if (at - protocol->sum_at >= protocol->sum_len)
			count_byte(&pair->delta, DIFF_TRANSPORT, at, was[at], is[at]);
	return true;
}

/* The checksum field is damaged if no other difference explains why the sum is wrong. */
static void compare_sum(struct diff_pair *pair)
{
	const struct diff_view *after = pair->after;
	uint32_t due;

	if (after->sum.verdict != SUM_BAD || pair->before->sum.verdict == SUM_BAD ||
	    !after->protocol)
		return;
	if (!pair->delta.bits) {
		due = after->sum.computed;
		if (count_masked(pair))
			return;
	} else if (pair->sum_agrees || !sum_due(pair, &after->flow, &due)) {
		return;
	}
	count_field(&pair->delta, DIFF_TRANSPORT, after->protocol->sum_at, after->protocol->sum_len,
		    due, after->sum.stored);
}

/* ---- Together ---- */

enum layout { LAYOUT_SAME, LAYOUT_OPTIONS, LAYOUT_LIKE };

static bool cut(const struct diff_view *view)
{
	return view->end - view->transport < view->full;
}

static bool in_stream(const struct diff_view *view)
{
	return view->flow.proto == IPPROTO_TCP && !view->start &&
	       (view->payload_full || view->tcp_flags & (TCP_SYN | TCP_FIN));
}

static enum layout layout_of(const struct diff_view *before, const struct diff_view *after)
{
	const bool same_kind = !before->flow.family == !after->flow.family &&
			       before->flow.proto == after->flow.proto &&
			       before->fragment == after->fragment &&
			       before->start == after->start && before->parsed <= after->parsed;

	if (same_kind && before->full == after->full &&
	    (before->head_len == after->head_len || cut(before) || cut(after)))
		return LAYOUT_SAME;
	if (same_kind && in_stream(before) && in_stream(after) && !before->fragment &&
	    before->head_len >= TCP_HEADER && after->head_len >= TCP_HEADER &&
	    before->payload_full == after->payload_full)
		return LAYOUT_OPTIONS;
	return LAYOUT_LIKE;
}

static void weigh(struct diff_pair *pair)
{
	const struct diff_view *before = pair->before, *after = pair->after;
	const struct diff_delta *delta = &pair->delta;

	pair->placed = pair->position;
	if (in_stream(before) && before->seq == after->seq)
		pair->placed += EVIDENCE_SEQ;
	if (before->id && before->id == after->id)
		pair->placed += EVIDENCE_ID;
	pair->evidence += pair->placed;
	if (delta->payload_compared >= EQUAL_BYTES_MIN && !delta->payload_bits)
		pair->evidence += EVIDENCE_PAYLOAD;
	else if (delta->payload_compared >= NEAR_BYTES_MIN &&
		 delta->payload_bits * NEAR_SHARE <= delta->payload_compared * 8)
		pair->evidence += EVIDENCE_BYTES;
	pair->newly_bad = (after->ip.verdict == SUM_BAD && before->ip.verdict != SUM_BAD) ||
			  (after->sum.verdict == SUM_BAD && before->sum.verdict != SUM_BAD);
}

/* Compares the fields that a hop may rewrite. */
static void compare_rest(struct diff_pair *pair, bool like)
{
	pair->evidence = 0;
	pair->sum_agrees = false;
	compare_flow(pair);
	compare_network(pair, like);
	compare_sum(pair);
	weigh(pair);
}

static bool may_pair(const struct diff_delta *delta)
{
	return diff_delta_sparse(delta) || is_run(delta);
}

static bool compare_as(struct diff_pair *pair, enum layout layout)
{
	pair->delta = (struct diff_delta){ 0 };
	if (layout == LAYOUT_OPTIONS)
		compare_around_options(pair);
	else if (!compare_bytes(pair))
		return false;
	if (!may_pair(&pair->delta))
		return false;
	compare_rest(pair, layout == LAYOUT_LIKE);
	return may_pair(&pair->delta);
}

/* A damaged type makes the masks differ: masks in both packets what is masked in either. */
static bool compare_masked(struct diff_pair *pair, enum layout layout)
{
	struct diff_view before = *pair->before, after = *pair->after;
	struct diff_pair masked = *pair;
	bool found;

	diff_view_mask_both(&before, &after);
	masked.before = &before;
	masked.after = &after;
	found = compare_as(&masked, layout);
	masked.before = pair->before;
	masked.after = pair->after;
	*pair = masked;
	return found;
}

static bool is_accepted(const struct diff_pair *pair)
{
	const struct diff_delta *delta = &pair->delta;
	unsigned int enough = pair->newly_bad ? ENOUGH_BAD : ENOUGH_UNSEEN;

	if (!delta->bits)
		enough = ENOUGH_EQUAL;
	else if (!diff_delta_sparse(delta))
		enough = DIFF_EVIDENCE_SURE;
	else if (!delta->payload_bits && !pair->newly_bad && !pair->sum_agrees)
		enough = ENOUGH_HEADER;
	/* Different texts and counters have equal sums too often. */
	if (delta->bits && !pair->newly_bad && !pair->placed)
		return false;
	return pair->evidence >= enough;
}

bool diff_pair_compare(struct diff_pair *pair)
{
	const struct diff_view *before = pair->before, *after = pair->after;
	enum layout layout = layout_of(before, after);
	struct diff_view like;
	bool may_be;

	if (layout == LAYOUT_LIKE) {
		if (!diff_view_like(before, after, &like))
			return false;
		pair->after = &like;
	}
	if (layout == LAYOUT_OPTIONS ||
	    !memcmp(before->mask, pair->after->mask, sizeof(before->mask)))
		may_be = compare_as(pair, layout);
	else
		may_be = compare_masked(pair, layout);
	pair->before = before;
	pair->after = after;
	/* Its headers make no sense any more. */
	if (layout == LAYOUT_LIKE && (!after->flow.family || !after->parsed))
		pair->newly_bad = before->parsed;
	pair->accepted = may_be && is_accepted(pair);
	return may_be;
}
