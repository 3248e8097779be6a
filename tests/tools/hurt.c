// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Damages generated packets, and finds out whether a checksum sees it: sums what the checksum
 * covers as the RFC says, without parsing. If the damage hit bytes that decide how the packet is
 * parsed, no formula says what the verdict must be; that is DOUBT_STRUCTURE.
 */
#include <string.h>

#include "packets.h"
#include "plain_sum.h"

#define LONGEST_RANDOM 16
#define LONGEST_BURST 32

static uint32_t be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

uint16_t pseudo_sum(const struct packet *packet, const struct covered *cover, bool length)
{
	uint64_t sum = cover->proto;

	sum = plain_sum(sum, packet->data + cover->src, cover->addr_len);
	sum = plain_sum(sum, packet->data + cover->dst, cover->addr_len);
	if (length)
		sum += (cover->l4_len >> 16) + (cover->l4_len & 0xffff);
	return plain_fold(sum);
}

bool hurt_path(const struct packet *packet, const struct covered *cover)
{
	for (size_t i = 0; i < packet->spans; i++) {
		const struct span *span = &packet->span[i];

		if (span->at >= cover->header + cover->header_len ||
		    (span->at >= cover->header && !span->own))
			continue;
		if (memcmp(packet->data + span->at, packet->pristine + span->at, span->len) != 0)
			return true;
	}
	return false;
}

/* Whether the outer sum is the one that is right when an inner sum is finished (lco_csum()). */
static bool right_when_finished(const struct packet *packet, const struct covered *outer)
{
	for (const struct covered *inner = packet->cover; inner < outer; inner++) {
		uint64_t sum = outer->addr_len ? pseudo_sum(packet, outer, true) : 0;

		if (!inner->addr_len || hurt_truth(packet, inner) != IS_UNFINISHED)
			continue;
		sum = plain_sum(sum, packet->data + outer->from, inner->from - outer->from);
		sum += (uint16_t)~pseudo_sum(packet, inner, true);
		if (plain_fold(sum) == 0xffff)
			return true;
	}
	return false;
}

static enum truth sctp_truth(const struct packet *packet, const struct covered *cover)
{
	static const uint8_t zero[4];
	const uint8_t *from = packet->data + cover->from, *field = packet->data + cover->field;
	uint32_t crc = plain_crc32c(0xffffffff, from, cover->field - cover->from);

	crc = plain_crc32c(crc, zero, 4);
	crc = ~plain_crc32c(crc, field + 4, cover->from + cover->len - cover->field - 4);
	if (field[0] == (uint8_t)crc && field[1] == (uint8_t)(crc >> 8) &&
	    field[2] == (uint8_t)(crc >> 16) && field[3] == (uint8_t)(crc >> 24))
		return IS_GOOD;
	return memcmp(field, zero, 4) == 0 ? IS_UNFINISHED : IS_BAD;
}

enum truth hurt_truth(const struct packet *packet, const struct covered *cover)
{
	uint32_t field;
	uint64_t sum = 0;

	if (cover->elsewhere || (cover->was == IS_NONE && cover->of == OF_GRE))
		return (enum truth)cover->was;
	if (cover->of == OF_SCTP)
		return sctp_truth(packet, cover);
	field = be16(packet->data + cover->field);
	if (cover->of == OF_UDP && field == 0)
		return cover->was == IS_ILLEGAL_NONE ? IS_ILLEGAL_NONE : IS_NONE;
	if (cover->of == OF_UDPLITE && field == 0)
		return IS_ILLEGAL_NONE;
	if (cover->addr_len)
		sum = pseudo_sum(packet, cover, true);
	sum = plain_sum(sum, packet->data + cover->from, cover->len);
	if (plain_fold(sum) == 0xffff)
		return IS_GOOD;
	if (field == 0 && (cover->of == OF_IPV4 || cover->of == OF_TCP || cover->of == OF_GRE))
		return IS_UNFINISHED;
	if (cover->addr_len &&
	    (field == pseudo_sum(packet, cover, true) || field == pseudo_sum(packet, cover, false)))
		return IS_UNFINISHED;
	if ((cover->of == OF_UDP || cover->of == OF_GRE) && right_when_finished(packet, cover))
		return IS_UNFINISHED;
	return cover->merged ? IS_UNKNOWN : IS_BAD;
}

/* An unfinished inner sum that is parsed differently now may or may not explain the outer sum. */
static bool inner_moved(const struct packet *packet, const struct covered *outer)
{
	for (const struct covered *inner = packet->cover; inner < outer; inner++) {
		if (inner->was == IS_UNFINISHED && outer->was == IS_UNFINISHED &&
		    hurt_path(packet, inner))
			return true;
	}
	return false;
}

