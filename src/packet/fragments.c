// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Datagrams whose fragments are still arriving.
 *
 * A hash table by addresses, protocol, identification and whether inside a tunnel. Each datagram
 * has a list of its pieces, ordered by their start, with the sum of each. Pieces cannot overlap, so
 * a datagram is complete when their lengths add up to the end of the last one. All memory is
 * reserved at the start, and used only as far as needed. If datagrams or pieces run out, the oldest
 * datagram is dropped.
 *
 * Of a complete datagram only the piece that completed it is kept, so that a capture that has every
 * packet twice does not begin a second datagram that never completes.
 *
 * Pieces that contradict each other may belong to two datagrams, if identifications were used again
 * after a loss. So the datagram starts again with the later piece. But part of its pieces may be
 * lost, so from then on its sum proves only that it is good, not that it is bad.
 */
#include "packet/fragments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "packet/layer.h"
#include "sum/crc32c.h"
#include "sum/csum.h"

enum {
	NIL = 0, /* index 0 of both pools is not used */
	PIECES_EACH = 16, /* on average; a datagram may have all of them */
	LIMIT_MAX = 1 << 24,
	GRE_HAS_SUM = 0x8000,
	GRE_VERSION = 0x0007,
	UDP_LEN = 8,
	SCTP_LEN = 12,
};

struct key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint8_t family, proto, tunnelled, zero;
};

struct piece {
	uint32_t next;
	uint32_t crc;
	uint16_t start, len; /* bytes */
	uint16_t sum;
};

/* Datagrams in the order in which their first pieces arrived. */
struct age {
	uint32_t oldest, newest;
};

struct datagram {
	struct key key;
	uint32_t hash_next, older, newer;
	uint32_t pieces, last_piece; /* lists in the pool */
	uint32_t total; /* bytes; 0: the last piece is missing */
	uint32_t have; /* bytes */
	uint32_t stored; /* as in struct packet_fragment */
	uint16_t count; /* pieces */
	uint16_t unsaid; /* of these: nothing was said about their packets yet */
	uint16_t pseudo;
	uint16_t first_len;
	bool first, cut, tunnel, may_none;
	bool doubtful; /* it began with pieces that contradicted each other */
	bool whole; /* only the piece that completed it is left */
};

struct fragments {
	size_t limit, buckets, piece_limit;
	uint32_t *bucket;
	struct datagram *datagram;
	struct piece *piece;
	uint32_t datagrams_used, pieces_used; /* of the pools, at most so far */
	uint32_t datagrams_free, pieces_free; /* lists, linked by hash_next and next */
	struct age waiting, whole;
	uint64_t waiting_pieces;
};

int fragments_new(size_t limit, struct fragments **ret)
{
	struct fragments *fragments;

	if (!limit || limit > LIMIT_MAX)
		return -EINVAL;
	fragments = calloc(1, sizeof(*fragments));
	if (!fragments)
		return -ENOMEM;
	fragments->limit = limit;
	fragments->piece_limit = limit * PIECES_EACH;
	fragments->buckets = 64;
	while (fragments->buckets < limit)
		fragments->buckets *= 2;
	fragments->bucket = calloc(fragments->buckets, sizeof(*fragments->bucket));
	fragments->datagram = calloc(limit + 1, sizeof(*fragments->datagram));
	fragments->piece = calloc(fragments->piece_limit + 1, sizeof(*fragments->piece));
	if (!fragments->bucket || !fragments->datagram || !fragments->piece) {
		fragments_free(fragments);
		return -ENOMEM;
	}
	*ret = fragments;
	return 0;
}

void fragments_free(struct fragments *fragments)
{
	if (!fragments)
		return;
	free(fragments->bucket);
	free(fragments->datagram);
	free(fragments->piece);
	free(fragments);
}

uint64_t fragments_waiting(const struct fragments *fragments)
{
	return fragments->waiting_pieces;
}

static struct key datagram_key(const struct packet_judgement *judgement)
{
	struct key key = {
		.id = judgement->fragment.id,
		.family = judgement->flow.family,
		.proto = judgement->flow.proto,
		.tunnelled = judgement->tunnelled,
	};

	memcpy(key.src, judgement->flow.src, sizeof(key.src));
	memcpy(key.dst, judgement->flow.dst, sizeof(key.dst));
	return key;
}

static uint32_t *bucket_for(struct fragments *fragments, const struct key *key)
{
	uint64_t word[sizeof(*key) / sizeof(uint64_t)], hash = 0;

	memcpy(word, key, sizeof(word));
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		hash = (hash ^ word[i]) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	return &fragments->bucket[hash & (fragments->buckets - 1)];
}

