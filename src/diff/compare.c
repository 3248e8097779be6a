// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The second pass: see compare.h. Two things make an undamaged packet a copy of a damaged one:
 *
 * - TCP: the same flow and overlapping sequence numbers, as a retransmission has. Only the
 *   payload is compared, since a retransmission's header may differ.
 * - Any protocol: a packet of the same length whose right checksum is the one that the damaged
 *   packet carries, which was computed before the damage; or one with the same flow, IP
 *   identification and length (the checksum itself may be damaged). Header and payload are
 *   compared.
 *
 * Either way most bytes have to be equal. Damaged packets are targets, found by (flow, sequence
 * number or identification) and by (checksum, length).
 */
#include "diff/compare.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"

#define FAR (SHAPE_STRIDE << 16) /* a multiple of the stride, longer than any header */
#define BITS_FEW 8 /* differ in packets that are alike without other evidence */
#define TELL_EVERY 65536 /* packets */
#define TARGETS_TRIED 64 /* a packet, in each way: many may be damaged alike */

/* A packet as it is compared, damaged or not. */
struct piece_of_flow {
	const uint8_t *segment; /* transport header and payload */
	uint32_t len, header; /* bytes of both, and of the header */
	bool whole; /* nothing of it was cut off */
	bool tcp;
	uint32_t seq;
	uint16_t id; /* IPv4 identification; 0: none */
	uint32_t sum; /* right value of the checksum field: damaged packets carry it */
	const struct packet_flow *flow;
};

struct target {
	struct scan_damage *damage;
	uint32_t row, key; /* of the flow; sequence number, or identification */
	uint32_t next; /* of those with the same hash of checksum and length */
	uint32_t len, header, sum;
	uint32_t segment; /* offset in damage->data */
	uint16_t id;
	uint8_t proto;
};

struct comparer {
	struct scan *scan;
	struct comparison *result;
	struct target *targets; /* by row, then key */
	uint32_t count;
	uint32_t *chains; /* by hash: target; UINT32_MAX: none */
	uint32_t mask;
	uint32_t longest; /* TCP payload of a target */
};

static uint16_t identification(const uint8_t *data, const struct packet_judgement *judgement)
{
	const uint8_t *field = data + judgement->network + 4;

	return judgement->flow.family == AF_INET ? (uint16_t)(field[0] << 8 | field[1]) : 0;
}

/* The layer that covers what lies behind the innermost IP header. */
static const struct packet_layer *transport_layer(const struct packet_judgement *judgement)
{
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].offset == judgement->transport &&
		    judgement->layer[i].kind != LAYER_IPV4)
			return &judgement->layer[i];
	return NULL;
}

static bool cut_piece(const uint8_t *data, const struct packet_judgement *judgement,
		      struct piece_of_flow *ret)
{
	const struct packet_layer *layer = transport_layer(judgement);

	if (!layer || judgement->fragment.is || judgement->payload < judgement->transport)
		return false;
	*ret = (struct piece_of_flow){
		.segment = data + judgement->transport,
		.header = judgement->payload - judgement->transport,
		.len = judgement->payload - judgement->transport + judgement->payload_len,
		.whole = judgement->payload_len == judgement->payload_full,
		.tcp = layer->kind == LAYER_TCP,
		.seq = judgement->seq,
		.id = identification(data, judgement),
		.sum = layer->verdict == SUM_BAD ? layer->stored : layer->computed,
		.flow = &judgement->flow,
	};
	return true;
}

/* ---- Targets ---- */

static uint32_t chain_of(const struct comparer *comparer, uint32_t sum, uint32_t len)
{
	return (sum * UINT32_C(0x9e3779b1) ^ len * UINT32_C(0x85ebca6b)) >> 7 & comparer->mask;
}

static int by_row_and_key(const void *a, const void *b)
{
	const struct target *left = a, *right = b;

	if (left->row != right->row)
		return left->row < right->row ? -1 : 1;
	return (left->key > right->key) - (left->key < right->key);
}

static bool make_target(struct scan_damage *damage, struct target *ret)
{
	struct packet_judgement judgement;
	struct piece_of_flow piece;

	if (damage->fate != DAMAGE_NO_COPY)
		return false;
	packet_judge(damage->link, damage->data, damage->captured, damage->len, &judgement);
	if (damage->kind == LAYER_IPV4) {
		damage->fate = DAMAGE_IN_IP;
		return false;
	}
	if (!cut_piece(damage->data, &judgement, &piece))
		return false;
	damage->header = (uint16_t)piece.header;
	*ret = (struct target){
		.damage = damage,
		.row = damage->flow,
		.key = piece.tcp ? piece.seq : piece.id,
		.len = piece.len,
		.header = piece.header,
		.sum = piece.sum,
		.segment = judgement.transport,
		.id = piece.id,
		.proto = judgement.flow.proto,
	};
	return true;
}

