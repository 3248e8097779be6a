// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rewritten packets: see rewritten.h.
 *
 * Every group of packets has a trail: how many of its sums are right, by how much the others are
 * wrong, and which bits all their bytes have. Trails are found by a flow whose family has a mark
 * for the kind of group. A SYN has an amount of its own, as its options, its sequence number and
 * its acknowledgement may be rewritten in another way.
 *
 * A change by one bit is what damage looks like. It counts as rewritten only if damage cannot be
 * the cause: the opposite direction has the matching change, or the capture has a packet before
 * the change. To find the latter, the packets seen last are remembered by what rewriting leaves
 * alone.
 */
#include "pcap/rewritten.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/fail.h"
#include "packet/cursor.h"
#include "packet/layer.h"
#include "pcap/flows.h"
#include "pcap/lanes.h"
#include "pcap/pass.h"
#include "sum/csum.h"

#define TRAILS_MAX 131072
#define PAIR_BITS (1U << 20)
#define ENDS 4096 /* a power of two */
#define ENDS_USEFUL 1024 /* trails; if there are more, looking for packets before takes too long */
#define RECENT 8192 /* packets; a power of two */
#define LEAST 3 /* packets that are wrong by the same amount */
#define TOLERANCE 16 /* of so many packets one may be damaged on top */
#define LINE_WIDTH 64 /* bytes: the widest memory that may be at fault */
#define LINE_WIDTH_V4 16
#define HOPELESS 64 /* packets with another change than the first */
#define SAMPLE 64 /* bytes of a packet */
#define CLEAR_BITS 9 /* more differ than damage changes in one packet */

enum { MARK_FLOW = 0, MARK_PAIR = 0x20, MARK_HEADER = 0x40 };
enum { TCP_HEADER = 20, OPTION_NOP = 1, OPTION_MSS = 2, V4_HEADER = 20 };

struct vote {
	uint32_t equal, other; /* packets with this value, and with another one */
	uint16_t value;
	bool set;
};

enum decision { NOT_REWRITTEN, BY_CHANGE, BY_SEED };

struct trail {
	uint32_t good, wrong; /* packets */
	uint32_t with_header; /* of the wrong ones: the IPv4 header's sum is wrong, too */
	uint32_t only_header; /* packets: only that one is wrong */
	struct vote change[2], seed[2]; /* of packets without SYN, and with it */
	uint32_t other_bytes; /* wrong packets that are clearly not the first one again */
	uint16_t computed; /* the first right sum */
	bool differs; /* another packet's is another one */
	bool odd; /* the sum's words begin at odd offsets */
	bool doubtful, mss; /* decided */
	uint8_t decision;
	uint16_t mss_before, mss_now; /* 0: no change of the MSS would explain it */
	struct evidence *evidence; /* NULL: there is none yet */
	struct packet_flow *before; /* the capture has it before the change; or NULL */
};

/* Bytes of wrong packets. */
struct evidence {
	struct lanes lanes;
	bool begun;
	uint32_t len; /* of the first one, from the transport header on */
	uint8_t sample[SAMPLE]; /* its first bytes, without the sum */
};

/* A packet by what rewriting leaves alone. */
struct recent {
	uint64_t key;
	struct packet_flow flow;
	struct wrong wrong; /* of a wrong one */
	bool is_wrong;
};

struct rewritten {
	bool learn, full;
	struct flows *keys; /* row n: trail n */
	struct trail *trails;
	size_t room;
	uint64_t not_followed;
	struct recent *recent;
	bool ends[ENDS]; /* addresses of flows that are followed, by a hash */
	uint8_t pairs[PAIR_BITS / 8]; /* pairs of them: a filter before the trails are searched */
};

/* ---- Trails ---- */

int rewritten_new(bool learn, struct rewritten **ret_rewritten)
{
	_cleanup_(rewritten_cleanup) struct rewritten *rewritten = calloc(1, sizeof(*rewritten));

	if (!rewritten)
		return -ENOMEM;
	rewritten->learn = learn;
	rewritten->recent = calloc(RECENT, sizeof(*rewritten->recent));
	if (!rewritten->recent || flows_new(TRAILS_MAX, &rewritten->keys))
		return -ENOMEM;
	*ret_rewritten = TAKE_PTR(rewritten);
	return 0;
}

