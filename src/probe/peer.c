// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An exchange: see peer.h.
 *
 * TCP: the target's SYN has the initial sequence number that was drawn for it (TCP_REPAIR sets
 * it), and the peer answers no other. When the handshake is complete, the target writes the
 * secret, and the peer all messages, each as one segment. A damaged message is followed at once by
 * an intact copy. If the target verifies, TCP drops the first and takes the second; if it does
 * not, TCP takes the first and drops the second as a duplicate. So the verdict needs no timeout. A
 * message whose damage no checksum notices has no copy: it must arrive. If the exchange stalls,
 * intact copies of the missing messages are sent.
 *
 * UDP: the target sends one datagram with the secret, which opens the way back through NAT. The
 * peer's datagrams carry their number. When the last one arrives, which is intact, the others have
 * had their time.
 */
#include "probe/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "net/netns.h"
#include "packet/build.h"
#include "probe/gate.h"

#define FRAME_MAX 600
#define GREETING_LEN (TOKEN_SECRET + 14)
#define ECN_CAPABLE 2 /* ECT(0), which routers pass on (RFC 3168) */
#define PATIENCE_NS UINT64_C(3200000000) /* without a packet; SYNs are repeated after 1 s and 3 s */
#define STALL_NS UINT64_C(100000000) /* after this time what did not arrive is sent again */
#define STALLS_MAX 10

struct peer {
	const struct gate *gate;
	struct peer_plan plan;
	int fd;
	unsigned int message_count;
	uint64_t began_ns, asked_ns; /* when it started, when the target last sent its datagram */
	uint64_t sent_ns; /* when the peer last sent messages */
	unsigned int stalls;
	bool done, has_greeted, has_sent;
	struct gate_way way; /* back to the target, as its first packet came */
	uint8_t remote[16]; /* the target's address as the peer sees it, so possibly after NAT */
	uint16_t remote_port;
	uint32_t ack; /* TCP: the target's next sequence number */
	uint16_t id;
	size_t stream_len; /* TCP: bytes read so far */
	uint8_t partial[PAYLOAD_LEN]; /* TCP: the payload being read */
	struct peer_evidence evidence;
};

/* The peer's address, 4 or 16 bytes. */
static const uint8_t *own_address(const struct peer *peer)
{
	const struct gate_info *info = gate_describe(peer->gate);

	return peer->plan.family == AF_INET ? info->peer_v4 : info->peer_v6;
}

/* Each namespace that forwards a packet takes one off. */
static uint8_t hop_limit(const struct peer_plan *plan)
{
	return (uint8_t)(plan->forwards + 1);
}

static void begin_frame(struct peer *peer, struct build *build)
{
	size_t len = peer->plan.family == AF_INET ? 4 : 16;

	*build = (struct build){
		.family = peer->plan.family,
		.proto = peer->plan.check->proto,
		.src_port = peer->plan.port,
		.dst_port = peer->remote_port,
		.id = peer->id++,
		.hops = hop_limit(&peer->plan),
		.ack = peer->ack,
		.no_check = peer->plan.check->shape == SHAPE_NO_CHECK,
	};
	memcpy(build->src_mac, peer->way.own_mac, 6);
	memcpy(build->dst_mac, peer->way.remote_mac, 6);
	memcpy(build->src, own_address(peer), len);
	memcpy(build->dst, peer->remote, len);
}

/* Cuts the intact frame and the one to send into the same two fragments. */
static void send_in_fragments(struct peer *peer, const uint8_t *intact, const uint8_t *sent,
			      const struct built *built)
{
	size_t all = built->len - built->transport, half = (all / 2 + 7) & ~(size_t)7, len;
	uint8_t fragment[FRAME_MAX], before[FRAME_MAX];
	uint32_t id = (uint32_t)peer->plan.port << 8 | peer->id;

	for (size_t start = 0; start < all; start += half) {
		size_t take = start ? all - half : half;

		if (build_fragment(intact, built, start, take, id, before, FRAME_MAX, &len) ||
		    build_fragment(sent, built, start, take, id, fragment, FRAME_MAX, &len))
			return;
		gate_send(peer->gate, &peer->way, before, fragment, len);
	}
}

