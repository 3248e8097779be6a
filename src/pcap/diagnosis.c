// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What wrong and unfinished sums mean: see diagnosis.h.
 *
 * The scan says which flows may be rewritten (most of their packets are wrong by the same amount)
 * and who sends unfinished sums. Only these are followed, so most captures need no second reading,
 * and one that has only unfinished sums is read until every sender is settled.
 *
 * A sender of unfinished sums is settled as soon as one of four things is seen: one of its
 * unfinished packets is answered or acknowledged; it sends a finished sum of TCP or UDP; it sends a
 * packet longer than one segment, which no receiver gets from outside; or the capture marks its
 * packets as sent by this host. Only senders that are not settled matter at the end. In most
 * captures all are after a few packets.
 *
 * UDP is looked at only if it asks: by ports of protocols that answer each request. A server of
 * DHCP asks, too: its offer is answered by a request for it. A client of DHCP has no address yet,
 * so answers to it are found by the transaction's number.
 */
#include "pcap/diagnosis.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "packet/cursor.h"
#include "pcap/flows.h"
#include "pcap/lanes.h"
#include "pcap/pass.h"
#include "pcap/scan.h"
#include "sum/csum.h"

#define PAIRS_MAX 65536 /* pairs of addresses with flows of one or two damaged packets */
#define CHANCE 200 /* of so many damaged packets one is alike others */
#define FEW 3 /* packets: a flow with fewer proves nothing by itself */

/* ---- Unfinished sums ---- */

#define SENDERS_MAX 65536
#define TALKS_MAX 131072
#define REQUESTS_MANY 3 /* of one client; more are repetitions */
#define SEGMENT_MAX 1500 /* bytes of an IP packet of one segment, at most */

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
	DHCP_SERVER = 67,
	DHCP_CLIENT = 68,
	DHCP_XID = 4, /* offset in the message */
	DHCP_REPLY = 2, /* its first byte */
	ICMP_UNREACHABLE = 3,
	ICMP6_UNREACHABLE = 1,
	PACKET_OUTGOING = 4, /* linux/if_packet.h */
	V4_MULTICAST = 224,
};

struct sender {
	bool settled;
};

/* A flow with unfinished sums, from a sender that is followed. */
struct talk {
	size_t sender;
	uint32_t packets; /* unfinished, which have to be answered */
	uint32_t first_end; /* TCP: the sequence number that acknowledges the first of them */
	uint32_t last; /* TCP: the last one's sequence number; UDP: its sum */
	uint32_t before_last; /* UDP: the sum of the one before */
	uint32_t asked_again; /* a SYN of the peer after a SYN-ACK */
	bool again; /* one was sent again */
	bool answers_syn; /* the packets are SYN-ACKs */
	bool answered;
	bool dhcp;
	bool offer; /* of a DHCP server */
};

struct unfinished {
	bool learn, full;
	struct flows *senders; /* row n: sender n */
	struct sender *sender;
	size_t sender_room, open;
	struct flows *talks; /* row n: talk n */
	struct talk *talk;
	size_t talk_room;
};

static void unfinished_free(struct unfinished *unfinished);

static void unfinished_cleanup(struct unfinished **unfinished)
{
	unfinished_free(*unfinished);
}

/* `learn`: every sender of an unfinished sum is followed, from its first packet on. */
static int unfinished_new(bool learn, struct unfinished **ret_unfinished)
{
	_cleanup_(unfinished_cleanup) struct unfinished *unfinished =
		calloc(1, sizeof(*unfinished));

	if (!unfinished)
		return -ENOMEM;
	unfinished->learn = learn;
	if (flows_new(SENDERS_MAX, &unfinished->senders) ||
	    flows_new(TALKS_MAX, &unfinished->talks))
		return -ENOMEM;
	*ret_unfinished = TAKE_PTR(unfinished);
	return 0;
}

static void unfinished_free(struct unfinished *unfinished)
{
	if (!unfinished)
		return;
	flows_free(unfinished->senders);
	flows_free(unfinished->talks);
	free(unfinished->sender);
	free(unfinished->talk);
	free(unfinished);
}

