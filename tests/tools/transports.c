// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transports of generated packets: a header whose checksum is finished, or in a form that a device
 * finishes later.
 */
#include <string.h>

#include "packets.h"
#include "plain_sum.h"

struct covered *cover_new(struct packet *packet, enum sum_of of, uint32_t header_len,
			  uint32_t field)
{
	struct covered *cover = &packet->cover[packet->covers++];

	*cover = (struct covered){ .of = (uint8_t)of,
				   .was = IS_GOOD,
				   .header = packet->start,
				   .header_len = header_len,
				   .field = packet->start + field,
				   .from = packet->start,
				   .len = packet->end - packet->start };
	return cover;
}

/*
 * When a transport is pushed, its pseudo-header's addresses are not known yet: push_ip() adds them.
 */
static uint64_t pseudo_of(struct packet *packet, struct covered *cover, const struct ends *ends)
{
	uint64_t sum;

	cover->proto = proto_of[cover->of];
	cover->addr_len = ends->six ? 16 : 4;
	cover->l4_len = packet->end - packet->start;
	packet->open = (int)(cover - packet->cover);
	sum = cover->proto + (cover->l4_len >> 16) + (cover->l4_len & 0xffff);
	sum = plain_sum(sum, ends->src, cover->addr_len);
	return plain_sum(sum, ends->dst, cover->addr_len);
}

void seal(struct packet *packet, struct covered *cover, uint64_t pseudo, enum finish finish)
{
	uint8_t *field = packet->data + cover->field;
	uint64_t sum = plain_sum(pseudo, packet->data + cover->from, cover->len);
	uint16_t value = (uint16_t)~plain_fold(sum), right, without_length;

	if (value == 0 && (cover->of == OF_UDP || cover->of == OF_UDPLITE))
		value = 0xffff;
	without_length = plain_fold(pseudo + (uint16_t)~plain_fold(cover->l4_len));
	right = value;
	if (finish == FINISH_ZERO)
		value = 0;
	else if (finish == FINISH_PSEUDO)
		value = plain_fold(pseudo);
	else if (finish == FINISH_PSEUDO_NO_LENGTH)
		value = without_length;
	else if (finish == FINISH_SEGMENT)
		value = (uint16_t)(value + 0x1234);
	put16(field, value);
	if (finish == FINISH_ZERO && cover->of == OF_UDP)
		cover->was = cover->addr_len == 16 ? IS_ILLEGAL_NONE : IS_NONE;
	else if (value % 0xffff == right % 0xffff) /* now and then by chance */
		cover->was = IS_GOOD;
	else if (finish == FINISH_SEGMENT && value % 0xffff != plain_fold(pseudo) % 0xffff &&
		 value % 0xffff != without_length % 0xffff)
		cover->was = IS_UNKNOWN;
	else
		cover->was = IS_UNFINISHED;
}

static void push_tcp(struct packet *packet, struct rng *rng, const struct ends *ends,
		     enum finish finish)
{
	static const uint8_t stamps[12] = { 1, 1, 8, 10 }, mss[4] = { 2, 4, 5, 0xb4 };
	uint32_t options = rng_chance(rng, 400)	  ? 12
			   : rng_chance(rng, 200) ? 4 * rng_below(rng, 11)
						  : 0;
	uint8_t *tcp = push(packet, 20 + options);
	struct covered *cover = cover_new(packet, OF_TCP, 20 + options, 16);

	put16(tcp, 20000 + rng_below(rng, 20000));
	put16(tcp + 2, 20000 + rng_below(rng, 20000));
	put32(tcp + 4, (uint32_t)rng_draw(rng));
	put32(tcp + 8, (uint32_t)rng_draw(rng));
	tcp[12] = (uint8_t)((20 + options) / 4 << 4);
	tcp[13] = rng_chance(rng, 50) ? 0x02 : rng_chance(rng, 300) ? 0x18 : 0x10;
	put16(tcp + 14, (uint32_t)rng_draw(rng) & 0xffff);
	memset(tcp + 20, 1, options);
	if (options == 4)
		memcpy(tcp + 20, mss, 4);
	if (options >= 12) {
		memcpy(tcp + 20, stamps, sizeof(stamps));
		put32(tcp + 24, (uint32_t)rng_draw(rng));
	}
	seal(packet, cover, pseudo_of(packet, cover, ends), finish);
}

void push_tcp_plain(struct packet *packet, const struct ends *ends, uint32_t port, uint32_t seq)
{
	uint8_t *tcp = push(packet, 20);
	struct covered *cover = cover_new(packet, OF_TCP, 20, 16);

	put16(tcp, port);
	put16(tcp + 2, 443);
	put32(tcp + 4, seq);
	tcp[12] = 0x50;
	tcp[13] = 0x10;
	put16(tcp + 14, 0xffff);
	seal(packet, cover, pseudo_of(packet, cover, ends), FINISH_FULL);
}