static struct age *age_of(struct fragments *fragments, const struct datagram *datagram)
{
	return datagram->whole ? &fragments->whole : &fragments->waiting;
}

static void age_add(struct fragments *fragments, struct datagram *datagram)
{
	struct age *age = age_of(fragments, datagram);
	uint32_t at = (uint32_t)(datagram - fragments->datagram);

	datagram->newer = NIL;
	datagram->older = age->newest;
	if (age->newest)
		fragments->datagram[age->newest].newer = at;
	else
		age->oldest = at;
	age->newest = at;
}

static void age_remove(struct fragments *fragments, struct datagram *datagram)
{
	struct age *age = age_of(fragments, datagram);

	if (datagram->older)
		fragments->datagram[datagram->older].newer = datagram->newer;
	else
		age->oldest = datagram->newer;
	if (datagram->newer)
		fragments->datagram[datagram->newer].older = datagram->older;
	else
		age->newest = datagram->older;
}

/* Gives the pieces back. The datagram keeps its key and its place in the table, but no age. */
static void empty(struct fragments *fragments, struct datagram *datagram)
{
	age_remove(fragments, datagram);
	if (!datagram->whole)
		fragments->waiting_pieces -= datagram->unsaid;
	if (datagram->pieces) {
		fragments->piece[datagram->last_piece].next = fragments->pieces_free;
		fragments->pieces_free = datagram->pieces;
	}
	datagram->pieces = datagram->last_piece = NIL;
	datagram->total = datagram->have = datagram->count = datagram->unsaid = 0;
	datagram->first = datagram->cut = datagram->tunnel = datagram->doubtful = datagram->whole =
		false;
}

static void drop_datagram(struct fragments *fragments, struct datagram *datagram)
{
	uint32_t *at = bucket_for(fragments, &datagram->key);

	empty(fragments, datagram);
	while (&fragments->datagram[*at] != datagram)
		at = &fragments->datagram[*at].hash_next;
	*at = datagram->hash_next;
	datagram->hash_next = fragments->datagrams_free;
	fragments->datagrams_free = (uint32_t)(datagram - fragments->datagram);
}

/* Makes room: drops the oldest complete datagram, else the oldest other one, never `keep`. */
static void drop_oldest(struct fragments *fragments, uint32_t keep, uint64_t *ret_given_up)
{
	uint32_t oldest = fragments->whole.oldest;

	if (!oldest)
		oldest = fragments->waiting.oldest;
	if (oldest == keep)
		oldest = fragments->datagram[oldest].newer;
	if (!oldest)
		return;
	if (!fragments->datagram[oldest].whole)
		*ret_given_up += fragments->datagram[oldest].unsaid;
	drop_datagram(fragments, &fragments->datagram[oldest]);
}

static struct datagram *find_datagram(struct fragments *fragments, const struct key *key,
				      uint64_t *ret_given_up)
{
	uint32_t *bucket = bucket_for(fragments, key), at;
	struct datagram *datagram;

	for (at = *bucket; at; at = fragments->datagram[at].hash_next)
		if (!memcmp(&fragments->datagram[at].key, key, sizeof(*key)))
			return &fragments->datagram[at];

	if (!fragments->datagrams_free && fragments->datagrams_used == fragments->limit)
		drop_oldest(fragments, NIL, ret_given_up);
	at = fragments->datagrams_free;
	if (at)
		fragments->datagrams_free = fragments->datagram[at].hash_next;
	else
		at = ++fragments->datagrams_used;
	datagram = &fragments->datagram[at];
	*datagram = (struct datagram){ .key = *key, .hash_next = *bucket };
	*bucket = at;
	age_add(fragments, datagram);
	return datagram;
}

/* An unused piece; NIL if this datagram has all of them. */
static uint32_t take_piece(struct fragments *fragments, const struct datagram *datagram,
			   uint64_t *ret_given_up)
{
	uint32_t at;

	if (!fragments->pieces_free && fragments->pieces_used == fragments->piece_limit)
		drop_oldest(fragments, (uint32_t)(datagram - fragments->datagram), ret_given_up);
	at = fragments->pieces_free;
	if (at)
		fragments->pieces_free = fragments->piece[at].next;
	else if (fragments->pieces_used < fragments->piece_limit)
		at = ++fragments->pieces_used;
	return at;
}

static bool same_piece(const struct piece *piece, const struct packet_fragment *fragment)
{
	return piece->start == fragment->start && piece->len == fragment->len &&
	       piece->sum == fragment->sum && piece->crc == fragment->crc;
}