void rewritten_free(struct rewritten *rewritten)
{
	if (!rewritten)
		return;
	for (size_t i = 0; rewritten->keys && i < flows_count(rewritten->keys); i++) {
		free(rewritten->trails[i].evidence);
		free(rewritten->trails[i].before);
	}
	flows_free(rewritten->keys);
	free(rewritten->trails);
	free(rewritten->recent);
	free(rewritten);
}

bool rewritten_follows(const struct rewritten *rewritten)
{
	return rewritten->learn || flows_count(rewritten->keys);
}

static struct packet_flow key_of(const struct packet_flow *flow, uint8_t mark)
{
	struct packet_flow key = *flow;

	key.family |= mark;
	if (mark)
		key.proto = 0;
	if (mark)
		key.src_port = key.dst_port = 0;
	return key;
}

static struct trail *find_trail(const struct rewritten *rewritten, const struct packet_flow *flow,
				uint8_t mark)
{
	struct packet_flow key = key_of(flow, mark);
	struct flow_row *row = flows_find(rewritten->keys, &key);

	return row ? &rewritten->trails[row - flows_row(rewritten->keys, 0)] : NULL;
}

static int add_trail(struct rewritten *rewritten, const struct packet_flow *flow, uint8_t mark,
		     struct trail **ret_trail)
{
	struct packet_flow key = key_of(flow, mark);
	size_t before = flows_count(rewritten->keys), row;
	int rc;

	if (ARRAY_RESERVE(rewritten->trails, rewritten->room, before + 1))
		return -ENOMEM;
	rc = flows_add(rewritten->keys, &key, &row);
	if (rc == -ENOSPC)
		rewritten->full = true;
	if (rc)
		return rc;
	if (row == before)
		rewritten->trails[row] = (struct trail){ 0 };
	*ret_trail = &rewritten->trails[row];
	return 0;
}

static void expect(struct vote *vote, uint16_t value)
{
	if (!vote->set)
		*vote = (struct vote){ .set = true, .value = value };
}

static unsigned int end_of(const uint8_t *address)
{
	uint32_t word[4], hash;

	memcpy(word, address, sizeof(word));
	hash = (word[0] ^ word[1] ^ word[2] ^ word[3]) * UINT32_C(0x9e3779b1);
	return hash >> 20 & (ENDS - 1);
}

static unsigned int pair_bit(const struct packet_flow *flow)
{
	uint32_t src[4], dst[4], hash;

	memcpy(src, flow->src, sizeof(src));
	memcpy(dst, flow->dst, sizeof(dst));
	hash = (src[0] ^ src[1] ^ src[2] ^ src[3]) * UINT32_C(0x9e3779b1);
	hash = (hash ^ dst[0] ^ dst[1] ^ dst[2] ^ dst[3]) * UINT32_C(0x85ebca6b);
	return hash >> 12 & (PAIR_BITS - 1);
}

int rewritten_follow(struct rewritten *rewritten, const struct packet_flow *flow, uint16_t change,
		     uint16_t seed_change)
{
	struct trail *trail;
	int rc = add_trail(rewritten, flow, MARK_FLOW, &trail);

	if (rc)
		return rc;
	rewritten->ends[end_of(flow->src)] = rewritten->ends[end_of(flow->dst)] = true;
	rewritten->pairs[pair_bit(flow) / 8] |= (uint8_t)(1U << pair_bit(flow) % 8);
	expect(&trail->change[0], change);
	expect(&trail->seed[0], seed_change);
	rc = add_trail(rewritten, flow, MARK_PAIR, &trail);
	return rc || flow->family != AF_INET ? rc : add_trail(rewritten, flow, MARK_HEADER, &trail);
}

/* ---- A packet ---- */

static void cast(struct vote *vote, uint16_t value)
{
	expect(vote, value);
	if (vote->value == value)
		vote->equal++;
	else
		vote->other++;
}

static struct lanes *lanes_of(struct trail *trail)
{
	if (!trail->evidence)
		trail->evidence = calloc(1, sizeof(*trail->evidence));
	return trail->evidence ? &trail->evidence->lanes : NULL;
}

/* In bytes, with the payload, by the headers. */
static uint32_t transport_len(const struct packet_judgement *judgement)
{
	return judgement->payload - judgement->transport + judgement->payload_full;
}