static bool is_last(const struct peer *peer, unsigned int number)
{
	return number + 1 == peer->message_count;
}

static void send_message(struct peer *peer, unsigned int number, enum message message)
{
	uint8_t payload[PAYLOAD_LEN], intact[FRAME_MAX], frame[FRAME_MAX];
	bool held = peer->plan.check->shape == SHAPE_MERGED && !is_last(peer, number);
	struct build build;
	struct built built;

	payload_write(number, &peer->plan.token, payload);
	begin_frame(peer, &build);
	build.seq = peer->plan.token.peer_isn + 1 + number * PAYLOAD_LEN;
	build.tcp_flags = held ? TH_ACK : TH_ACK | TH_PUSH; /* GRO does not hold back PSH */
	/* GRO never merges datagrams with different types of service. */
	if (peer->plan.check->proto == IPPROTO_UDP && peer->plan.check->shape != SHAPE_MERGED)
		build.tos = number % 2 ? ECN_CAPABLE : 0;
	build.payload = payload;
	build.payload_len = PAYLOAD_LEN;
	if (message != MESSAGE_BAD_PAYLOAD)
		payload_damage(message, payload);
	if (build_frame(&build, intact, sizeof(intact), &built))
		return;
	memcpy(frame, intact, built.len);
	if (message == MESSAGE_BAD_PAYLOAD)
		payload_damage(message, frame + built.payload);
	if (message == MESSAGE_BAD_FIELD)
		payload_damage_field(frame + built.field);
	if (peer->plan.check->shape == SHAPE_FRAGMENTS)
		send_in_fragments(peer, intact, frame, &built);
	else
		gate_send(peer->gate, &peer->way, intact, frame, built.len);
}

static void send_messages(struct peer *peer)
{
	const enum message *messages = peer->plan.check->messages;
	bool tcp = peer->plan.check->proto == IPPROTO_TCP;

	for (unsigned int i = 0; i < peer->message_count; i++) {
		send_message(peer, i, messages[i]);
		if (tcp && payload_is_noticeable(messages[i]) &&
		    peer->plan.check->shape == SHAPE_SINGLE)
			send_message(peer, i, MESSAGE_INTACT);
	}
	/* A copy between the segments would keep GRO from merging them: copies come last. */
	for (unsigned int i = 0;
	     tcp && peer->plan.check->shape == SHAPE_MERGED && i < peer->message_count; i++)
		if (payload_is_noticeable(messages[i]))
			send_message(peer, i, MESSAGE_INTACT);
	peer->has_sent = true;
	peer->sent_ns = clock_ns();
}

/* Sends intact copies of what has not arrived, so that the exchange can end. */
static void send_again(struct peer *peer)
{
	for (unsigned int i = 0; i < peer->message_count; i++)
		if (peer->evidence.arrived[i] == ARRIVED_NOTHING &&
		    (peer->plan.check->proto == IPPROTO_TCP || is_last(peer, i)))
			send_message(peer, i, MESSAGE_INTACT);
	peer->sent_ns = clock_ns();
}

static void send_syn_ack(struct peer *peer)
{
	uint8_t frame[FRAME_MAX];
	struct build build;
	struct built built;

	begin_frame(peer, &build);
	build.seq = peer->plan.token.peer_isn;
	build.tcp_flags = TH_SYN | TH_ACK;
	build.mss = 1000;
	if (!build_frame(&build, frame, sizeof(frame), &built))
		gate_send(peer->gate, &peer->way, frame, frame, built.len);
}

static void count_sums(struct peer *peer, const struct packet_judgement *judged)
{
	struct peer_evidence *evidence = &peer->evidence;

	switch ((enum sum_verdict)judged->verdict) {
	case SUM_GOOD:
	case SUM_NONE:
		evidence->tx_good++;
		break;
	case SUM_UNFINISHED:
		evidence->tx_unfinished++;
		break;
	case SUM_BAD:
	case SUM_ILLEGAL_NONE:
		evidence->tx_bad++;
		break;
	default:
		break;
	}
}