enum fit {
	FIT_NEW,
	FIT_KNOWN, /* a copy of one that is there */
	FIT_CONTRADICTS,
};

/* Whether and where a fragment fits in; *ret_before is the piece before it, or NIL. */
static enum fit fit_of(const struct fragments *fragments, const struct datagram *datagram,
		       const struct packet_fragment *fragment, uint32_t *ret_before)
{
	uint32_t before = NIL, at = datagram->pieces, end = fragment->start + fragment->len;
	const struct piece *piece = &fragments->piece[datagram->last_piece];

	if (datagram->last_piece && piece->start + (uint32_t)piece->len <= fragment->start) {
		before = datagram->last_piece; /* in order: the usual case */
		at = NIL;
	}
	for (; at && fragments->piece[at].start < fragment->start; at = fragments->piece[at].next)
		before = at;
	if (at && same_piece(&fragments->piece[at], fragment))
		return FIT_KNOWN;
	if (at && fragments->piece[at].start < end)
		return FIT_CONTRADICTS;
	piece = &fragments->piece[before];
	if (before && piece->start + (uint32_t)piece->len > fragment->start)
		return FIT_CONTRADICTS;
	if (datagram->total && (fragment->last || end > datagram->total))
		return FIT_CONTRADICTS;
	if (fragment->last && datagram->last_piece &&
	    fragments->piece[datagram->last_piece].start >= fragment->start)
		return FIT_CONTRADICTS;
	*ret_before = before;
	return FIT_NEW;
}

static void insert_piece(struct fragments *fragments, struct datagram *datagram,
			 const struct packet_fragment *fragment, uint32_t before, uint32_t at)
{
	uint32_t *link = before ? &fragments->piece[before].next : &datagram->pieces;

	fragments->piece[at] = (struct piece){
		.next = *link,
		.start = (uint16_t)fragment->start,
		.len = (uint16_t)fragment->len,
		.sum = fragment->sum,
		.crc = fragment->crc,
	};
	*link = at;
	if (before == datagram->last_piece)
		datagram->last_piece = at;
	datagram->count++;
	datagram->have += fragment->len;
	datagram->cut = datagram->cut || fragment->cut;
	if (fragment->last)
		datagram->total = fragment->start + fragment->len;
	if (fragment->first) {
		datagram->first = true;
		datagram->first_len = (uint16_t)fragment->len;
		datagram->stored = fragment->stored;
		datagram->pseudo = fragment->pseudo;
		datagram->tunnel = fragment->tunnel;
		datagram->may_none = fragment->may_none;
	}
}

static void judge_datagram_crc(const struct fragments *fragments, const struct datagram *datagram,
			       struct packet_layer *layer)
{
	uint32_t crc = 0;

	for (uint32_t at = datagram->pieces; at; at = fragments->piece[at].next)
		crc = crc32c_combine(crc, fragments->piece[at].crc, fragments->piece[at].len);
	layer_judge_crc(layer, crc);
}

static void judge_datagram_sum(const struct fragments *fragments, const struct datagram *datagram,
			       struct packet_layer *layer)
{
	bool only_first = layer->kind == LAYER_UDPLITE && datagram->stored >> 16 &&
			  datagram->stored >> 16 != datagram->total;
	uint32_t pseudo_len = datagram->pseudo ? datagram->total : 0;
	uint16_t total = layer_pseudo(datagram->pseudo, 0, pseudo_len);

	/* Every piece begins at an even offset. */
	for (uint32_t at = datagram->pieces; at; at = fragments->piece[at].next) {
		total = csum_plus(total, fragments->piece[at].sum);
		if (only_first)
			break;
	}
	layer_judge(layer, total, datagram->pseudo, 0, pseudo_len);
}

/* Judges what needs no sum. False: the sum decides. */
static bool judge_early(const struct datagram *datagram, struct packet_layer *layer, bool v6)
{
	uint16_t high = (uint16_t)(datagram->stored >> 16);
	bool udp = layer->kind == LAYER_UDP, lite = layer->kind == LAYER_UDPLITE;
	bool none = layer->kind == LAYER_GRE && (!(high & GRE_HAS_SUM) || high & GRE_VERSION);

	layer->verdict = SUM_UNKNOWN;
	layer->reason = REASON_LENGTH;
	if (datagram->cut && !datagram->stored && (udp || lite)) {
		layer->verdict = SUM_TRUNCATED; /* even the header is cut off */
		layer->reason = REASON_NONE;
		return true;
	}
	if (datagram->first_len < (layer->wide ? SCTP_LEN : layer_field[layer->kind] + 2u))
		return true; /* the field is in another fragment */
	if ((udp && high != datagram->total) ||
	    (lite && high && (high < UDP_LEN || high > datagram->total)))
		return true;
	layer->reason = REASON_NONE;
	if (udp && !layer->stored)
		layer->verdict = v6 && !datagram->may_none ? SUM_ILLEGAL_NONE : SUM_NONE;
	else if (lite && !layer->stored)
		layer->verdict = SUM_ILLEGAL_NONE;
	else if (none)
		layer->verdict = SUM_NONE;
	else if (datagram->cut)
		layer->verdict = SUM_TRUNCATED;
	else if (lite && high > datagram->first_len && high != datagram->total)
		layer->reason = REASON_FRAGMENT; /* what the sum covers ends within a later one */
	else
		return false;
	return true;
}

