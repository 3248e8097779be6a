// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stream of generated packets: the kind of the next one, datagrams in fragments that arrive in
 * any order between other packets, and damage. A packet depends only on the seed and its number.
 * Damage uses another stream of random numbers, so that a run without damage gives the same
 * packets, undamaged.
 */
#include <stdlib.h>
#include <string.h>

#include "packets.h"

#define PENDING 64 /* fragments that may wait to be sent */
#define FRAME 1514
#define JUMBO 9216 /* no frame is longer */

const char *const of_names[OF_KINDS] = { "ipv4",  "tcp",  "udp",  "udplite", "icmp",
					 "icmp6", "igmp", "sctp", "gre" };
const char *const truth_names[IS_KINDS] = { "good",	    "bad",	 "unfinished", "none",
					    "illegal-none", "truncated", "unknown" };
const char *const hurt_names[HURT_KINDS] = { "-",      "flip", "stuck", "burst",
					     "random", "pair", "swap16" };
const char *const expect_names[EXPECT_KINDS] = { "fine", "bad", "any" };
const char *const doubt_names[DOUBT_KINDS] = { "-",	 "structure", "udp-zero", "unfinished",
					       "merged", "fragment",  "later" };
const char *const doubt_words[DOUBT_KINDS] = {
	"",
	"a length, type or port was hit: another packet now",
	"the UDP field became 0: sent without a checksum",
	"the field became what an unfinished one holds",
	"longer than any frame: the field may be one segment's",
	"a fragment left its datagram, which is never whole",
	"a fragment: shows at the frame that completes its datagram",
};
const char *const mix_names[MIX_KINDS] = { "all", "plain", "bulk", "small", "imix" };

struct generator {
	struct generator_options options;
	uint64_t sent, turn, datagrams;
	struct packet *now;
	struct packet *pending[PENDING];
	size_t pendings;
	struct packet *idle[PENDING + 2];
	size_t idles;
};

uint64_t rng_draw(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return (uint32_t)((rng_draw(rng) >> 32) * n >> 32);
}

bool rng_chance(struct rng *rng, uint32_t per_mille)
{
	return rng_below(rng, 1000) < per_mille;
}

static struct rng rng_of(uint64_t seed, uint64_t n)
{
	struct rng rng = { seed * 0xd1342543de82ef95 + n };

	rng.state = rng_draw(&rng);
	return rng;
}

static struct packet *packet_take(struct generator *generator)
{
	struct packet *packet;
	uint8_t *data, *pristine;

	if (generator->idles) {
		packet = generator->idle[--generator->idles];
		data = packet->data;
		pristine = packet->pristine;
	} else {
		packet = malloc(sizeof(*packet));
		data = malloc(PACKET_HEAD + PACKET_MAX);
		pristine = malloc(PACKET_HEAD + PACKET_MAX);
		if (!packet || !data || !pristine)
			abort();
	}
	memset(packet, 0, sizeof(*packet));
	packet->data = data;
	packet->pristine = pristine;
	packet->start = packet->end = PACKET_HEAD;
	packet->open = -1;
	return packet;
}

static void packet_free(struct packet *packet)
{
	if (!packet)
		return;
	free(packet->data);
	free(packet->pristine);
	free(packet);
}

struct generator *generator_new(const struct generator_options *options)
{
	struct generator *generator = calloc(1, sizeof(*generator));

	if (!generator)
		abort();
	generator->options = *options;
	if (!generator->options.flows)
		generator->options.flows = 1000;
	return generator;
}

void generator_free(struct generator *generator)
{
	if (!generator)
		return;
	packet_free(generator->now);
	for (size_t i = 0; i < generator->pendings; i++) {
		datagram_leave(generator->pending[i]->datagram);
		packet_free(generator->pending[i]);
	}
	for (size_t i = 0; i < generator->idles; i++)
		packet_free(generator->idle[i]);
	free(generator);
}