/*
 * Whether the packet is clearly another one than the first. Damage makes a few bits of the same
 * packet differ, and then the stored sum stays the same, as that of an unfinished sum does.
 */
static void compare_first(struct trail *trail, const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	struct evidence *evidence = trail->evidence;
	uint8_t sample[SAMPLE] = { 0 };
	uint32_t len = transport_len(judgement), bits = 0;
	uint32_t kept = judgement->payload - judgement->transport + judgement->payload_len;
	size_t field = layer_field[judgement->flow.proto == IPPROTO_TCP ? LAYER_TCP : LAYER_UDP];

	memcpy(sample, packet->record.data + judgement->transport, kept < SAMPLE ? kept : SAMPLE);
	sample[field] = sample[field + 1] = 0;
	if (!evidence->begun) {
		evidence->begun = true;
		evidence->len = len;
		memcpy(evidence->sample, sample, sizeof(sample));
		return;
	}
	for (size_t i = 0; i < SAMPLE && bits < CLEAR_BITS; i++)
		if (sample[i] != evidence->sample[i])
			bits += (uint32_t)__builtin_popcount(sample[i] ^ evidence->sample[i]);
	trail->other_bytes += len != evidence->len || bits >= CLEAR_BITS;
}

/* Adds the bytes that the sum of the transport covers. */
static int add_lanes(struct trail *trail, const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	size_t len = judgement->payload - judgement->transport + judgement->payload_len;
	struct lanes *lanes = lanes_of(trail);
	const uint8_t *data = packet->record.data;
	size_t addresses = judgement->flow.family == AF_INET6 ? 32 : 0;

	if (!lanes)
		return -ENOMEM;
	if (packet->completes) /* its other fragments are gone */
		return 0;
	trail->odd = judgement->transport & 1;
	if (addresses)
		lanes_add(lanes, data + judgement->network + 8, judgement->network + 8, addresses,
			  0);
	lanes_add(lanes, data + judgement->transport, judgement->transport, len, len + addresses);
	compare_first(trail, packet);
	return 0;
}

static int add_header_lanes(struct trail *trail, const struct pass_packet *packet)
{
	struct lanes *lanes = lanes_of(trail);

	if (!lanes)
		return -ENOMEM;
	trail->odd = packet->judgement.network & 1;
	lanes_add(lanes, packet->record.data + packet->judgement.network, packet->judgement.network,
		  V4_HEADER, V4_HEADER);
	return 0;
}

static void note_computed(struct trail *trail, uint16_t computed)
{
	if (!trail->wrong)
		trail->computed = computed;
	trail->differs |= trail->computed != computed;
	trail->wrong++;
}

/* The MSS in a SYN's options; 0: there is none. *ret_odd: it begins at an odd offset. */
static uint16_t mss_of(const struct pass_packet *packet, bool *ret_odd)
{
	const struct packet_judgement *judgement = &packet->judgement;
	const uint8_t *tcp = packet->record.data + judgement->transport;
	size_t len = judgement->payload - judgement->transport;

	for (size_t at = TCP_HEADER; at + 4 <= len && tcp[at];) {
		if (tcp[at] == OPTION_MSS) {
			*ret_odd = at & 1;
			return tcp[at + 1] == 4 ? cursor_be16(tcp + at + 2) : 0;
		}
		if (tcp[at] != OPTION_NOP && tcp[at + 1] < 2)
			return 0;
		at += tcp[at] == OPTION_NOP ? 1 : tcp[at + 1];
	}
	return 0;
}

/* An MSS that a host offers: what fits into a frame or a big buffer, with usual headers. */
static bool is_usual_mss(uint16_t mss)
{
	return (mss >= 1400 && mss <= 1460) || (mss >= 8860 && mss <= 8960) || mss == 536 ||
	       mss == 1220 || mss == 1240 || mss >= 16336;
}

static void note_mss(struct trail *trail, const struct pass_packet *packet,
		     const struct wrong *wrong)
{
	bool odd = false;
	uint16_t now = mss_of(packet, &odd), change = wrong->change, before;

	if (odd)
		change = (uint16_t)(change << 8 | change >> 8);
	before = csum_minus(now, change);
	if (now && before > now && is_usual_mss(before)) {
		trail->mss_now = now;
		trail->mss_before = before;
	}
}