static int make_targets(struct comparer *comparer)
{
	struct scan *scan = comparer->scan;
	uint32_t chains = 1024;

	while (chains < 2 * scan->damage_count)
		chains *= 2;
	comparer->targets = calloc(scan->damage_count, sizeof(*comparer->targets));
	comparer->chains = malloc(chains * sizeof(*comparer->chains));
	if (!comparer->targets || !comparer->chains)
		return -ENOMEM;
	comparer->mask = chains - 1;
	memset(comparer->chains, 0xff, chains * sizeof(*comparer->chains));
	for (size_t i = 0; i < scan->damage_count; i++)
		if (make_target(&scan->damage[i], &comparer->targets[comparer->count]))
			comparer->count++;
	if (comparer->count)
		qsort(comparer->targets, comparer->count, sizeof(*comparer->targets),
		      by_row_and_key);
	for (uint32_t i = comparer->count; i-- > 0;) {
		struct target *target = &comparer->targets[i];
		uint32_t *chain = &comparer->chains[chain_of(comparer, target->sum, target->len)];

		target->next = *chain;
		*chain = i;
		if (target->row < flows_count(scan->flows))
			flows_row(scan->flows, target->row)->from = i;
		if (target->len - target->header > comparer->longest)
			comparer->longest = target->len - target->header;
	}
	return 0;
}

/* ---- Comparing ---- */

static uint32_t bytes_changed(const uint8_t *got, const uint8_t *want, uint32_t len,
			      uint32_t *ret_bits)
{
	uint32_t bytes = 0, bits = 0;

	for (uint32_t i = 0; i < len; i++) {
		if (got[i] == want[i])
			continue;
		bytes++;
		bits += (uint32_t)__builtin_popcount((unsigned int)(got[i] ^ want[i]));
	}
	*ret_bits = bits;
	return bytes;
}

static void note_flips(struct scan_damage *damage, uint32_t offset, uint8_t got, uint8_t want)
{
	for (uint8_t bit = 0; bit < 8; bit++) {
		if (!((got ^ want) >> bit & 1))
			continue;
		if (damage->bits < DAMAGE_FLIPS)
			damage->flips[damage->bits] = (struct damage_flip){
				.offset = (uint16_t)offset, .bit = bit, .up = got >> bit & 1
			};
		damage->bits++;
	}
}

/* `got` lies `offset` bytes behind the beginning of the target's transport header. */
static void take(struct comparer *comparer, struct target *target, uint32_t offset,
		 const uint8_t *got, const uint8_t *want, uint32_t len, uint64_t frame)
{
	struct comparison *result = comparer->result;
	struct scan_damage *damage = target->damage;

	for (uint32_t i = 0; i < len; i++) {
		if (got[i] == want[i])
			continue;
		if (offset + i < target->header)
			result->header_bits +=
				(uint64_t)__builtin_popcount((unsigned int)(got[i] ^ want[i]));
		note_flips(damage, offset + i, got[i], want[i]);
	}
	/* Offsets count from the payload; a header ends where it begins. */
	result->bits += shape_add(&result->shape, FAR + offset - target->header, got, want, len);
	damage->copy = frame;
	damage->fate = DAMAGE_COMPARED;
}

static void compare_payload(struct comparer *comparer, struct target *target,
			    const struct piece_of_flow *piece, uint64_t frame)
{
	int32_t ahead = (int32_t)(piece->seq - target->key);
	uint32_t skip_target = ahead > 0 ? (uint32_t)ahead : 0,
		 skip_piece = ahead < 0 ? (uint32_t)-ahead : 0;
	uint32_t of_target = target->len - target->header, of_piece = piece->len - piece->header;
	const uint8_t *got = target->damage->data + target->segment + target->header + skip_target;
	const uint8_t *want = piece->segment + piece->header + skip_piece;
	uint32_t len, bits, bytes;

	if (skip_target >= of_target || skip_piece >= of_piece)
		return;
	len = of_target - skip_target < of_piece - skip_piece ? of_target - skip_target
							      : of_piece - skip_piece;
	bytes = bytes_changed(got, want, len, &bits);
	if (bits && (bytes <= len / 4 * 3 || bits <= BITS_FEW))
		take(comparer, target, target->header + skip_target, got, want, len, frame);
}

/* `sure`: there is more evidence that both are the same packet than their checksum and length. */
static void compare_segment(struct comparer *comparer, struct target *target,
			    const struct piece_of_flow *piece, bool sure, uint64_t frame)
{
	const uint8_t *got = target->damage->data + target->segment;
	uint32_t bits, bytes;

	if (piece->len != target->len || !piece->whole)
		return;
	bytes = bytes_changed(got, piece->segment, piece->len, &bits);
	if (bits && (bits <= BITS_FEW || (sure && bytes <= piece->len / 4 * 3)))
		take(comparer, target, 0, got, piece->segment, piece->len, frame);
}