void hurt_judge(struct packet *packet)
{
	bool path = false;

	packet->expect = EXPECT_FINE;
	packet->doubt = DOUBT_NOT;
	for (size_t i = 0; i < packet->covers; i++) {
		const struct covered *cover = &packet->cover[i];
		enum truth is;

		if (hurt_path(packet, cover) || inner_moved(packet, cover)) {
			path = true;
			continue;
		}
		is = hurt_truth(packet, cover);
		if (is == IS_BAD) {
			packet->expect = EXPECT_BAD;
			packet->doubt = DOUBT_NOT;
			return;
		}
		if (is == cover->was || is == IS_GOOD)
			continue;
		packet->expect = EXPECT_ANY;
		packet->doubt = is == IS_UNKNOWN      ? DOUBT_MERGED
				: is == IS_UNFINISHED ? DOUBT_UNFINISHED
						      : DOUBT_ZERO;
	}
	/* Also if no known checksum follows: bytes that are now read as one are chance. */
	for (size_t i = 0; !path && i < packet->spans; i++)
		path = memcmp(packet->data + packet->span[i].at,
			      packet->pristine + packet->span[i].at, packet->span[i].len) != 0;
	if (path && packet->doubt == DOUBT_NOT) {
		packet->expect = EXPECT_ANY;
		packet->doubt = DOUBT_STRUCTURE;
	}
}

static void flip(uint8_t *data, uint64_t bit)
{
	data[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

static void hurt_stuck(struct rng *rng, uint8_t *data, uint32_t len)
{
	static const uint8_t strides[] = { 8, 16, 32, 64 };
	uint32_t stride = strides[rng_below(rng, 4)], phase = rng_below(rng, stride);
	uint8_t line = (uint8_t)(1 << rng_below(rng, 8));
	bool up = rng_chance(rng, 500);

	for (uint32_t i = phase; i < len; i += stride)
		data[i] = up ? data[i] | line : data[i] & (uint8_t)~line;
}

/* Flips the same column of two words, one bit up and one down: the sum stays the same. */
static void hurt_pair(struct rng *rng, uint8_t *data, uint32_t len)
{
	for (int tries = 0; tries < 64 && len >= 4; tries++) {
		uint32_t a = rng_below(rng, len), b = rng_below(rng, len);
		uint8_t line = (uint8_t)(1 << rng_below(rng, 8));

		if ((a ^ b) & 1 || !(data[a] & line) == !(data[b] & line))
			continue;
		data[a] ^= line;
		data[b] ^= line;
		return;
	}
}

static void hurt_swap16(struct rng *rng, uint8_t *data, uint32_t len)
{
	for (int tries = 0; tries < 64 && len >= 4; tries++) {
		uint8_t *a = data + 2 * rng_below(rng, len / 2);
		uint8_t *b = data + 2 * rng_below(rng, len / 2);
		uint8_t word[2];

		if (memcmp(a, b, 2) == 0)
			continue;
		memcpy(word, a, 2);
		memcpy(a, b, 2);
		memcpy(b, word, 2);
		return;
	}
}

bool hurt_packet(struct packet *packet, struct rng *rng, enum hurt kind, uint32_t from, uint32_t to)
{
	uint8_t *data = packet->data + from;
	uint32_t len = to - from, n, at;

	switch (kind) {
	case HURT_FLIP:
		flip(data, rng_below(rng, len * 8));
		break;
	case HURT_STUCK:
		hurt_stuck(rng, data, len);
		break;
	case HURT_BURST:
		n = 2 + rng_below(rng, LONGEST_BURST - 1);
		n = n < len * 8 ? n : len * 8;
		at = rng_below(rng, len * 8 - n + 1);
		for (uint32_t i = 0; i < n; i++)
			flip(data, at + i);
		break;
	case HURT_RANDOM:
		n = 1 + rng_below(rng, LONGEST_RANDOM);
		n = n < len ? n : len;
		at = rng_below(rng, len - n + 1);
		for (uint32_t i = 0; i < n; i++)
			data[at + i] = (uint8_t)rng_draw(rng);
		break;
	case HURT_PAIR:
		hurt_pair(rng, data, len);
		break;
	case HURT_SWAP16:
		hurt_swap16(rng, data, len);
		break;
	default:
		break;
	}
	return memcmp(data, packet->pristine + from, len) != 0;
}