/* Whether a packet shows that its sender knows what only the target and the peer know. */
static bool is_proven(const struct peer *peer, const struct packet_judgement *judged,
		      const uint8_t *payload)
{
	bool is_syn = (judged->tcp_flags & (TH_SYN | TH_ACK)) == TH_SYN;

	if (judged->flow.proto != peer->plan.check->proto ||
	    judged->flow.family != peer->plan.family)
		return false;
	if (judged->flow.proto == IPPROTO_TCP)
		return token_is_to_peer(&peer->plan.token, is_syn, judged->seq, judged->ack);
	return payload_is_ours(payload, judged->payload_len, &peer->plan.token);
}

/* Whether it came from the same address by the same way as the first one. */
static bool is_pinned(const struct peer *peer, const struct gate_packet *packet)
{
	const struct packet_flow *flow = &packet->judged.flow;
	const struct gate_way *way = &packet->way;

	return !memcmp(flow->src, peer->remote, sizeof(peer->remote)) &&
	       flow->src_port == peer->remote_port &&
	       !memcmp(way->remote_mac, peer->way.remote_mac, 6) &&
	       way->tunnel.family == peer->way.tunnel.family &&
	       way->tunnel.vni == peer->way.tunnel.vni &&
	       !memcmp(way->tunnel.dst, peer->way.tunnel.dst, sizeof(way->tunnel.dst));
}

static void pin(struct peer *peer, const struct gate_packet *packet)
{
	peer->evidence.met = true;
	peer->evidence.outer_sum = packet->way.tunnel.family && !packet->way.tunnel.no_check;
	peer->way = packet->way;
	memcpy(peer->remote, packet->judged.flow.src, sizeof(peer->remote));
	peer->remote_port = packet->judged.flow.src_port;
}