/* Whether more packets can change anything. */
static bool unfinished_open(const struct unfinished *unfinished)
{
	return unfinished->learn || unfinished->open;
}

/* ---- Senders ---- */

static struct packet_flow sender_key(uint8_t family, const uint8_t *address)
{
	struct packet_flow key = { .family = family };

	memcpy(key.src, address, sizeof(key.src));
	return key;
}

/* Follows the sender (family and src of the flow). -ENOSPC: there is no room; -ENOMEM. */
static int unfinished_follow(struct unfinished *unfinished, const struct packet_flow *sender)
{
	struct packet_flow key = sender_key(sender->family, sender->src);
	size_t before = flows_count(unfinished->senders), row;
	int rc;

	if (ARRAY_RESERVE(unfinished->sender, unfinished->sender_room, before + 1))
		return -ENOMEM;
	rc = flows_add(unfinished->senders, &key, &row);
	if (rc == -ENOSPC)
		unfinished->full = true;
	if (rc || row < before)
		return rc;
	unfinished->sender[row] = (struct sender){ 0 };
	unfinished->open++;
	return 0;
}

/* The sender's number; SIZE_MAX: it is not followed. */
static size_t find_sender(const struct unfinished *unfinished, uint8_t family,
			  const uint8_t *address)
{
	struct packet_flow key = sender_key(family, address);
	struct flow_row *row = flows_find(unfinished->senders, &key);

	return row ? (size_t)(row - flows_row(unfinished->senders, 0)) : SIZE_MAX;
}

static void settle(struct unfinished *unfinished, size_t sender)
{
	if (unfinished->sender[sender].settled)
		return;
	unfinished->sender[sender].settled = true;
	unfinished->open--;
}

/* ---- Talks ---- */

/* UDP protocols that answer each request, by the port that is asked. */
static bool is_request_port(uint16_t port)
{
	static const uint16_t ports[] = {
		53,  67,   69,	 88,   111,  123,  161,	 389,  443,  500,
		623, 1645, 1646, 1812, 1813, 2049, 3478, 5060, 5683, 11211,
	};

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (ports[i] == port)
			return true;
	return false;
}

/* Whether it goes to many: nobody has to answer. */
static bool is_for_many(const struct packet_flow *flow)
{
	return flow->family == AF_INET6 ? flow->dst[0] == 0xff
					: flow->dst[0] >= V4_MULTICAST || flow->dst[3] == 0xff;
}

static bool is_dhcp(const struct packet_flow *flow, bool *ret_reply)
{
	*ret_reply = flow->src_port == DHCP_SERVER && flow->dst_port == DHCP_CLIENT;
	return *ret_reply || (flow->src_port == DHCP_CLIENT && flow->dst_port == DHCP_SERVER);
}

/*
 * The key of a talk. A client may ask again from another port: its port is left out. DHCP's has the
 * transaction's number instead of addresses.
 */
static struct packet_flow talk_key(const struct packet_flow *flow, uint32_t xid)
{
	struct packet_flow key = *flow;
	bool reply;

	if (flow->proto != IPPROTO_UDP)
		return key;
	if (is_dhcp(flow, &reply)) {
		memset(key.src, 0, sizeof(key.src));
		memset(key.dst, 0, sizeof(key.dst));
		memcpy(key.src, &xid, sizeof(xid));
	} else if (is_request_port(flow->dst_port) && is_request_port(flow->src_port)) {
		return key; /* both ends have it, as with NTP */
	} else if (is_request_port(flow->dst_port)) {
		key.src_port = 0;
	} else if (is_request_port(flow->src_port)) {
		key.dst_port = 0;
	}
	return key;
}

static struct packet_flow opposite_of(const struct packet_flow *key)
{
	struct packet_flow opposite = *key;

	memcpy(opposite.src, key->dst, sizeof(opposite.src));
	memcpy(opposite.dst, key->src, sizeof(opposite.dst));
	opposite.src_port = key->dst_port;
	opposite.dst_port = key->src_port;
	return opposite;
}

