// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Datagrams in fragments. A datagram keeps its bytes as its fragments carry them. So when the last
 * fragment is sent, the same formula as for any other checksum judges the whole.
 */
#include <stdlib.h>
#include <string.h>

#include "packets.h"

#define WHOLE_AT 32 /* offset in its data, after source and destination */
#define PIECE_MIN_TCP 64 /* the first fragment holds all of the TCP header */

struct datagram *datagram_new(struct packet *scratch, struct rng *rng, uint32_t id)
{
	static const enum sum_of kinds[] = { OF_UDP, OF_UDP, OF_UDP, OF_TCP, OF_ICMP, OF_SCTP };
	struct datagram *datagram = calloc(1, sizeof(*datagram));
	enum sum_of of = kinds[rng_below(rng, 6)];
	bool six = rng_chance(rng, 400);
	struct covered *cover;
	struct packet *whole;
	uint32_t shift;

	if (!datagram)
		abort();
	choose_ends(rng, &datagram->ends, six);
	of = of == OF_ICMP && six ? OF_ICMP6 : of;
	scratch->end += 64 + rng_below(rng, DATAGRAM_MAX - WHOLE_AT - 256);
	fill(rng, scratch->data + scratch->start, scratch->end - scratch->start);
	push_transport(scratch, rng, &datagram->ends, of,
		       of == OF_UDP && rng_chance(rng, 100) ? FINISH_ZERO : FINISH_FULL);

	whole = &datagram->whole;
	*whole = *scratch;
	whole->data = datagram->bytes;
	whole->pristine = datagram->pristine;
	memcpy(datagram->bytes, datagram->ends.src, 16);
	memcpy(datagram->bytes + 16, datagram->ends.dst, 16);
	datagram->len = scratch->end - scratch->start;
	memcpy(datagram->bytes + WHOLE_AT, scratch->data + scratch->start, datagram->len);
	memcpy(datagram->pristine, datagram->bytes, WHOLE_AT + datagram->len);
	shift = scratch->start - WHOLE_AT;
	cover = &whole->cover[0];
	cover->src = 0;
	cover->dst = 16;
	cover->field -= shift;
	cover->header = cover->from = WHOLE_AT;
	for (size_t i = 0; i < whole->spans; i++)
		whole->span[i].at -= shift;

	datagram->id = id;
	datagram->waiting = 1;
	datagram->piece = 8 * (3 + rng_below(rng, 180));
	if (datagram->piece < datagram->len / DATAGRAM_PIECES)
		datagram->piece = (datagram->len / DATAGRAM_PIECES + 8) & ~7U;
	if (datagram->piece < PIECE_MIN_TCP && of == OF_TCP)
		datagram->piece = PIECE_MIN_TCP;
	return datagram;
}

void datagram_leave(struct datagram *datagram)
{
	if (datagram && --datagram->waiting == 0)
		free(datagram);
}

void datagram_piece(struct datagram *datagram, struct packet *packet, struct rng *rng,
		    uint32_t from)
{
	const struct covered *whole = &datagram->whole.cover[0];
	uint32_t left = datagram->len - from, len = left < datagram->piece ? left : datagram->piece;
	struct ip_form form = {
		.id = datagram->id, .fragment = from, .is_fragment = true, .more = len < left
	};

	memcpy(packet->data + packet->start, datagram->bytes + WHOLE_AT + from, len);
	packet->end += len;
	packet->inner = packet->start;
	packet->datagram = datagram;
	packet->piece = from;
	packet->piece_len = len;
	/* After everything: no byte of this packet leads to it. */
	packet->cover[packet->covers++] = (struct covered){
		.of = whole->of, .was = IS_UNKNOWN, .elsewhere = true, .header = packet->end
	};
	push_ip(packet, rng, &datagram->ends, proto_of[whole->of], &form);
	datagram->waiting++;
}

static void judge_datagram(struct packet *packet, const struct packet *whole, bool lost)
{
	const struct covered *cover = &whole->cover[0];
	enum truth is;

	if (lost || hurt_path(whole, cover)) {
		packet->expect = EXPECT_ANY;
		packet->doubt = lost ? DOUBT_FRAGMENT : DOUBT_STRUCTURE;
		return;
	}
	is = hurt_truth(whole, cover);
	if (is == IS_BAD) {
		packet->expect = EXPECT_BAD;
	} else if (is != cover->was && is != IS_GOOD) {
		packet->expect = EXPECT_ANY;
		packet->doubt = is == IS_UNFINISHED ? DOUBT_UNFINISHED : DOUBT_ZERO;
	}
}

void datagram_send(struct packet *packet)
{
	struct datagram *datagram = packet->datagram;

	if (packet->hurt) {
		datagram->hurt = packet->hurt;
		datagram->lost = packet->expect == EXPECT_BAD || packet->doubt == DOUBT_STRUCTURE;
		memcpy(datagram->bytes + WHOLE_AT + packet->piece, packet->data + packet->inner,
		       packet->piece_len);
		if (packet->expect == EXPECT_FINE && datagram->waiting > 1)
			packet->doubt = DOUBT_LATER;
	}
	if (datagram->waiting > 1)
		return;
	packet->cover[0].was = datagram->whole.cover[0].was;
	if (!datagram->hurt)
		return;
	packet->hurt = datagram->hurt;
	if (packet->expect != EXPECT_BAD)
		judge_datagram(packet, &datagram->whole, datagram->lost);
}