static void judge_datagram(const struct fragments *fragments, const struct datagram *datagram,
			   struct packet_judgement *judgement)
{
	struct packet_layer *layer = &judgement->layer[judgement->fragment.layer];

	layer->stored = layer->wide ? datagram->stored : datagram->stored & 0xffff;
	layer->computed = 0;
	if (!judge_early(datagram, layer, judgement->flow.family == AF_INET6)) {
		if (layer->wide)
			judge_datagram_crc(fragments, datagram, layer);
		else
			judge_datagram_sum(fragments, datagram, layer);
	}
	if (layer->verdict == SUM_BAD && datagram->doubtful) {
		layer->verdict = SUM_UNKNOWN;
		layer->reason = REASON_FRAGMENTS_OVERLAP;
	}
}

/* Sets the packet's verdict by its layers' again. What a tunnel carries is not judged. */
static void conclude_datagram(struct packet_judgement *judgement, bool tunnel)
{
	enum sum_verdict ended = tunnel ? SUM_UNKNOWN : SUM_NONE;

	judgement->reason = tunnel ? REASON_IN_FRAGMENT : REASON_NONE;
	judgement->verdict = (uint8_t)layer_worst(ended, judgement->layer, judgement->layer_count);
}

/* Keeps the piece that completed the datagram, to recognise a copy of it. */
static void keep_last(struct fragments *fragments, struct datagram *datagram,
		      const struct packet_fragment *fragment)
{
	uint32_t at;

	empty(fragments, datagram);
	datagram->whole = true;
	age_add(fragments, datagram);
	at = take_piece(fragments, datagram, &(uint64_t){ 0 });
	insert_piece(fragments, datagram, fragment, NIL, at);
}

static void start_anew(struct fragments *fragments, struct datagram *datagram)
{
	empty(fragments, datagram);
	age_add(fragments, datagram);
}

int fragments_add(struct fragments *fragments, struct packet_judgement *judgement,
		  uint64_t *ret_given_up)
{
	const struct packet_fragment *fragment = &judgement->fragment;
	struct datagram *datagram;
	struct key key;
	uint32_t before = NIL, at;
	enum fit where;

	/*
	 * Nothing to judge; or a damaged IP header, which no receiver would take for its
	 * datagram's.
	 */
	if (!fragment->is || fragment->kind == LAYER_KINDS || judgement->verdict == SUM_BAD)
		return 0;
	key = datagram_key(judgement);
	datagram = find_datagram(fragments, &key, ret_given_up);
	where = fit_of(fragments, datagram, fragment, &before);
	if (where == FIT_KNOWN)
		return 0;
	if (datagram->whole) {
		start_anew(fragments, datagram);
		before = NIL;
	} else if (where == FIT_CONTRADICTS) {
		*ret_given_up += datagram->unsaid;
		start_anew(fragments, datagram);
		datagram->doubtful = true;
		before = NIL;
	}
	at = take_piece(fragments, datagram, ret_given_up);
	if (!at) {
		*ret_given_up += datagram->unsaid + 1u;
		drop_datagram(fragments, datagram);
		return 0;
	}
	insert_piece(fragments, datagram, fragment, before, at);
	if (where == FIT_CONTRADICTS && datagram->doubtful) {
		judgement->layer[fragment->layer].reason = REASON_FRAGMENTS_OVERLAP;
		judgement->reason = REASON_FRAGMENTS_OVERLAP;
		return 1;
	}
	datagram->unsaid++;
	fragments->waiting_pieces++;
	if (!datagram->first || datagram->have != datagram->total)
		return 0;
	judge_datagram(fragments, datagram, judgement);
	conclude_datagram(judgement, datagram->tunnel);
	keep_last(fragments, datagram, fragment);
	return 1;
}