/* The first bytes that the target sends: the secret. */
static void greet(struct peer *peer)
{
	uint8_t greeting[GREETING_LEN + 1];

	memcpy(greeting, peer->plan.token.secret, TOKEN_SECRET);
	memcpy(greeting + TOKEN_SECRET, "truesum probe\n", GREETING_LEN - TOKEN_SECRET + 1);
	peer->asked_ns = clock_ns();
	if (send(peer->fd, greeting, GREETING_LEN, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
		peer->evidence.error = errno;
		peer->done = true;
	}
}

static void take_segment(struct peer *peer, const struct packet_judgement *judged,
			 const uint8_t *payload)
{
	if (judged->tcp_flags & TH_RST)
		return;
	peer->ack =
		judged->seq + judged->payload_len + (judged->tcp_flags & (TH_SYN | TH_FIN) ? 1 : 0);
	if (judged->tcp_flags & TH_SYN) {
		send_syn_ack(peer);
	} else if (!peer->has_greeted) {
		/* The target's end is connected when it acknowledges. */
		peer->has_greeted = true;
		greet(peer);
	} else if (!peer->has_sent &&
		   payload_is_ours(payload, judged->payload_len, &peer->plan.token)) {
		send_messages(peer);
	}
}

bool peer_take_packet(struct peer *peer, const struct gate_packet *packet)
{
	const struct packet_judgement *judged = &packet->judged;
	const uint8_t *payload = packet->frame + judged->payload;

	if (!is_proven(peer, judged, payload) || (peer->evidence.met && !is_pinned(peer, packet)))
		return false;
	count_sums(peer, judged);
	if (peer->done || judged->verdict == SUM_BAD)
		return true;
	if (!peer->evidence.met)
		pin(peer, packet);
	if (peer->plan.check->proto == IPPROTO_TCP)
		take_segment(peer, judged, payload);
	else if (!peer->has_sent)
		send_messages(peer);
	return true;
}

static void take_payload(struct peer *peer, const uint8_t got[PAYLOAD_LEN])
{
	unsigned int number = payload_number(got);
	bool tcp = peer->plan.check->proto == IPPROTO_TCP;
	struct peer_evidence *evidence = &peer->evidence;
	uint8_t intact[PAYLOAD_LEN], damaged[PAYLOAD_LEN];
	enum arrival arrival;

	if (tcp)
		number = (unsigned int)((peer->stream_len - 1) / PAYLOAD_LEN);
	/* Anybody may send a datagram with the peer's address. */
	if (number >= peer->message_count ||
	    (!tcp && !payload_is_ours(got, PAYLOAD_LEN, &peer->plan.token)))
		return;
	payload_write(number, &peer->plan.token, intact);
	memcpy(damaged, intact, sizeof(damaged));
	payload_damage(peer->plan.check->messages[number], damaged);
	arrival = !memcmp(got, intact, PAYLOAD_LEN)    ? ARRIVED_INTACT
		  : !memcmp(got, damaged, PAYLOAD_LEN) ? ARRIVED_DAMAGED
						       : ARRIVED_OTHER;
	/* A message may arrive twice, damaged and intact: then the damaged one counts. */
	if (arrival > evidence->arrived[number])
		evidence->arrived[number] = arrival;
	if (arrival >= ARRIVED_DAMAGED &&
	    payload_is_noticeable(peer->plan.check->messages[number]) && !evidence->has_damaged) {
		evidence->has_damaged = true;
		memcpy(evidence->sent, intact, PAYLOAD_LEN);
		memcpy(evidence->read, got, PAYLOAD_LEN);
	}
	if (is_last(peer, number))
		peer->done = true;
}

static void read_stream(struct peer *peer)
{
	for (;;) {
		size_t have = peer->stream_len % PAYLOAD_LEN;
		ssize_t len = recv(peer->fd, peer->partial + have, PAYLOAD_LEN - have, 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != EAGAIN)
			peer->evidence.error = errno;
		if (len == 0 || peer->evidence.error)
			peer->done = true;
		if (len <= 0)
			return;
		peer->stream_len += (size_t)len;
		if (peer->stream_len % PAYLOAD_LEN == 0)
			take_payload(peer, peer->partial);
	}
}

static void read_datagrams(struct peer *peer)
{
	uint8_t payload[PAYLOAD_LEN + 1];

	for (;;) {
		ssize_t len = recv(peer->fd, payload, sizeof(payload), 0);

		if (len == PAYLOAD_LEN)
			take_payload(peer, payload);
		else if (len < 0 && errno != EINTR && errno != EAGAIN)
			peer->evidence.error = errno;
		if (len < 0 && errno != EINTR)
			return;
	}
}

void peer_read_socket(struct peer *peer)
{
	if (peer->done || peer->fd < 0)
		return;
	if (peer->plan.check->proto == IPPROTO_TCP)
		read_stream(peer);
	else
		read_datagrams(peer);
}

/* The first packet may have been lost. The target repeats a SYN by itself, a datagram not. */
static void repeat_request(struct peer *peer)
{
	if (peer->plan.check->proto == IPPROTO_UDP) {
		greet(peer);
	} else if (peer->evidence.met) {
		peer->asked_ns = clock_ns();
		send_syn_ack(peer);
	}
}

bool peer_tick(struct peer *peer, uint64_t now_ns)
{
	if (peer->done)
		return true;
	if (!peer->has_sent) {
		if (now_ns - peer->began_ns > PATIENCE_NS)
			peer->done = true;
		else if (now_ns > peer->asked_ns + STALL_NS)
			repeat_request(peer);
	} else if (now_ns >= peer->sent_ns + STALL_NS) {
		if (peer->stalls++ < STALLS_MAX)
			send_again(peer);
		else
			peer->done = true;
	}
	return peer->done;
}

/* Connects to the peer; over UDP also sends the request. */
static void connect_out(struct peer *peer)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(peer->plan.port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(peer->plan.port) };
	int rc;

	if (peer->plan.family == AF_INET) {
		memcpy(&v4.sin_addr, own_address(peer), 4);
		rc = connect(peer->fd, (struct sockaddr *)&v4, sizeof(v4));
	} else {
		memcpy(&v6.sin6_addr, own_address(peer), 16);
		rc = connect(peer->fd, (struct sockaddr *)&v6, sizeof(v6));
	}
	if (rc < 0 && errno != EINPROGRESS) {
		peer->evidence.error = errno;
		peer->done = true;
	} else if (peer->plan.check->proto == IPPROTO_UDP) {
		greet(peer);
	}
}