void fill(struct rng *rng, uint8_t *data, uint32_t len)
{
	static const uint8_t same[] = { 0, 0xff, 'a' };
	uint32_t kind = rng_below(rng, 12);

	if (kind < sizeof(same)) {
		memset(data, same[kind], len);
		return;
	}
	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t value = rng_draw(rng);

		memcpy(data + i, &value, len - i < 8 ? len - i : 8);
	}
}

void choose_ends(struct rng *rng, struct ends *ends, bool six)
{
	uint64_t low = rng_draw(rng), high = rng_draw(rng);

	memset(ends, 0, sizeof(*ends));
	ends->six = six;
	if (six) {
		put32(ends->src, 0x20010db8);
		put32(ends->dst, 0x20010db8);
		memcpy(ends->src + 8, &low, 8);
		memcpy(ends->dst + 8, &high, 8);
		return;
	}
	put32(ends->src, 0x0a000000 | (low & 0xffffff));
	put32(ends->dst, 0x0a000000 | (high & 0xffffff));
}

static uint32_t choose_size(struct rng *rng)
{
	uint32_t kind = rng_below(rng, 100);

	if (kind < 35)
		return rng_below(rng, 65);
	if (kind < 75)
		return 64 + rng_below(rng, 400);
	return 464 + rng_below(rng, 900);
}

static enum sum_of choose_transport(struct rng *rng, bool six, bool plain)
{
	uint32_t kind = rng_below(rng, plain ? 850 : 1000);

	if (kind < 500)
		return OF_TCP;
	if (kind < 780)
		return OF_UDP;
	if (kind < 850)
		return six ? OF_ICMP6 : OF_ICMP;
	if (kind < 890)
		return OF_SCTP;
	if (kind < 940)
		return OF_UDPLITE;
	return kind < 960 && !six ? OF_IGMP : OF_KINDS; /* the last: ESP */
}

const uint8_t proto_of[OF_KINDS + 1] = {
	[OF_TCP] = 6,	 [OF_UDP] = 17, [OF_UDPLITE] = 136, [OF_ICMP] = 1,
	[OF_ICMP6] = 58, [OF_IGMP] = 2, [OF_SCTP] = 132,    [OF_KINDS] = 50
};

static uint32_t choose_link(const struct generator *generator, struct rng *rng)
{
	static const struct {
		uint32_t until, link;
	} rows[] = { { 70, ON_ETHERNET }, { 78, ON_SLL },  { 85, ON_SLL2 },
		     { 92, ON_RAW },	  { 96, ON_NULL }, { 100, ON_LOOP } };
	uint32_t kind = rng_below(rng, 100), i = 0;

	if (generator->options.link != UINT32_MAX)
		return generator->options.link;
	if (generator->options.mix != MIX_ALL)
		return ON_ETHERNET;
	while (kind >= rows[i].until)
		i++;
	return rows[i].link;
}

/*
 * The packet is complete from the outermost IP header on: adds the link layer and padding, and
 * cuts.
 */
static void finish_frame(struct generator *generator, struct packet *packet, struct rng *rng,
			 bool six)
{
	bool all = generator->options.mix == MIX_ALL;
	uint32_t len, want = 60;

	packet->ip = packet->start;
	packet->ip_end = packet->end;
	push_link(packet, rng, choose_link(generator, rng), six, generator->options.little, all);
	len = packet->end - packet->start;
	if (all && len < FRAME && rng_chance(rng, 30))
		want = len + 1 + rng_below(rng, 20);
	if (packet->link == ON_ETHERNET && len < want && (!all || rng_chance(rng, 700))) {
		memset(packet->data + packet->end, 0, want - len);
		if (rng_chance(rng, 200))
			fill(rng, packet->data + packet->end, want - len);
		packet->end = packet->start + want;
	}
	len = packet->end - packet->start;
	packet->captured = len;
	if (all && !packet->datagram && rng_chance(rng, 25) && len > 60)
		packet->captured = 16 + rng_below(rng, len - 16);
	if (packet->captured == len)
		return;
	for (size_t i = 0; i < packet->covers; i++) {
		struct covered *cover = &packet->cover[i];
		uint32_t seen = packet->start + packet->captured;

		if (cover->was == IS_NONE || cover->was == IS_ILLEGAL_NONE
			    ? cover->header + cover->header_len > seen
			    : cover->from + cover->len > seen)
			cover->was = IS_TRUNCATED;
	}
}

