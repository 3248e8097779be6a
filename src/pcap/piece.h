/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one thread finds in a piece of a capture: counters, and short lists of what only makes sense in
 * the order of the whole capture (damaged packets, fragments). Calls no fail().
 */
#ifndef TRUESUM_PCAP_PIECE_H
#define TRUESUM_PCAP_PIECE_H

#include "packet/verdict.h"
#include "pcap/reader.h"

struct scan_counts {
	uint64_t packets, bytes; /* bytes captured */
	uint64_t layer[LAYER_KINDS][SUM_VERDICTS];
	uint64_t unknown[SUM_REASONS]; /* packets not judged, by reason */
	uint64_t truncated; /* packets not judged because too little of them was kept */
	uint64_t
		fragments; /* packets that are one; in no other count until their datagram is whole */
	uint64_t link_unknown; /* packets whose link type is not known */
	uint32_t link; /* the first such link type */
	int64_t first_ns,
		last_ns; /* the earliest and latest; INT64_MAX, INT64_MIN: no time at all */
};

/* A damaged packet. */
struct piece_damage {
	uint64_t number; /* within the piece, from 0 */
	int64_t time_ns;
	const uint8_t *data; /* NULL: not kept, or a fragment */
	uint32_t captured, len, link;
	bool owned; /* data is a copy of its own */
	bool fragment; /* it completed a datagram that is damaged */
	struct packet_layer layer; /* the innermost bad one */
	struct packet_flow flow;
};

struct piece {
	struct scan_counts counts;
	struct piece_damage *damage;
	size_t damage_count, damage_room;
	uint8_t *fragments; /* see piece_fragment() */
	size_t fragments_size, fragments_room;
	uint64_t *copies; /* bytes that may still be copied; NULL: data stays where it is */
	uint32_t known_link; /* met last, so as not to ask for every packet */
};

/* `copies`: see above. */
void piece_init(struct piece *piece, uint64_t *copies);
/* Releases what the lists hold, copies included, and makes it empty again. */
void piece_clear(struct piece *piece);

/* Judges up to `max` packets more: 1, 0 when the reader has none any more (or broke), -ENOMEM. */
int piece_read(struct piece *piece, struct reader *reader, uint64_t max);

/*
 * The fragment at `at`, which is moved on to the next; at the first one it is 0. False: no more. Only
 * layer_count layers of the judgement are set.
 */
bool piece_fragment(const struct piece *piece, size_t *at, uint64_t *ret_number,
		    int64_t *ret_time_ns, struct packet_judgement *ret_judgement);

/* The layer that makes the packet damaged: the innermost bad one; NULL where there is none. */
const struct packet_layer *judgement_damage(const struct packet_judgement *judgement);

/* Why a packet whose verdict is SUM_UNKNOWN is so. */
enum sum_reason judgement_unknown(const struct packet_judgement *judgement);

/* Counts a packet and its time. */
void scan_counts_packet(struct scan_counts *counts, const struct record *record);

/* Counts its layers and what is not judged; not `whole`: a fragment, its datagram's verdict is to come. */
void scan_counts_judgement(struct scan_counts *counts, const struct packet_judgement *judgement,
			   bool whole);

/* Adds b's counts to a's. */
void scan_counts_add(struct scan_counts *a, const struct scan_counts *b);

#endif