/* Whether its packets differ too much already, or some are right. */
static bool is_hopeless(const struct trail *trail)
{
	return trail->good || (trail->change[0].other > HOPELESS &&
			       trail->change[0].other > 2 * trail->change[0].equal &&
			       trail->seed[0].other > 2 * trail->seed[0].equal);
}

static int add_wrong(struct trail *trail, const struct pass_packet *packet,
		     const struct wrong *wrong)
{
	note_computed(trail, wrong->computed);
	trail->with_header += wrong->header;
	cast(&trail->change[wrong->syn], wrong->change);
	cast(&trail->seed[wrong->syn], wrong->seed_change);
	return is_hopeless(trail) ? 0 : add_lanes(trail, packet);
}

/* ---- Packets before the change ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static int note_before(struct rewritten *rewritten, const struct packet_flow *now,
		       const struct packet_flow *before)
{
	struct trail *trail = find_trail(rewritten, now, MARK_FLOW);

	if (!trail || trail->before)
		return 0;
	trail->before = malloc(sizeof(*before));
	if (!trail->before)
		return -ENOMEM;
	*trail->before = *before;
	return 0;
}

static int look_back(struct rewritten *rewritten, const struct packet_judgement *judgement,
		     const struct packet_layer *transport, const struct wrong *wrong)
{
	const struct packet_flow *flow = &judgement->flow;
	uint64_t key = mix(transport->stored | (uint64_t)flow->proto << 16,
			   (uint64_t)judgement->seq << 32 | judgement->ack);
	struct recent *recent;
	int rc = 0;

	key = mix(key, transport_len(judgement));
	recent = &rewritten->recent[key % RECENT];
	if (recent->key == key && wrong && !recent->is_wrong &&
	    wrong_is_change(&recent->flow, flow, wrong))
		rc = note_before(rewritten, flow, &recent->flow);
	else if (recent->key == key && !wrong && recent->is_wrong &&
		 wrong_is_change(flow, &recent->flow, &recent->wrong))
		rc = note_before(rewritten, &recent->flow, flow);
	*recent = (struct recent){ .key = key, .flow = *flow, .is_wrong = wrong };
	if (wrong)
		recent->wrong = *wrong;
	return rc;
}

/* ---- Visiting ---- */

/* The trail of this kind; NULL: none, or no room (counted by the caller). */
static int trail_for(struct rewritten *rewritten, const struct packet_flow *flow, uint8_t mark,
		     struct trail **ret_trail)
{
	int rc = 0;

	*ret_trail = NULL;
	if (rewritten->learn)
		rc = add_trail(rewritten, flow, mark, ret_trail);
	else
		*ret_trail = find_trail(rewritten, flow, mark);
	return rc == -ENOSPC ? 0 : rc;
}

static int visit_header(struct rewritten *rewritten, const struct pass_packet *packet,
			const struct packet_layer *header, const struct wrong *wrong)
{
	struct trail *trail;
	int rc = trail_for(rewritten, &packet->judgement.flow, MARK_HEADER, &trail);

	if (rc || !trail)
		return rc;
	if (header->verdict != SUM_BAD) {
		trail->good += header->verdict == SUM_GOOD;
		return 0;
	}
	note_computed(trail, wrong->header_computed);
	cast(&trail->change[0], wrong->header_change);
	return is_hopeless(trail) ? 0 : add_header_lanes(trail, packet);
}

static int visit_transport(struct rewritten *rewritten, const struct pass_packet *packet,
			   const struct packet_layer *transport, const struct wrong *wrong,
			   uint8_t mark)
{
	struct trail *trail;
	int rc = trail_for(rewritten, &packet->judgement.flow, mark, &trail);

	if (rc)
		return rc;
	if (!trail) {
		rewritten->not_followed +=
			mark == MARK_FLOW && rewritten->learn && wrong->transport;
		return 0;
	}
	trail->only_header += wrong->header && !wrong->transport;
	if (!transport)
		return 0;
	trail->good += transport->verdict == SUM_GOOD || transport->verdict == SUM_UNFINISHED;
	if (transport->verdict != SUM_BAD)
		return 0;
	if (wrong->syn && mark == MARK_FLOW)
		note_mss(trail, packet, wrong);
	return add_wrong(trail, packet, wrong);
}