static enum finish choose_finish(struct rng *rng, enum sum_of of, bool super, bool merged)
{
	if (super)
		return rng_chance(rng, 600)		 ? FINISH_PSEUDO
		       : !merged || rng_chance(rng, 500) ? FINISH_FULL
							 : FINISH_SEGMENT;
	if (of == OF_UDP && rng_chance(rng, 60))
		return FINISH_ZERO;
	if (rng_chance(rng, 920))
		return FINISH_FULL;
	if (of == OF_SCTP || (of == OF_TCP && rng_chance(rng, 150)))
		return FINISH_ZERO;
	if (of != OF_TCP && of != OF_UDP)
		return FINISH_FULL;
	return of == OF_TCP && rng_chance(rng, 150) ? FINISH_PSEUDO_NO_LENGTH : FINISH_PSEUDO;
}

static void make_packet(struct generator *generator, struct packet *packet, struct rng *rng)
{
	bool all = generator->options.mix == MIX_ALL, six = rng_chance(rng, 400), super = false;
	enum sum_of of = choose_transport(rng, six, !all);
	struct ip_form form = { .id = rng_below(rng, 65536), .plain = !all };
	enum finish finish = FINISH_FULL;
	struct ends ends;
	uint8_t proto;
	int tunnels;

	choose_ends(rng, &ends, six);
	super = all && of == OF_TCP && rng_chance(rng, 20);
	packet->end += super ? 2000 + rng_below(rng, 58000) : choose_size(rng);
	fill(rng, packet->data + packet->start, packet->end - packet->start);
	if (all)
		finish = choose_finish(rng, of, super, packet->end - packet->start > JUMBO);
	if (of != OF_KINDS)
		push_transport(packet, rng, &ends, of, finish);
	else if (packet->end - packet->start < 32)
		packet->end = packet->start + 32;
	form.no_total = super && !six && rng_chance(rng, 150);
	form.no_sum = all && !six && rng_chance(rng, form.no_total ? 500 : 10);
	proto = proto_of[of];
	push_ip(packet, rng, &ends, proto, &form);
	tunnels = all && !form.no_total && !super && rng_chance(rng, 250) ? 1 + rng_chance(rng, 200)
									  : 0;
	for (int i = 0; i < tunnels; i++) {
		bool lco = i == 0 && finish == FINISH_FULL && (of == OF_TCP || of == OF_UDP) &&
			   rng_chance(rng, 100);
		bool inside = six;

		six = rng_chance(rng, 300);
		choose_ends(rng, &ends, six);
		form = (struct ip_form){ .id = rng_below(rng, 65536) };
		proto = push_tunnel(packet, rng, &ends, inside, lco);
		push_ip(packet, rng, &ends, proto, &form);
	}
	for (size_t i = 0; i < packet->covers; i++)
		packet->cover[i].merged = packet->cover[i].of == OF_TCP &&
					  (form.no_total || packet->end - packet->start > JUMBO);
	finish_frame(generator, packet, rng, six);
}

/* The frames of throughput measurements: TCP of one or three sizes, over a number of flows. */
static void make_bulk(struct generator *generator, struct packet *packet, struct rng *rng)
{
	static const uint32_t imix[12] = { 64, 64, 64, 64, 64, 64, 64, 594, 594, 594, 594, 1518 };
	static const uint32_t sizes[MIX_KINDS] = { [MIX_BULK] = FRAME, [MIX_SMALL] = 100 };
	enum mix mix = generator->options.mix;
	uint32_t size = mix == MIX_IMIX ? imix[rng_below(rng, 12)] : sizes[mix];
	uint32_t flow = (uint32_t)(generator->turn % generator->options.flows);
	uint32_t round = (uint32_t)(generator->turn / generator->options.flows);
	struct ip_form form = { .id = round & 0xffff, .plain = true };
	struct ends ends = { .six = false };

	put32(ends.src, 0x0a000000 + flow / 256);
	put32(ends.dst, 0x0aff0001);
	packet->end += size - 14 - 20 - 20;
	fill(rng, packet->data + packet->start, packet->end - packet->start);
	push_tcp_plain(packet, &ends, 20000 + flow % 256, round * (size - 54));
	push_ip(packet, rng, &ends, 6, &form);
	finish_frame(generator, packet, rng, false);
}