static void limit_hops(const struct peer *peer)
{
	int hops = hop_limit(&peer->plan);

	if (peer->plan.family == AF_INET)
		setsockopt(peer->fd, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
	else
		setsockopt(peer->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops));
}

/* Sets the sequence number that the SYN will have. Needs CAP_NET_ADMIN in the namespace. */
static int choose_isn(const struct peer *peer)
{
	const int on = TCP_REPAIR_ON, off = TCP_REPAIR_OFF, queue = TCP_SEND_QUEUE;
	const uint32_t isn = peer->plan.token.target_isn;

	if (setsockopt(peer->fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) < 0 ||
	    setsockopt(peer->fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) < 0 ||
	    setsockopt(peer->fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &isn, sizeof(isn)) < 0 ||
	    setsockopt(peer->fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) < 0)
		return fail_errno(-errno, "cannot choose a connection's sequence number");
	return 0;
}

static int open_target_socket(struct peer *peer)
{
	_cleanup_(netns_leave) int home = -1;
	struct linger reset = { .l_onoff = 1 }; /* so that closing leaves no TIME_WAIT */
	bool tcp = peer->plan.check->proto == IPPROTO_TCP;
	int rc = netns_enter(peer->plan.netns_fd, &home);

	if (rc)
		return rc;
	peer->fd = socket(peer->plan.family,
			  (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (peer->fd < 0) {
		peer->evidence.error = errno;
		peer->done = true;
		return errno == EAFNOSUPPORT ? 0 : fail_errno(-errno, "cannot open a socket");
	}
	if (tcp) {
		setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		rc = choose_isn(peer);
	}
	if (rc)
		return rc;
	limit_hops(peer);
	connect_out(peer);
	return 0;
}

int peer_start(const struct gate *gate, const struct peer_plan *plan, struct peer **ret_peer,
	       int *ret_fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int rc;

	if (!peer)
		return fail(-ENOMEM, "out of memory");
	peer->gate = gate;
	peer->plan = *plan;
	peer->fd = -1;
	peer->began_ns = clock_ns();
	while (plan->check->messages[peer->message_count] != MESSAGE_END)
		peer->message_count++;
	rc = open_target_socket(peer);
	if (rc) {
		peer_end(peer, NULL);
		return rc;
	}
	*ret_peer = peer;
	*ret_fd = peer->fd;
	return 0;
}

/*
 * The kernel counts together what the socket had no room for and what it dropped for its checksum:
 * so the latter, as far as it can be the exchange's own, is taken off.
 */
static uint32_t count_lost(const struct peer *peer)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 }, own = 0;
	socklen_t len = sizeof(info);

	if (peer->fd < 0 || peer->plan.check->proto != IPPROTO_UDP ||
	    getsockopt(peer->fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return 0;
	for (unsigned int i = 0; i < peer->message_count; i++)
		own += payload_is_noticeable(peer->plan.check->messages[i]);
	return info[SK_MEMINFO_DROPS] > own ? info[SK_MEMINFO_DROPS] - own : 0;
}

void peer_end(struct peer *peer, struct peer_evidence *ret)
{
	if (!peer)
		return;
	if (ret) {
		*ret = peer->evidence;
		ret->merged = gate_merged(peer->gate, peer->plan.port);
		ret->lost = count_lost(peer);
	}
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer);
}