/*
 * Whether a flow between these addresses is followed; or, as a packet before the change has other
 * addresses, one that has an end in common with it.
 */
static bool is_near(const struct rewritten *rewritten, const struct packet_flow *flow)
{
	if (flows_count(rewritten->keys) < ENDS_USEFUL &&
	    (rewritten->ends[end_of(flow->src)] || rewritten->ends[end_of(flow->dst)]))
		return true;
	return rewritten->pairs[pair_bit(flow) / 8] >> pair_bit(flow) % 8 & 1;
}

int rewritten_visit(struct rewritten *rewritten, const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	const struct packet_layer *transport, *header;
	struct wrong wrong = { 0 };
	int rc = 0;

	if (!packet->link_known || packet->waits || !judgement->flow.family)
		return 0;
	/* Most packets do not belong to a flow that is followed. */
	if (!rewritten->learn && !is_near(rewritten, &judgement->flow))
		return 0;
	transport = wrong_transport(judgement);
	header = wrong_header(judgement);
	if (judgement->verdict == SUM_BAD)
		wrong = wrong_of(judgement);
	if (header)
		rc = visit_header(rewritten, packet, header, &wrong);
	if (!rc && (transport || wrong.header))
		rc = visit_transport(rewritten, packet, transport, &wrong, MARK_FLOW);
	if (!rc && transport)
		rc = visit_transport(rewritten, packet, transport, &wrong, MARK_PAIR);
	if (!rc && transport && !judgement->fragment.is)
		rc = look_back(rewritten, judgement, transport, wrong.transport ? &wrong : NULL);
	return rc;
}

/* ---- Deciding ---- */

/* Nearly all packets have the same value. */
static bool is_constant(const struct vote *vote)
{
	return vote->equal && vote->other <= vote->equal / TOLERANCE;
}

/* Whether all of a group's sums are wrong by one amount: see the beginning of this file. */
static bool agrees(const struct vote *votes)
{
	const struct vote *data = &votes[0], *syn = &votes[1];

	if (data->equal >= LEAST)
		return is_constant(data) && !syn->other;
	return data->equal + syn->equal >= LEAST && !data->other && !syn->other &&
	       (!data->equal || !syn->equal || data->value == syn->value);
}

/* The amount that decides. */
static uint16_t amount_of(const struct vote *votes)
{
	return votes[0].equal ? votes[0].value : votes[1].value;
}

static const struct vote *votes_of(const struct trail *trail, uint8_t decision)
{
	return decision == BY_SEED ? trail->seed : trail->change;
}

/* How the sums of a group came to be wrong, if all are wrong by one amount. */
static uint8_t candidate(const struct trail *trail)
{
	if (trail->good || trail->wrong < LEAST)
		return NOT_REWRITTEN;
	if (trail->other_bytes + 1 >= LEAST && agrees(trail->seed))
		return BY_SEED;
	return agrees(trail->change) ? BY_CHANGE : NOT_REWRITTEN;
}

static bool line_explains(const struct trail *trail, uint16_t amount, unsigned int width)
{
	return trail->evidence && trail->evidence->lanes.shortest &&
	       lanes_explain(&trail->evidence->lanes, amount, trail->odd, width);
}

static struct packet_flow opposite_of(const struct packet_flow *flow)
{
	struct packet_flow opposite = *flow;

	memcpy(opposite.src, flow->dst, sizeof(opposite.src));
	memcpy(opposite.dst, flow->src, sizeof(opposite.dst));
	opposite.src_port = flow->dst_port;
	opposite.dst_port = flow->src_port;
	return opposite;
}

static struct trail *find_opposite(const struct rewritten *rewritten, size_t row)
{
	struct packet_flow key = opposite_of(&flows_row(rewritten->keys, row)->flow);
	struct flow_row *found = flows_find(rewritten->keys, &key);

	return found ? &rewritten->trails[found - flows_row(rewritten->keys, 0)] : NULL;
}

/*
 * Whether the opposite direction has the matching change: the reverse one, which one line that is
 * stuck cannot make; or the same, if no line explains it.
 */
