// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pieces of a capture: see piece.h. piece_read() is where the time goes. What it does for an undamaged
 * packet beside reading and judging it is a few additions; everything else is behind unlikely branches.
 */
#include "pcap/piece.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_FIRST 64
#define NO_LINK UINT32_MAX

/* A fragment in the list; its judgement follows, cut off behind the layers it has. */
struct fragment_head {
	uint64_t number;
	int64_t time_ns;
	size_t size; /* of the judgement, in the list: a multiple of 8 */
};

static void counts_init(struct scan_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->first_ns = INT64_MAX;
	counts->last_ns = INT64_MIN;
}

void piece_init(struct piece *piece, uint64_t *copies)
{
	memset(piece, 0, sizeof(*piece));
	counts_init(&piece->counts);
	piece->copies = copies;
	piece->known_link = NO_LINK;
}

void piece_clear(struct piece *piece)
{
	for (size_t i = 0; i < piece->damage_count; i++)
		if (piece->damage[i].owned)
			free((void *)piece->damage[i].data);
	free(piece->damage);
	free(piece->fragments);
	piece_init(piece, piece->copies);
}

void scan_counts_add(struct scan_counts *a, const struct scan_counts *b)
{
	a->packets += b->packets;
	a->bytes += b->bytes;
	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++)
		for (unsigned int verdict = 0; verdict < SUM_VERDICTS; verdict++)
			a->layer[kind][verdict] += b->layer[kind][verdict];
	for (unsigned int reason = 0; reason < SUM_REASONS; reason++)
		a->unknown[reason] += b->unknown[reason];
	a->truncated += b->truncated;
	a->fragments += b->fragments;
	if (!a->link_unknown)
		a->link = b->link;
	a->link_unknown += b->link_unknown;
	if (b->first_ns < a->first_ns)
		a->first_ns = b->first_ns;
	if (b->last_ns > a->last_ns)
		a->last_ns = b->last_ns;
}

const struct packet_layer *judgement_damage(const struct packet_judgement *judgement)
{
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].verdict == SUM_BAD)
			return &judgement->layer[i];
	return NULL;
}

enum sum_reason judgement_unknown(const struct packet_judgement *judgement)
{
	if (judgement->reason != REASON_NONE)
		return judgement->reason;
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].verdict == SUM_UNKNOWN)
			return judgement->layer[i].reason;
	return REASON_NONE;
}

/* A copy of the packet's bytes, as long as the budget lasts. */
static const uint8_t *copy_data(struct piece *piece, const struct record *record)
{
	uint8_t *copy;

	if (record->captured > *piece->copies)
		return NULL;
	copy = malloc(record->captured ? record->captured : 1);
	if (!copy)
		return NULL;
	*piece->copies -= record->captured;
	return memcpy(copy, record->data, record->captured);
}

static int note_damage(struct piece *piece, const struct record *record,
		       const struct packet_judgement *judgement)
{
	struct piece_damage *damage;

	if (piece->damage_count == piece->damage_room) {
		size_t room = piece->damage_room ? 2 * piece->damage_room : LIST_FIRST;

		damage = realloc(piece->damage, room * sizeof(*damage));
		if (!damage)
			return -ENOMEM;
		piece->damage = damage;
		piece->damage_room = room;
	}
	damage = &piece->damage[piece->damage_count++];
	*damage = (struct piece_damage){
		.number = piece->counts.packets - 1,
		.time_ns = record->time_ns,
		.data = piece->copies ? copy_data(piece, record) : record->data,
		.captured = record->captured,
		.len = record->len,
		.link = record->link,
		.layer = *judgement_damage(judgement),
		.flow = judgement->flow,
	};
	damage->owned = piece->copies && damage->data;
	return 0;
}

static int note_fragment(struct piece *piece, const struct record *record,
			 const struct packet_judgement *judgement)
{
	size_t len = offsetof(struct packet_judgement, layer) +
		     judgement->layer_count * sizeof(judgement->layer[0]);
	struct fragment_head head = { .number = piece->counts.packets - 1,
				      .time_ns = record->time_ns,
				      .size = (len + 7) / 8 * 8 };
	uint8_t *to;

	if (piece->fragments_size + sizeof(head) + head.size > piece->fragments_room) {
		size_t room = 2 * piece->fragments_room + LIST_FIRST * sizeof(*judgement);

		to = realloc(piece->fragments, room);
		if (!to)
			return -ENOMEM;
		piece->fragments = to;
		piece->fragments_room = room;
	}
	to = piece->fragments + piece->fragments_size;
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), judgement, len);
	piece->fragments_size += sizeof(head) + head.size;
	piece->counts.fragments++;
	return 0;
}

bool piece_fragment(const struct piece *piece, size_t *at, uint64_t *ret_number,
		    int64_t *ret_time_ns, struct packet_judgement *ret_judgement)
{
	struct fragment_head head;
	size_t len;

	if (*at >= piece->fragments_size)
		return false;
	memcpy(&head, piece->fragments + *at, sizeof(head));
	len = head.size < sizeof(*ret_judgement) ? head.size : sizeof(*ret_judgement);
	memcpy(ret_judgement, piece->fragments + *at + sizeof(head), len);
	*ret_number = head.number;
	*ret_time_ns = head.time_ns;
	*at += sizeof(head) + head.size;
	return true;
}

void scan_counts_judgement(struct scan_counts *counts, const struct packet_judgement *judgement,
			   bool whole)
{
	for (unsigned int i = 0; i < judgement->layer_count; i++) {
		const struct packet_layer *layer = &judgement->layer[i];

		if (whole || layer->verdict != SUM_UNKNOWN || layer->reason != REASON_FRAGMENT)
			counts->layer[layer->kind][layer->verdict]++;
	}
	if (whole && judgement->verdict == SUM_UNKNOWN)
		counts->unknown[judgement_unknown(judgement)]++;
	else if (whole && judgement->verdict == SUM_TRUNCATED)
		counts->truncated++;
}

static int judge(struct piece *piece, const struct record *record)
{
	struct packet_judgement judgement;

	packet_judge(record->link, record->data, record->captured, record->len, &judgement);
	/* The merging thread counts what its datagram's verdict decides; damage is not put off. */
	if (judgement.fragment.is && judgement.verdict != SUM_BAD)
		return note_fragment(piece, record, &judgement);
	scan_counts_judgement(&piece->counts, &judgement, true);
	return judgement.verdict == SUM_BAD ? note_damage(piece, record, &judgement) : 0;
}

static bool link_is_known(struct piece *piece, uint32_t link)
{
	if (link == piece->known_link)
		return true;
	if (packet_link_known(link)) {
		piece->known_link = link;
		return true;
	}
	if (!piece->counts.link_unknown++)
		piece->counts.link = link;
	return false;
}

void scan_counts_packet(struct scan_counts *counts, const struct record *record)
{
	counts->packets++;
	counts->bytes += record->captured;
	if (record->time_ns == INT64_MIN)
		return;
	if (record->time_ns < counts->first_ns)
		counts->first_ns = record->time_ns;
	if (record->time_ns > counts->last_ns)
		counts->last_ns = record->time_ns;
}

int piece_read(struct piece *piece, struct reader *reader, uint64_t max)
{
	struct record record;
	int rc = 0;

	for (uint64_t i = 0; i < max; i++) {
		if (reader_next(reader, &record) != 1)
			return 0;
		scan_counts_packet(&piece->counts, &record);
		rc = link_is_known(piece, record.link) ? judge(piece, &record) : 0;
		if (rc)
			return rc;
	}
	return 1;
}
