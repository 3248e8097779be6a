// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looks for undamaged copies of damaged packets in the same capture: see diff.h. Two things make
 * an undamaged packet a copy of a damaged one:
 *
 * - TCP: the same flow and overlapping sequence numbers, as a retransmission has. Only the
 *   payload is compared, since a retransmission's header may differ.
 * - Any protocol: a packet of the same length whose right checksum is the one that the damaged
 *   packet carries, which was computed before the damage; or one with the same flow, IP
 *   identification and length (the checksum itself may be damaged). Header and payload are
 *   compared.
 *
 * In either case most bytes must be equal. The damaged packets are targets. They are found by
 * flow and sequence number (without TCP: identification), and by checksum and length.
 */
#include "diff/diff.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "pcap/scan.h"

#define FAR (SHAPE_STRIDE << 16) /* a multiple of the stride, longer than any header */
#define BITS_FEW 8 /* if no more differ, packets are copies without other evidence */
/*
 * how many targets a packet is compared with, by flow and by checksum: equal damage can make many
 * alike
 */
#define TARGETS_TRIED 64

/* The part of a packet that is compared. */
struct piece {
	const uint8_t *segment; /* transport header and payload */
	uint32_t len, header; /* bytes of both, and of the header */
	bool whole; /* nothing of it was cut off */
	bool tcp;
	uint32_t seq;
	uint16_t id; /* IPv4 identification; 0: none */
	uint32_t sum; /* the right checksum; a damaged packet carries it */
	const struct packet_flow *flow;
};

struct target {
	struct scan_damage *damage;
	uint32_t row, key; /* of the flow; sequence number (without TCP: identification) */
	uint32_t next; /* target with the same hash of checksum and length */
	uint32_t len, header, sum;
	uint32_t segment; /* offset in damage->data */
	uint16_t id;
	uint8_t proto;
};

struct copy_search {
	const struct pass_watch *watch; /* may be NULL */
	struct scan *scan;
	struct diff_copies *result;
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

/* The checksum after the innermost IP header; NULL: there is none. */
static const struct packet_layer *transport_layer(const struct packet_judgement *judgement)
{
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].offset == judgement->transport &&
		    judgement->layer[i].kind != LAYER_IPV4)
			return &judgement->layer[i];
	return NULL;
}

static bool cut_piece(const uint8_t *data, const struct packet_judgement *judgement,
		      struct piece *ret)
{
	const struct packet_layer *layer = transport_layer(judgement);