static bool is_matched(const struct rewritten *rewritten, size_t row, uint8_t decision)
{
	const struct trail *trail = &rewritten->trails[row];
	const struct trail *opposite = find_opposite(rewritten, row);
	uint8_t family = flows_row(rewritten->keys, row)->flow.family & 0x1f;
	unsigned int width = family == AF_INET ? LINE_WIDTH_V4 : LINE_WIDTH;
	uint16_t amount = amount_of(votes_of(trail, decision)), other;

	if (!opposite || candidate(opposite) != decision)
		return false;
	other = amount_of(votes_of(opposite, decision));
	return (uint32_t)other + amount == 0xffff ||
	       (other == amount && !line_explains(trail, amount, width) &&
		!line_explains(opposite, amount, width));
}

/* The pairs of addresses whose sums are wrong by plus or minus one bit, by this bit. */
struct suspects {
	bool some[16], several[16];
	struct packet_flow pair[16];
};

static unsigned int column_of(uint16_t amount)
{
	for (unsigned int column = 0; column < 16; column++)
		if (amount == 1U << column || amount == 0xffff - (1U << column))
			return column;
	return 0;
}

/* Without direction. */
static struct packet_flow pair_of(const struct packet_flow *flow)
{
	struct packet_flow pair = key_of(flow, MARK_PAIR);

	return memcmp(pair.src, pair.dst, sizeof(pair.src)) < 0 ? pair : opposite_of(&pair);
}

static void note_suspect(struct suspects *suspects, const struct packet_flow *flow, uint16_t amount)
{
	unsigned int column = column_of(amount);
	struct packet_flow pair = pair_of(flow);

	if (!suspects->some[column])
		suspects->pair[column] = pair;
	else if (memcmp(&suspects->pair[column], &pair, sizeof(pair)) != 0)
		suspects->several[column] = true;
	suspects->some[column] = true;
}

static void find_suspects(const struct rewritten *rewritten, struct suspects *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < flows_count(rewritten->keys); i++) {
		const struct packet_flow *key = &flows_row(rewritten->keys, i)->flow;
		uint8_t decision = candidate(&rewritten->trails[i]);
		uint16_t amount = amount_of(votes_of(&rewritten->trails[i], decision));

		if (decision && !(key->family & MARK_HEADER) && lanes_one_bit(amount))
			note_suspect(ret, key, amount);
	}
}

/* Whether the header's wrong sums, if there are any, are explained. */
static bool header_is_explained(const struct rewritten *rewritten, const struct packet_flow *key,
				const struct trail *trail)
{
	struct packet_flow flow = *key;
	const struct trail *header;

	if (trail->with_header <= trail->wrong / TOLERANCE)
		return true;
	flow.family &= 0x1f;
	header = find_trail(rewritten, &flow, MARK_HEADER);
	return header && header->decision;
}

/* All are wrong, and half of them by one amount: some of those may be rewritten. */
static bool is_mixed(const struct trail *trail)
{
	const struct vote *vote =
		trail->seed[0].equal > trail->change[0].equal ? &trail->seed[0] : &trail->change[0];

	return !trail->good && trail->wrong >= LEAST && vote->equal >= LEAST &&
	       vote->equal >= vote->other &&
	       (vote == &trail->change[0] || trail->other_bytes + 1 >= LEAST) &&
	       !lanes_one_bit(vote->value);
}

static void decide_trail(struct rewritten *rewritten, size_t row, const struct suspects *suspects)
{
	struct trail *trail = &rewritten->trails[row];
	const struct packet_flow *key = &flows_row(rewritten->keys, row)->flow;
	uint8_t decision = candidate(trail);
	uint16_t amount = amount_of(votes_of(trail, decision));
	bool proven = trail->before;

	if (!decision)
		trail->doubtful = is_mixed(trail);
	if (!decision || !amount || !header_is_explained(rewritten, key, trail))
		return;
	if (key->family & MARK_HEADER && !trail->differs)
		return;
	trail->doubtful = true;
	if (!proven && lanes_one_bit(amount))
		proven = !suspects->several[column_of(amount)] &&
			 is_matched(rewritten, row, decision);
	else if (!proven)
		proven = !line_explains(trail, amount, LINE_WIDTH);
	if (!proven)
		return;
	trail->doubtful = false;
	trail->decision = decision;
}