/* The first target of the row whose key is `key` or above. */
static uint32_t lower_bound(const struct comparer *comparer, uint32_t from, uint32_t row,
			    uint32_t key)
{
	uint32_t low = from, high = comparer->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct target *target = &comparer->targets[middle];

		if (target->row < row || (target->row == row && target->key < key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* All targets of the flow with keys first .. last. */
static void try_keys(struct comparer *comparer, const struct flow_row *row,
		     const struct piece_of_flow *piece, uint32_t first, uint32_t last,
		     uint64_t frame)
{
	uint32_t number = (uint32_t)(row - flows_row(comparer->scan->flows, 0));
	uint32_t begin = lower_bound(comparer, row->from, number, first);

	for (uint32_t i = begin; i < comparer->count && i - begin < TARGETS_TRIED; i++) {
		struct target *target = &comparer->targets[i];

		if (target->row != number || target->key > last)
			return;
		if (target->damage->fate == DAMAGE_NO_COPY && piece->tcp)
			compare_payload(comparer, target, piece, frame);
		if (target->damage->fate == DAMAGE_NO_COPY && piece->id && target->id == piece->id)
			compare_segment(comparer, target, piece, true, frame);
	}
}

/*
 * Targets that begin up to the longest one's payload before the piece, or inside of it; numbers
 * wrap.
 */
static void try_sequence(struct comparer *comparer, const struct flow_row *row,
			 const struct piece_of_flow *piece, uint64_t frame)
{
	uint32_t first = piece->seq - comparer->longest,
		 last = piece->seq + piece->len - piece->header;

	if (first <= last) {
		try_keys(comparer, row, piece, first, last, frame);
	} else {
		try_keys(comparer, row, piece, first, UINT32_MAX, frame);
		try_keys(comparer, row, piece, 0, last, frame);
	}
}

static void try_sum(struct comparer *comparer, const struct flow_row *row,
		    const struct piece_of_flow *piece, uint64_t frame)
{
	uint32_t *link = &comparer->chains[chain_of(comparer, piece->sum, piece->len)];
	uint32_t number = row ? (uint32_t)(row - flows_row(comparer->scan->flows, 0)) : 0;

	for (unsigned int tried = 0; *link < comparer->count && tried < TARGETS_TRIED;) {
		struct target *target = &comparer->targets[*link];
		bool same_flow = row && target->row == number;

		if (target->damage->fate == DAMAGE_COMPARED) {
			*link = target->next;
			continue;
		}
		link = &target->next;
		tried++;
		if (target->sum == piece->sum && target->proto == piece->flow->proto)
			compare_segment(comparer, target, piece,
					same_flow && piece->id && piece->id == target->id, frame);
	}
}

static void try_packet(struct comparer *comparer, const struct record *record,
		       const struct packet_judgement *judgement, const struct flow_row *row,
		       uint64_t frame)
{
	const struct packet_layer *layer = transport_layer(judgement);
	struct piece_of_flow piece;
	bool finished = layer && (layer->verdict == SUM_GOOD || layer->verdict == SUM_ARTEFACT);
	/* A device merges only what it found undamaged. */
	bool merged = layer && layer->verdict == SUM_UNKNOWN && layer->reason == REASON_MERGED;

	if (!(finished || merged) || !cut_piece(record->data, judgement, &piece))
		return;
	if (row && piece.tcp)
		try_sequence(comparer, row, &piece, frame);
	else if (row && piece.id && finished)
		try_keys(comparer, row, &piece, piece.id, piece.id, frame);
	if (finished && piece.whole)
		try_sum(comparer, row, &piece, frame);
}

/* ---- The pass ---- */

static void read_all(struct comparer *comparer, struct capture *capture, struct reader *reader,
		     const struct pass_watch *watch)
{
	bool mapped = capture_mapped(capture);
	uint64_t frame = 0, done, total;
	struct record record;

	while (reader_next(reader, &record) == 1) {
		struct packet_judgement judgement;
		struct flow_row *row;

		frame++;
		if (!packet_link_known(record.link))
			continue;
		packet_judge(record.link, record.data, record.captured, record.len, &judgement);
		row = flows_find(comparer->scan->flows, &judgement.flow);
		if (row)
			row->packets++;
		if (judgement.verdict != SUM_BAD)
			try_packet(comparer, &record, &judgement, row, frame);
		if (frame % TELL_EVERY || !watch || !watch->tell)
			continue;
		capture_progress(capture, &done, &total);
		watch->tell(watch->owner, mapped ? reader_at(reader) : done, total,
			    comparer->scan->damaged);
	}
}

int compare_damage(struct capture *capture, const struct pass_watch *watch, struct scan *scan,
		   struct comparison *ret_comparison)
{
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	struct comparison comparison = { 0 };
	struct comparer comparer = { .scan = scan, .result = &comparison };
	int rc = capture_rewind(capture);

	rc = rc ? rc : reader_new(capture, &reader);
	if (rc)
		return rc;
	rc = make_targets(&comparer);
	if (!rc)
		read_all(&comparer, capture, reader, watch);
	free(comparer.targets);
	free(comparer.chains);
	if (rc)
		return fail(rc, "out of memory");
	for (size_t i = 0; i < scan->damage_count; i++)
		comparison.fate[scan->damage[i].fate]++;
	*ret_comparison = comparison;
	return 0;
}