static struct talk *find_talk(const struct unfinished *unfinished, const struct packet_flow *key)
{
	struct flow_row *row = flows_find(unfinished->talks, key);

	return row ? &unfinished->talk[row - flows_row(unfinished->talks, 0)] : NULL;
}

static int add_talk(struct unfinished *unfinished, const struct packet_flow *key, size_t sender,
		    struct talk **ret_talk)
{
	size_t before = flows_count(unfinished->talks), row;
	int rc;

	if (ARRAY_RESERVE(unfinished->talk, unfinished->talk_room, before + 1))
		return -ENOMEM;
	rc = flows_add(unfinished->talks, key, &row);
	if (rc == -ENOSPC)
		unfinished->full = true;
	if (rc)
		return rc;
	if (row == before)
		unfinished->talk[row] = (struct talk){ .sender = sender };
	*ret_talk = &unfinished->talk[row];
	return 0;
}

/* ---- A packet ---- */

static const struct packet_layer *transport_of(const struct packet_judgement *judgement)
{
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].offset == judgement->transport &&
		    (judgement->layer[i].kind == LAYER_TCP ||
		     judgement->layer[i].kind == LAYER_UDP))
			return &judgement->layer[i];
	return NULL;
}

/* The number of a DHCP message's transaction; 0: too little was captured. */
static uint32_t xid_of(const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;

	return judgement->payload_len < DHCP_XID + 4
		       ? 0
		       : cursor_be32(packet->record.data + judgement->payload + DHCP_XID);
}

/* Linux's cooked captures say which packets this host sent. */
static bool was_sent_here(const struct record *record)
{
	if (record->link == LINK_SLL && record->captured >= 2)
		return cursor_be16(record->data) == PACKET_OUTGOING;
	return record->link == LINK_SLL2 && record->captured >= 11 &&
	       record->data[10] == PACKET_OUTGOING;
}

/* Sequence numbers that the packet takes, and that its receiver acknowledges. */
static uint32_t sequence_len(const struct packet_judgement *judgement)
{
	return judgement->payload_full + !!(judgement->tcp_flags & TCP_SYN) +
	       !!(judgement->tcp_flags & TCP_FIN);
}