static void decide_all(struct rewritten *rewritten, uint8_t mark, const struct suspects *suspects)
{
	for (size_t i = 0; i < flows_count(rewritten->keys); i++)
		if ((flows_row(rewritten->keys, i)->flow.family & (MARK_PAIR | MARK_HEADER)) ==
		    mark)
			decide_trail(rewritten, i, suspects);
}

/* Whether the MSS was lowered in the SYN packets of this trail. */
static bool has_lower_mss(const struct trail *trail)
{
	return trail->mss_now && !trail->change[1].other && !lanes_one_bit(trail->change[1].value);
}

/* SYN packets whose MSS was lowered to the same value: of one flow there may be one only. */
static int decide_mss(struct rewritten *rewritten)
{
	_cleanup_free_ uint64_t *packets = calloc(UINT16_MAX + 1, sizeof(*packets));

	if (!packets)
		return -ENOMEM;
	for (size_t i = 0; i < flows_count(rewritten->keys); i++)
		if (has_lower_mss(&rewritten->trails[i]))
			packets[rewritten->trails[i].mss_now] +=
				rewritten->trails[i].change[1].equal;
	for (size_t i = 0; i < flows_count(rewritten->keys); i++)
		rewritten->trails[i].mss = has_lower_mss(&rewritten->trails[i]) &&
					   packets[rewritten->trails[i].mss_now] >= LEAST;
	return 0;
}

/* ---- Asking ---- */

static bool fits(const struct trail *trail, const struct wrong *wrong)
{
	const struct vote *vote;

	if (!trail || !trail->decision)
		return false;
	vote = &votes_of(trail, trail->decision)[wrong->syn];
	return vote->equal &&
	       vote->value == (trail->decision == BY_SEED ? wrong->seed_change : wrong->change);
}

enum rewritten_class rewritten_class_of(const struct rewritten *rewritten,
					const struct packet_flow *flow, const struct wrong *wrong)
{
	const struct trail *own = find_trail(rewritten, flow, MARK_FLOW);
	const struct trail *pair = find_trail(rewritten, flow, MARK_PAIR);
	const struct trail *header = find_trail(rewritten, flow, MARK_HEADER);

	if (wrong->other)
		return CLASS_DAMAGED;
	if (!own)
		return rewritten->full ? CLASS_UNKNOWN : CLASS_DAMAGED;
	if (wrong->header &&
	    !(header && header->decision && header->change[0].value == wrong->header_change))
		return header && header->doubtful ? CLASS_DOUBTFUL : CLASS_DAMAGED;
	if (!wrong->transport || fits(own, wrong) || fits(pair, wrong) ||
	    (wrong->syn && own->mss && own->change[1].value == wrong->change))
		return CLASS_REWRITTEN;
	return own->doubtful ? CLASS_DOUBTFUL : CLASS_DAMAGED;
}

/* The packets without SYN (0) or with it (1) that are rewritten. */
static uint64_t explained(const struct trail *own, const struct trail *pair, unsigned int syn)
{
	const struct trail *by = own->decision ? own : pair;
	const struct vote *votes;

	if (by && by->decision) {
		votes = votes_of(by, by->decision);
		if (votes[syn].equal && votes_of(own, by->decision)[syn].value == votes[syn].value)
			return votes_of(own, by->decision)[syn].equal;
	}
	return syn && own->mss ? own->change[1].equal : 0;
}

uint64_t rewritten_packets_of(const struct rewritten *rewritten, const struct packet_flow *flow)
{
	const struct trail *own = find_trail(rewritten, flow, MARK_FLOW);
	const struct trail *pair = find_trail(rewritten, flow, MARK_PAIR);
	const struct trail *header = find_trail(rewritten, flow, MARK_HEADER);
	bool whole = header && header->decision;
	uint64_t packets;

	if (!own)
		return 0;
	packets = explained(own, pair, 0) + explained(own, pair, 1);
	if (!whole)
		packets -= own->with_header < packets ? own->with_header : packets;
	return packets + (whole ? own->only_header : 0);
}

/* ---- The result ---- */

static enum rewritten_kind kind_of(const struct trail *own, const struct trail *pair)
{
	const struct trail *by = own->decision ? own : pair;