static void make_fragments(struct generator *generator, struct rng *rng)
{
	struct packet *scratch = packet_take(generator);
	struct datagram *datagram = datagram_new(scratch, rng, (uint32_t)generator->datagrams++);

	generator->idle[generator->idles++] = scratch;
	for (uint32_t at = 0; at < datagram->len; at += datagram->piece) {
		struct packet *packet = packet_take(generator);

		datagram_piece(datagram, packet, rng, at);
		finish_frame(generator, packet, rng, datagram->ends.six);
		generator->pending[generator->pendings++] = packet;
	}
	datagram_leave(datagram);
}

static void hurt_some(struct generator *generator, struct packet *packet)
{
	struct rng rng = rng_of(generator->options.seed ^ 0x5bd1e995, packet->number);
	uint32_t kinds = generator->options.kinds ? generator->options.kinds : ~0U;
	uint32_t from = packet->ip, to = packet->ip_end;
	enum hurt kind;

	if (!rng_chance(&rng, generator->options.hurt) ||
	    packet->captured != packet->end - packet->start ||
	    (packet->datagram && packet->datagram->hurt))
		return;
	do {
		kind = 1 + rng_below(&rng, HURT_KINDS - 1);
	} while (!(kinds >> kind & 1));
	if (packet->datagram) {
		if (rng_chance(&rng, 850))
			from = packet->inner;
	} else if (packet->covers && rng_chance(&rng, 900)) {
		const struct covered *cover =
			&packet->cover[rng_below(&rng, (uint32_t)packet->covers)];

		from = cover->from;
		to = cover->from + cover->len;
	}
	memcpy(packet->pristine + packet->start, packet->data + packet->start,
	       packet->end - packet->start);
	if (!hurt_packet(packet, &rng, kind, from, to))
		return;
	packet->hurt = (uint8_t)kind;
	hurt_judge(packet);
}

static const struct packet *send_packet(struct generator *generator, struct packet *packet)
{
	generator->now = packet;
	packet->number = ++generator->sent;
	packet->time_ns = 1700000000000000000 + (int64_t)generator->sent * 1371;
	if (generator->options.hurt)
		hurt_some(generator, packet);
	if (packet->datagram) {
		datagram_send(packet);
		datagram_leave(packet->datagram);
	}
	return packet;
}

const struct packet *generator_next(struct generator *generator)
{
	const struct generator_options *options = &generator->options;

	if (generator->now)
		generator->idle[generator->idles++] = generator->now;
	generator->now = NULL;
	if (generator->sent == options->count)
		return NULL;
	for (;;) {
		struct rng rng = rng_of(options->seed, ++generator->turn);
		bool nearly = generator->sent + generator->pendings >= options->count;
		struct packet *packet;

		if (generator->pendings &&
		    (nearly || generator->pendings + DATAGRAM_PIECES + 2 > PENDING ||
		     rng_chance(&rng, 350))) {
			uint32_t i = rng_below(&rng, (uint32_t)generator->pendings);

			packet = generator->pending[i];
			generator->pending[i] = generator->pending[--generator->pendings];
			return send_packet(generator, packet);
		}
		if (options->mix == MIX_ALL && options->count > 2 * PENDING && !nearly &&
		    rng_chance(&rng, 15)) {
			make_fragments(generator, &rng);
			continue;
		}
		packet = packet_take(generator);
		if (options->mix == MIX_ALL || options->mix == MIX_PLAIN)
			make_packet(generator, packet, &rng);
		else
			make_bulk(generator, packet, &rng);
		return send_packet(generator, packet);
	}
}