void push_udp(struct packet *packet, const struct ends *ends, uint32_t from, uint32_t to,
	      enum finish finish)
{
	uint32_t len = packet->end - packet->start + 8;
	uint8_t *udp = push(packet, 8);
	struct covered *cover = cover_new(packet, OF_UDP, 8, 6);

	put16(udp, from);
	put16(udp + 2, to);
	put16(udp + 4, len);
	mark(packet, packet->start, 4, false);
	mark(packet, packet->start + 4, 2, true);
	seal(packet, cover, pseudo_of(packet, cover, ends), finish);
}

static void push_udplite(struct packet *packet, struct rng *rng, const struct ends *ends)
{
	uint32_t len = packet->end - packet->start + 8;
	uint32_t coverage = rng_chance(rng, 300) ? 0 : 8 + rng_below(rng, len - 7);
	uint8_t *lite = push(packet, 8);
	struct covered *cover = cover_new(packet, OF_UDPLITE, 8, 6);

	put16(lite, 20000 + rng_below(rng, 20000));
	put16(lite + 2, 20000 + rng_below(rng, 20000));
	put16(lite + 4, coverage);
	mark(packet, packet->start + 4, 2, true);
	if (coverage)
		cover->len = coverage;
	seal(packet, cover, pseudo_of(packet, cover, ends), FINISH_FULL);
}

static void push_icmp(struct packet *packet, struct rng *rng, const struct ends *ends)
{
	static const uint8_t four[] = { 0, 8, 3, 11, 13 }, six[] = { 128, 129, 1, 3, 135 };
	uint32_t kind = rng_below(rng, 5);
	struct covered *cover;
	uint8_t *icmp;

	/*
	 * Here, what an ICMP error quotes is not an IP packet and must not look like one by chance.
	 */
	if (kind == 2 || kind == 3)
		packet->data[packet->start] &= 0x0f;
	icmp = push(packet, 8);
	cover = cover_new(packet, ends->six ? OF_ICMP6 : OF_ICMP, 8, 2);
	icmp[0] = ends->six ? six[kind] : four[kind];
	put32(icmp + 4, kind == 2 || kind == 3 ? 0 : (uint32_t)rng_draw(rng));
	seal(packet, cover, ends->six ? pseudo_of(packet, cover, ends) : 0, FINISH_FULL);
}

static void push_igmp(struct packet *packet, struct rng *rng)
{
	static const uint8_t types[] = { 0x11, 0x16, 0x17, 0x22 };
	uint8_t *igmp = push(packet, 8);

	igmp[0] = types[rng_below(rng, 4)];
	seal(packet, cover_new(packet, OF_IGMP, 8, 2), 0, FINISH_FULL);
}

static void push_sctp(struct packet *packet, struct rng *rng, enum finish finish)
{
	uint32_t data = packet->end - packet->start, crc;
	uint8_t *chunk = push(packet, 16), *sctp = push(packet, 12);
	struct covered *cover = cover_new(packet, OF_SCTP, 12, 8);

	put16(sctp, 20000 + rng_below(rng, 20000));
	put16(sctp + 2, 20000 + rng_below(rng, 20000));
	put32(sctp + 4, (uint32_t)rng_draw(rng));
	chunk[1] = 3;
	put16(chunk + 2, 16 + data);
	put32(chunk + 4, (uint32_t)rng_draw(rng));
	if (finish == FINISH_ZERO) {
		cover->was = IS_UNFINISHED;
		return;
	}
	crc = ~plain_crc32c(0xffffffff, sctp, cover->len);
	for (int i = 0; i < 4; i++)
		sctp[8 + i] = (uint8_t)(crc >> 8 * i);
}

void push_transport(struct packet *packet, struct rng *rng, const struct ends *ends, enum sum_of of,
		    enum finish finish)
{
	switch (of) {
	case OF_TCP:
		push_tcp(packet, rng, ends, finish);
		break;
	case OF_UDP:
		push_udp(packet, ends, 20000 + rng_below(rng, 20000), 20000 + rng_below(rng, 20000),
			 finish);
		break;
	case OF_UDPLITE:
		push_udplite(packet, rng, ends);
		break;
	case OF_SCTP:
		push_sctp(packet, rng, finish);
		break;
	case OF_IGMP:
		push_igmp(packet, rng);
		break;
	default:
		push_icmp(packet, rng, ends);
	}
}