	if (own->before)
		return REWRITTEN_SEEN;
	if (own->mss || (own->mss_now && !own->change[0].equal && own->decision == BY_CHANGE))
		return REWRITTEN_MSS;
	if (!by || !by->decision)
		return REWRITTEN_HEADER;
	return by->decision == BY_SEED ? REWRITTEN_UNFINISHED : REWRITTEN_FIELDS;
}

/* What add_cause() needs beside the result. */
struct tally {
	uint64_t most[REWRITTEN_KINDS]; /* packets of the flow whose change is shown */
	uint8_t changes[REWRITTEN_KINDS][0x10000 / 8]; /* a bit for each change */
};

static void add_cause(const struct rewritten *rewritten, size_t row, uint64_t packets,
		      struct tally *tally, struct rewritten_result *result)
{
	const struct packet_flow *flow = &flows_row(rewritten->keys, row)->flow;
	const struct trail *own = &rewritten->trails[row];
	const struct trail *pair = find_trail(rewritten, flow, MARK_PAIR);
	const struct trail *header = find_trail(rewritten, flow, MARK_HEADER);
	const struct trail *opposite = find_opposite(rewritten, row);
	enum rewritten_kind kind = kind_of(own, pair);
	struct rewritten_cause *cause = &result->cause[kind];
	uint8_t *bits = tally->changes[kind];
	uint16_t amount = 0;

	if (kind == REWRITTEN_HEADER && header)
		amount = header->change[0].value;
	else if (kind != REWRITTEN_HEADER)
		amount = amount_of(votes_of(own, own->decision ? own->decision
						 : pair	       ? pair->decision
							       : BY_CHANGE));
	cause->packets += packets;
	cause->flows++;
	cause->changes += !(bits[amount / 8] >> amount % 8 & 1);
	bits[amount / 8] |= (uint8_t)(1U << amount % 8);
	cause->both_ways |= opposite && opposite->decision && opposite->decision == own->decision &&
			    amount_of(votes_of(opposite, opposite->decision)) == amount;
	if (packets <= tally->most[kind])
		return;
	tally->most[kind] = packets;
	cause->change = amount;
	cause->mss_before = own->mss_before;
	cause->mss_now = own->mss_now;
	cause->now = *flow;
	if (own->before)
		cause->before = *own->before;
}

/* Counts the pairs of addresses (with direction) of each kind, by their trails. */
static void count_pairs(const struct rewritten *rewritten, struct rewritten_result *result)
{
	for (size_t i = 0; i < flows_count(rewritten->keys); i++) {
		const struct packet_flow *key = &flows_row(rewritten->keys, i)->flow;
		const struct trail *trail = &rewritten->trails[i];

		if (key->family & MARK_PAIR && trail->wrong && !trail->good)
			result->cause[trail->decision == BY_SEED ? REWRITTEN_UNFINISHED
								 : REWRITTEN_FIELDS]
				.pairs++;
	}
}

static void sum_up(const struct rewritten *rewritten, struct tally *tally,
		   struct rewritten_result *result)
{
	for (size_t i = 0; i < flows_count(rewritten->keys); i++) {
		const struct packet_flow *key = &flows_row(rewritten->keys, i)->flow;
		const struct trail *trail = &rewritten->trails[i];
		uint64_t packets;

		if (key->family & (MARK_PAIR | MARK_HEADER))
			continue;
		packets = rewritten_packets_of(rewritten, key);
		result->packets += packets;
		result->flows += packets != 0;
		if (packets)
			add_cause(rewritten, i, packets, tally, result);
		else if (trail->doubtful)
			result->doubtful += trail->wrong;
		result->doubtful_flows += !packets && trail->doubtful;
	}
	count_pairs(rewritten, result);
	result->not_followed = rewritten->not_followed;
}

int rewritten_decide(struct rewritten *rewritten, struct rewritten_result *ret_result)
{
	_cleanup_free_ struct tally *tally = calloc(1, sizeof(*tally));
	struct suspects suspects;

	memset(ret_result, 0, sizeof(*ret_result));
	find_suspects(rewritten, &suspects);
	decide_all(rewritten, MARK_HEADER, &suspects);
	decide_all(rewritten, MARK_FLOW, &suspects);
	decide_all(rewritten, MARK_PAIR, &suspects);
	if (!tally || decide_mss(rewritten))
		return fail(-ENOMEM, "out of memory");
	sum_up(rewritten, tally, ret_result);
	return 0;
}