	if (!layer || judgement->fragment.is || judgement->payload < judgement->transport)
		return false;
	*ret = (struct piece){
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

static uint32_t chain_of(const struct copy_search *search, uint32_t sum, uint32_t len)
{
	return (sum * UINT32_C(0x9e3779b1) ^ len * UINT32_C(0x85ebca6b)) >> 7 & search->mask;
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
	struct piece piece;

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

static int make_targets(struct copy_search *search)
{
	struct scan *scan = search->scan;
	uint32_t chains = 1024;

	while (chains < 2 * scan->damage_count)
		chains *= 2;
	search->targets = calloc(scan->damage_count, sizeof(*search->targets));
	search->chains = malloc(chains * sizeof(*search->chains));
	if (!search->targets || !search->chains)
		return -ENOMEM;
	search->mask = chains - 1;
	memset(search->chains, 0xff, chains * sizeof(*search->chains));
	for (size_t i = 0; i < scan->damage_count; i++)
		if (make_target(&scan->damage[i], &search->targets[search->count]))
			search->count++;
	if (search->count)
		qsort(search->targets, search->count, sizeof(*search->targets), by_row_and_key);
	for (uint32_t i = search->count; i-- > 0;) {
		struct target *target = &search->targets[i];
		uint32_t *chain = &search->chains[chain_of(search, target->sum, target->len)];

		target->next = *chain;
		*chain = i;
		if (target->row < flows_count(scan->flows))
			flows_row(scan->flows, target->row)->from = i;
		if (target->len - target->header > search->longest)
			search->longest = target->len - target->header;
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

/*
 * Takes the packet as the copy. `got` is `offset` bytes after the start of the target's transport
 * header.
 */
static void take_copy(struct copy_search *search, struct target *target, uint32_t offset,
		      const uint8_t *got, const uint8_t *want, uint32_t len, uint64_t frame)
{
	struct diff_copies *result = search->result;
	struct scan_damage *damage = target->damage;

	for (uint32_t i = 0; i < len; i++) {
		if (got[i] == want[i])
			continue;
		if (offset + i < target->header)
			result->header_bits +=
				(uint64_t)__builtin_popcount((unsigned int)(got[i] ^ want[i]));
		note_flips(damage, offset + i, got[i], want[i]);
	}
	/* Offsets count from the payload: a header's bytes come before it. */
	result->bits += shape_add(&result->shape, FAR + offset - target->header, got, want, len);
	detect_add(&result->damage, FAR + offset - target->header, got, want, len);
	result->compared++;
	damage->copy = frame;
	damage->fate = DAMAGE_COMPARED;
}

static void compare_payload(struct copy_search *search, struct target *target,
			    const struct piece *piece, uint64_t frame)
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
		take_copy(search, target, target->header + skip_target, got, want, len, frame);
}

/* `sure`: more than their checksum and length shows that both are the same packet. */
static void compare_whole(struct copy_search *search, struct target *target,
			  const struct piece *piece, bool sure, uint64_t frame)
{
	const uint8_t *got = target->damage->data + target->segment;
	uint32_t bits, bytes;

	if (piece->len != target->len || !piece->whole)
		return;
	bytes = bytes_changed(got, piece->segment, piece->len, &bits);
	if (bits && (bits <= BITS_FEW || (sure && bytes <= piece->len / 4 * 3)))
		take_copy(search, target, 0, got, piece->segment, piece->len, frame);
}

/* The first target of the row whose key is `key` or above. */
static uint32_t first_target(const struct copy_search *search, uint32_t from, uint32_t row,
			     uint32_t key)
{
	uint32_t low = from, high = search->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct target *target = &search->targets[middle];

		if (target->row < row || (target->row == row && target->key < key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Tries all targets of the flow with keys first .. last. */
static void try_keys(struct copy_search *search, const struct flow_row *row,
		     const struct piece *piece, uint32_t first, uint32_t last, uint64_t frame)
{
	uint32_t number = (uint32_t)(row - flows_row(search->scan->flows, 0));
	uint32_t begin = first_target(search, row->from, number, first);

	for (uint32_t i = begin; i < search->count && i - begin < TARGETS_TRIED; i++) {
		struct target *target = &search->targets[i];

		if (target->row != number || target->key > last)
			return;
		if (target->damage->fate == DAMAGE_NO_COPY && piece->tcp)
			compare_payload(search, target, piece, frame);
		if (target->damage->fate == DAMAGE_NO_COPY && piece->id && target->id == piece->id)
			compare_whole(search, target, piece, true, frame);
	}
}

/*
 * Tries the targets that overlap the piece: they begin inside of it, or before it by less than
 * the longest target's payload. Sequence numbers wrap.
 */
static void try_sequence(struct copy_search *search, const struct flow_row *row,
			 const struct piece *piece, uint64_t frame)
{
	uint32_t first = piece->seq - search->longest,
		 last = piece->seq + piece->len - piece->header;

	if (first <= last) {
		try_keys(search, row, piece, first, last, frame);
	} else {
		try_keys(search, row, piece, first, UINT32_MAX, frame);
		try_keys(search, row, piece, 0, last, frame);
	}
}

static void try_sum(struct copy_search *search, const struct flow_row *row,
		    const struct piece *piece, uint64_t frame)
{
	uint32_t *link = &search->chains[chain_of(search, piece->sum, piece->len)];
	uint32_t number = row ? (uint32_t)(row - flows_row(search->scan->flows, 0)) : 0;

	for (unsigned int tried = 0; *link < search->count && tried < TARGETS_TRIED;) {
		struct target *target = &search->targets[*link];
		bool same_flow = row && target->row == number;

		if (target->damage->fate == DAMAGE_COMPARED) {
			*link = target->next;
			continue;
		}
		link = &target->next;
		tried++;
		if (target->sum == piece->sum && target->proto == piece->flow->proto)
			compare_whole(search, target, piece,
				      same_flow && piece->id && piece->id == target->id, frame);
	}
}

static void try_packet(struct copy_search *search, const struct pass_packet *packet,
		       const struct flow_row *row)
{
	const struct packet_judgement *judgement = &packet->judgement;
	const struct packet_layer *layer = transport_layer(judgement);
	struct piece piece;
	bool finished = layer && (layer->verdict == SUM_GOOD || layer->verdict == SUM_UNFINISHED);
	/* A device merges only what it found undamaged. */
	bool merged = layer && layer->verdict == SUM_UNKNOWN && layer->reason == REASON_MERGED;

	if (!(finished || merged) || !cut_piece(packet->record.data, judgement, &piece))
		return;
	if (row && piece.tcp)
		try_sequence(search, row, &piece, packet->frame);
	else if (row && piece.id && finished)
		try_keys(search, row, &piece, piece.id, piece.id, packet->frame);
	if (finished && piece.whole)
		try_sum(search, row, &piece, packet->frame);
}

/* ---- The pass ---- */

static int visit_packet(void *owner, const struct pass_packet *packet)
{
	struct copy_search *search = owner;
	struct flow_row *row;

	if (!packet->link_known)
		return 0;
	row = flows_find(search->scan->flows, &packet->judgement.flow);
	if (row)
		row->packets++;
	if (packet->judgement.verdict != SUM_BAD)
		try_packet(search, packet, row);
	return 0;
}

/* The damage that the scan found, not what this pass has met so far. */
static void tell_progress(void *owner, uint64_t done, uint64_t total, uint64_t damaged)
{
	const struct copy_search *search = owner;

	(void)damaged;
	if (search->watch && search->watch->tell)
		search->watch->tell(search->watch->owner, done, total, search->scan->damaged);
}

int diff_find_copies(struct capture *capture, const struct pass_watch *watch,
		     const struct pass_visitor *visitor, struct scan *scan,
		     struct diff_copies *ret_copies)
{
	struct diff_copies copies = { 0 };
	struct copy_search search = { .scan = scan, .result = &copies, .watch = watch };
	const struct pass_visitor visitors[] = {
		{ .visit = visit_packet, .owner = &search },
		visitor ? *visitor : (struct pass_visitor){ 0 },
	};
	const struct pass_watch inner = { .tell = tell_progress, .owner = &search };
	const struct pass pass = {
		.depth = PASS_DATAGRAMS,
		.visitors = visitors,
		.visitor_count = visitor ? 2 : 1,
		.watch = &inner,
	};
	struct pass_end end;
	int rc = capture_rewind(capture);

	/* The scan stays as it is if the capture cannot be read again. */
	if (rc)
		return rc;
	rc = make_targets(&search);
	rc = rc ? fail(rc, "out of memory") : pass_run(capture, &pass, &end);
	free(search.targets);
	free(search.chains);
	if (!rc)
		*ret_copies = copies;
	return rc;
}