static void note_segment(struct talk *talk, const struct packet_judgement *judgement)
{
	uint32_t len = sequence_len(judgement);

	if (!len || judgement->tcp_flags & TCP_RST)
		return;
	if (!talk->packets) {
		talk->first_end = judgement->seq + len;
		talk->answers_syn =
			(judgement->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
	} else {
		talk->again |= talk->last == judgement->seq;
	}
	talk->last = judgement->seq;
	talk->packets++;
}

/* The same request has the same sum. A client that changes it each time asks more often. */
static void note_request(struct talk *talk, const struct packet_layer *transport)
{
	talk->again |= talk->packets &&
		       (talk->dhcp || talk->last == transport->computed ||
			talk->before_last == transport->computed || talk->packets >= REQUESTS_MANY);
	talk->before_last = talk->last;
	talk->last = transport->computed;
	talk->packets++;
}

static int note_unfinished(struct unfinished *unfinished, const struct pass_packet *packet,
			   const struct packet_layer *transport, size_t sender)
{
	const struct packet_judgement *judgement = &packet->judgement;
	const struct packet_flow *flow = &judgement->flow;
	bool reply = false, dhcp = flow->proto == IPPROTO_UDP && is_dhcp(flow, &reply);
	struct packet_flow key = talk_key(flow, xid_of(packet));
	struct talk *talk;
	int rc;

	if (flow->proto == IPPROTO_UDP && !dhcp &&
	    (!is_request_port(flow->dst_port) || is_for_many(flow)))
		return 0;
	rc = add_talk(unfinished, &key, sender, &talk);
	if (rc)
		return rc == -ENOSPC ? 0 : rc;
	talk->dhcp |= dhcp;
	talk->offer |= reply;
	if (flow->proto == IPPROTO_TCP) {
		note_segment(talk, judgement);
	} else {
		note_request(talk, transport);
	}
	return 0;
}

/* A packet from a sender that is followed. */
static int visit_sent(struct unfinished *unfinished, const struct pass_packet *packet,
		      const struct packet_layer *transport, size_t sender)
{
	const struct packet_judgement *judgement = &packet->judgement;
	uint32_t len = judgement->payload + judgement->payload_full - judgement->network;

	if (unfinished->sender[sender].settled)
		return 0;
	if ((transport->verdict == SUM_GOOD && !judgement->fragment.is) || len > SEGMENT_MAX ||
	    was_sent_here(&packet->record))
		settle(unfinished, sender);
	else if (transport->verdict == SUM_UNFINISHED)
		return note_unfinished(unfinished, packet, transport, sender);
	return 0;
}

static void answer(struct unfinished *unfinished, struct talk *talk)
{
	talk->answered = true;
	settle(unfinished, talk->sender);
}

/* A packet against a talk's direction. */
static void visit_back(struct unfinished *unfinished, const struct packet_judgement *judgement,
		       struct talk *talk)
{
	uint8_t flags = judgement->tcp_flags;

	if (judgement->flow.proto != IPPROTO_TCP) {
		answer(unfinished, talk);
		return;
	}
	if (!talk->packets)
		return;
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		talk->asked_again++;
	else if (flags & TCP_RST ||
		 (flags & TCP_ACK && (int32_t)(judgement->ack - talk->first_end) >= 0))
		answer(unfinished, talk);
}

/* DHCP: the key is the transaction's, whoever sends; a request for an offer answers it. */
static void visit_dhcp(struct unfinished *unfinished, const struct pass_packet *packet)
{
	struct packet_flow key = talk_key(&packet->judgement.flow, xid_of(packet)), other = key;
	const uint8_t *message = packet->record.data + packet->judgement.payload;
	struct talk *talk;

	other.src_port = key.dst_port;
	other.dst_port = key.src_port;
	talk = xid_of(packet) ? find_talk(unfinished, &other) : NULL;
	if (!talk)
		return;
	if (message[0] == DHCP_REPLY) {
		answer(unfinished, talk);
		return;
	}
	/*
	 * The options begin after the magic cookie; option 53 is the message's type, 3 a request.
	 */
	for (uint32_t at = 240; at + 2 < packet->judgement.payload_len && message[at] != 255;
	     at += message[at] ? 2u + message[at + 1] : 1u)
		if (message[at] == 53 && message[at + 2] == 3)
			answer(unfinished, talk);
}

/*
 * "Unreachable", from the receiver itself: it took the packet, which the message quotes, for right.
 */
static void visit_error(struct unfinished *unfinished, const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	const uint8_t *message = packet->record.data + judgement->transport;
	size_t len = judgement->payload + judgement->payload_len - judgement->transport;
	bool v6 = judgement->flow.family == AF_INET6;
	uint32_t link = v6 ? LINK_IPV6 : LINK_IPV4;
	struct packet_judgement quoted;
	struct packet_flow key;
	struct talk *talk;

	if (len < 8 + 28 || message[0] != (v6 ? ICMP6_UNREACHABLE : ICMP_UNREACHABLE))
		return;
	packet_judge(link, message + 8, len - 8, len - 8, &quoted);
	if (memcmp(quoted.flow.dst, judgement->flow.src, sizeof(quoted.flow.dst)) != 0)
		return;
	key = talk_key(&quoted.flow, 0);
	talk = find_talk(unfinished, &key);
	if (talk)
		answer(unfinished, talk);
}

/* Shows it a packet of the capture, in order. -ENOMEM */
static int unfinished_visit(struct unfinished *unfinished, const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	const struct packet_flow *flow = &judgement->flow;
	const struct packet_layer *transport;
	struct packet_flow key;
	struct talk *talk;
	bool reply;
	size_t sender;
	int rc = 0;

	if (!packet->link_known || packet->waits || !flow->family || judgement->verdict == SUM_BAD)
		return 0;
	if (flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6)
		visit_error(unfinished, packet);
	transport = transport_of(judgement);
	if (!transport)
		return 0;
	if (unfinished->learn)
		rc = unfinished_follow(unfinished, flow);
	if (rc && rc != -ENOSPC)
		return rc;
	if (flow->proto == IPPROTO_UDP && is_dhcp(flow, &reply)) {
		visit_dhcp(unfinished, packet);
	} else if (flows_count(unfinished->talks)) {
		key = talk_key(flow, 0);
		key = opposite_of(&key);
		talk = find_talk(unfinished, &key);
		if (talk)
			visit_back(unfinished, judgement, talk);
	}
	sender = find_sender(unfinished, flow->family, flow->src);
	return sender == SIZE_MAX ? 0 : visit_sent(unfinished, packet, transport, sender);
}

/* ---- Deciding ---- */

/* Whether a talk's packets show that nobody took them. */
static bool is_unanswered(const struct unfinished *unfinished, const struct talk *talk)
{
	return talk->packets && !talk->answered && !unfinished->sender[talk->sender].settled &&
	       (!talk->answers_syn || talk->asked_again);
}

/* Decides, after the last packet. */
static void unfinished_decide(const struct unfinished *unfinished,
			      struct unfinished_result *ret_result)
{
	size_t count = flows_count(unfinished->talks);
	uint64_t single = 0, single_flows = 0;
	uint32_t most = 0;

	memset(ret_result, 0, sizeof(*ret_result));
	ret_result->not_followed = unfinished->full;
	for (size_t i = 0; i < count; i++) {
		const struct talk *talk = &unfinished->talk[i];

		if (!is_unanswered(unfinished, talk))
			continue;
		ret_result->dhcp |= talk->offer;
		if (talk->packets > most) {
			most = talk->packets;
			ret_result->example = flows_row(unfinished->talks, i)->flow;
		}
		if (talk->again) {
			ret_result->unanswered += talk->packets;
			ret_result->flows++;
		} else {
			single += talk->packets;
			single_flows++;
		}
	}
	ret_result->dropped = ret_result->unanswered + single;
	ret_result->dropped_flows = ret_result->flows + single_flows;
	/* One packet alone may be the capture's last one. */
	if (ret_result->dropped < 2)
		ret_result->dropped = ret_result->dropped_flows = 0;
}

/* ---- The diagnosis ---- */

struct diagnosis {
	struct rewritten *rewritten;
	struct unfinished *unfinished;
	uint64_t followed, not_followed; /* packets with wrong sums */
};

static int make(bool learn_flows, bool learn_senders, struct diagnosis **ret_diagnosis)
{
	_cleanup_(diagnosis_cleanup) struct diagnosis *diagnosis = calloc(1, sizeof(*diagnosis));

	if (!diagnosis || rewritten_new(learn_flows, &diagnosis->rewritten) ||
	    unfinished_new(learn_senders, &diagnosis->unfinished))
		return fail(-ENOMEM, "out of memory");
	*ret_diagnosis = TAKE_PTR(diagnosis);
	return 0;
}

int diagnosis_new(struct diagnosis **ret_diagnosis)
{
	return make(true, true, ret_diagnosis);
}

void diagnosis_free(struct diagnosis *diagnosis)
{
	if (!diagnosis)
		return;
	rewritten_free(diagnosis->rewritten);
	unfinished_free(diagnosis->unfinished);
	free(diagnosis);
}

int diagnosis_visit(void *owner, const struct pass_packet *packet)
{
	struct diagnosis *diagnosis = owner;
	int rc = 0;

	if (rewritten_follows(diagnosis->rewritten))
		rc = rewritten_visit(diagnosis->rewritten, packet);
	if (!rc && unfinished_open(diagnosis->unfinished))
		rc = unfinished_visit(diagnosis->unfinished, packet);
	return rc == -ENOMEM ? fail(rc, "out of memory") : rc;
}

/* ---- Which flows to follow ---- */

/* Whether most of so many packets agree on a change; more have to if damage makes such changes. */
static bool leads(uint16_t lead, uint16_t change, uint32_t packets)
{
	return lead == UINT16_MAX || (uint64_t)lead * (lanes_one_bit(change) ? 1 : 4) >= packets;
}

static bool is_suspect(const struct flow_row *row)
{
	return row->header || row->syn ||
	       (row->damaged >= FEW && (leads(row->change_lead, row->change, row->damaged) ||
					leads(row->seed_lead, row->seed_change, row->damaged)));
}

/* A flow of few packets, which may be one of many alike between the same addresses. */
static bool is_small(const struct flow_row *row)
{
	return row->damaged < FEW && !row->header && row->change_lead == row->damaged &&
	       !lanes_one_bit(row->change);
}

static bool is_small_seed(const struct flow_row *row)
{
	return row->damaged < FEW && !row->header && row->seed_lead == row->damaged &&
	       !lanes_one_bit(row->seed_change);
}

static struct packet_flow pair_of(const struct packet_flow *flow)
{
	struct packet_flow pair = *flow;

	pair.proto = 0;
	pair.src_port = pair.dst_port = 0;
	return pair;
}

static int follow(struct diagnosis *diagnosis, const struct flow_row *row)
{
	int rc = rewritten_follow(diagnosis->rewritten, &row->flow, row->change, row->seed_change);

	if (rc == -ENOSPC)
		diagnosis->not_followed += row->damaged;
	else
		diagnosis->followed += row->damaged;
	return rc == -ENOSPC ? 0 : rc;
}

/* Counts the small flows between the same addresses with the same change; then follows these. */
static int follow_small(struct diagnosis *diagnosis, const struct scan *scan, bool seed)
{
	_cleanup_(flows_cleanup) struct flows *pairs = NULL;
	int rc = flows_new(PAIRS_MAX, &pairs);

	for (unsigned int round = 0; round < 2 && !rc; round++) {
		for (size_t i = 0; i < flows_count(scan->flows) && !rc; i++) {
			const struct flow_row *row = flows_row(scan->flows, i);
			struct packet_flow key = pair_of(&row->flow);
			size_t at;

			if (!(seed ? is_small_seed(row) : is_small(row)))
				continue;
			/* The change is part of the key. */
			key.src_port = seed ? row->seed_change : row->change;
			if (flows_add(pairs, &key, &at))
				continue;
			if (!round)
				flows_row(pairs, at)->packets += row->damaged;
			else if (flows_row(pairs, at)->packets >= FEW)
				rc = follow(diagnosis, row);
		}
	}
	return rc;
}

static int follow_flows(struct diagnosis *diagnosis, const struct scan *scan)
{
	bool small = false, small_seed = false;
	int rc = 0;

	for (size_t i = 0; i < flows_count(scan->flows) && !rc; i++) {
		const struct flow_row *row = flows_row(scan->flows, i);

		if (is_suspect(row))
			rc = follow(diagnosis, row);
		small |= is_small(row);
		small_seed |= is_small_seed(row);
	}
	if (!rc && small)
		rc = follow_small(diagnosis, scan, false);
	if (!rc && small_seed)
		rc = follow_small(diagnosis, scan, true);
	return rc;
}

static int follow_senders(struct diagnosis *diagnosis, const struct scan_senders *senders)
{
	int rc = 0;

	for (uint32_t i = 0; i < senders->count && !rc; i++)
		rc = unfinished_follow(diagnosis->unfinished, &senders->sender[i]);
	return rc;
}

int diagnosis_of(const struct scan *scan, struct diagnosis **ret_diagnosis)
{
	_cleanup_(diagnosis_cleanup) struct diagnosis *diagnosis = NULL;
	int rc = make(false, scan->counts.senders.more, &diagnosis);

	if (rc || !diagnosis)
		return rc;
	rc = follow_flows(diagnosis, scan);
	/* Among very many damaged packets, a few are alike by chance. */
	if (!rc && diagnosis->followed < scan->damaged / CHANCE) {
		rewritten_free(TAKE_PTR(diagnosis->rewritten));
		rc = rewritten_new(false, &diagnosis->rewritten);
	}
	rc = rc ? rc : follow_senders(diagnosis, &scan->counts.senders);
	if (rc)
		return fail(rc, "out of memory");
	*ret_diagnosis = TAKE_PTR(diagnosis);
	return 0;
}

/* ---- The second reading ---- */

bool diagnosis_is_open(const struct diagnosis *diagnosis)
{
	return rewritten_follows(diagnosis->rewritten) || unfinished_open(diagnosis->unfinished);
}

static int visit_again(void *owner, const struct pass_packet *packet)
{
	struct diagnosis *diagnosis = owner;
	int rc = diagnosis_visit(diagnosis, packet);

	return rc || diagnosis_is_open(diagnosis) ? rc : PASS_STOP;
}

int diagnosis_read(struct diagnosis *diagnosis, struct capture *capture,
		   const struct pass_watch *watch)
{
	const struct pass_visitor visitor = { .visit = visit_again, .owner = diagnosis };
	const struct pass pass = {
		.depth = PASS_DATAGRAMS, .visitors = &visitor, .visitor_count = 1, .watch = watch
	};
	struct pass_end end;

	return diagnosis_is_open(diagnosis) ? pass_run(capture, &pass, &end) : 0;
}

/* ---- The result ---- */

/* Takes the rewritten packets out of the flows. */
static void clean_flows(const struct diagnosis *diagnosis, struct scan *scan)
{
	for (size_t i = 0; i < flows_count(scan->flows); i++) {
		struct flow_row *row = flows_row(scan->flows, i);
		uint64_t packets = rewritten_packets_of(diagnosis->rewritten, &row->flow);

		row->rewritten = packets < row->damaged ? (uint32_t)packets : row->damaged;
		row->damaged -= row->rewritten;
		row->packets = 0;
		scan->damaged -= row->rewritten;
		scan->rewritten += row->rewritten;
		scan->damaged_flows -= row->rewritten && !row->damaged;
	}
}

/* ... out of the packets that are remembered, and of the differences. */
static void clean_damage(const struct diagnosis *diagnosis, struct scan *scan)
{
	size_t kept = 0;

	for (size_t i = 0; i < scan->damage_count; i++) {
		struct scan_damage *damage = &scan->damage[i];
		const struct flow_row *row =
			damage->flow == UINT32_MAX ? NULL : flows_row(scan->flows, damage->flow);

		if (row && row->rewritten &&
		    rewritten_class_of(diagnosis->rewritten, &row->flow, &damage->wrong) ==
			    CLASS_REWRITTEN) {
			if (damage->owned)
				free((void *)damage->data);
			if (damage->kind == LAYER_IPV4)
				scan->damaged_header--;
			if (!damage->wide)
				scan->differences[csum_minus((uint16_t)damage->computed,
							     (uint16_t)damage->stored)]--;
			continue;
		}
		/* What was compared so far may have been compared with rewritten packets. */
		if (damage->fate == DAMAGE_COMPARED)
			damage->fate = DAMAGE_NO_COPY;
		damage->bits = 0;
		scan->damage[kept++] = *damage;
	}
	scan->damage_count = kept;
}

int diagnosis_decide(struct diagnosis *diagnosis, struct scan *scan,
		     struct diagnosis_result *ret_result)
{
	int rc;

	memset(ret_result, 0, sizeof(*ret_result));
	rc = rewritten_decide(diagnosis->rewritten, &ret_result->rewritten);
	if (rc)
		return rc;
	unfinished_decide(diagnosis->unfinished, &ret_result->unfinished);
	if (ret_result->rewritten.packets) {
		clean_flows(diagnosis, scan);
		clean_damage(diagnosis, scan);
	}
	ret_result->rewritten.packets = scan->rewritten;
	ret_result->rewritten.not_followed += diagnosis->not_followed;
	return 0;
}

enum rewritten_class diagnosis_class(const struct diagnosis *diagnosis,
				     const struct packet_judgement *judgement)
{
	struct wrong wrong = wrong_of(judgement);

	return rewritten_class_of(diagnosis->rewritten, &judgement->flow, &wrong);
}
