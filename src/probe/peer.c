// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An exchange: see peer.h.
 *
 * TCP: the peer answers the SYN. When the handshake is complete it writes all messages, each as one
 * segment. A damaged message is followed at once by an intact copy. If the target verifies, TCP
 * drops the first and takes the second; if it does not, TCP takes the first and drops the second as
 * a duplicate. So the verdict needs no timeout. A message whose damage no checksum notices has no
 * copy: it must arrive. If the exchange stalls, intact copies of the missing messages are sent.
 *
 * UDP: the target sends one datagram, which opens the way back through NAT. The peer's datagrams
 * carry their number. When the last one arrives, which is intact, the others have had their time.
 */
#include "probe/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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
#define SEGMENT_FIRST_SEQ UINT32_C(0x74730000) /* the peer's initial sequence number */
#define PATIENCE_NS UINT64_C(3200000000) /* without a packet; SYNs are repeated after 1 s and 3 s */
#define STALL_NS UINT64_C(100000000) /* after this time what did not arrive is sent again */
#define STALLS_MAX 10

struct peer {
	const struct gate *gate;
	const struct check *check;
	int family, fd;
	uint16_t port; /* the peer's */
	unsigned int message_count;
	uint64_t began_ns, asked_ns; /* when it started, when the target last sent its datagram */
	uint64_t sent_ns; /* when the peer last sent messages */
	unsigned int stalls;
	bool done, has_sent;
	struct gate_way way; /* back to the target, as its packets came */
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

	return peer->family == AF_INET ? info->peer_v4 : info->peer_v6;
}

static void begin_frame(struct peer *peer, struct build *build)
{
	size_t len = peer->family == AF_INET ? 4 : 16;

	*build = (struct build){
		.family = peer->family,
		.proto = peer->check->proto,
		.src_port = peer->port,
		.dst_port = peer->remote_port,
		.id = peer->id++,
		.ack = peer->ack,
		.no_check = peer->check->shape == SHAPE_NO_CHECK,
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
	uint32_t id = (uint32_t)peer->port << 8 | peer->id;

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
	bool held = peer->check->shape == SHAPE_MERGED && !is_last(peer, number);
	struct build build;
	struct built built;

	payload_write(number, peer->port, payload);
	begin_frame(peer, &build);
	build.seq = SEGMENT_FIRST_SEQ + 1 + number * PAYLOAD_LEN;
	build.tcp_flags = held ? TH_ACK : TH_ACK | TH_PUSH; /* GRO does not hold back PSH */
	/* GRO never merges datagrams with different hop limits. */
	if (peer->check->proto == IPPROTO_UDP && peer->check->shape != SHAPE_MERGED)
		build.hops = (uint8_t)(64 - number);
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
	if (peer->check->shape == SHAPE_FRAGMENTS)
		send_in_fragments(peer, intact, frame, &built);
	else
		gate_send(peer->gate, &peer->way, intact, frame, built.len);
}

static void send_messages(struct peer *peer)
{
	const enum message *messages = peer->check->messages;
	bool tcp = peer->check->proto == IPPROTO_TCP;

	for (unsigned int i = 0; i < peer->message_count; i++) {
		send_message(peer, i, messages[i]);
		if (tcp && payload_is_noticeable(messages[i]) && peer->check->shape == SHAPE_SINGLE)
			send_message(peer, i, MESSAGE_INTACT);
	}
	/* A copy between the segments would keep GRO from merging them: copies come last. */
	for (unsigned int i = 0;
	     tcp && peer->check->shape == SHAPE_MERGED && i < peer->message_count; i++)
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
		    (peer->check->proto == IPPROTO_TCP || is_last(peer, i)))
			send_message(peer, i, MESSAGE_INTACT);
	peer->sent_ns = clock_ns();
}

static void send_syn_ack(struct peer *peer)
{
	uint8_t frame[FRAME_MAX];
	struct build build;
	struct built built;

	begin_frame(peer, &build);
	build.seq = SEGMENT_FIRST_SEQ;
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
	case SUM_ARTEFACT:
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

void peer_take_packet(struct peer *peer, const struct gate_packet *packet)
{
	const struct packet_judgement *judged = &packet->judged;
	bool tcp = peer->check->proto == IPPROTO_TCP;

	count_sums(peer, judged);
	if (peer->done || judged->flow.proto != peer->check->proto ||
	    judged->flow.family != peer->family || judged->verdict == SUM_BAD)
		return;
	peer->evidence.met = true;
	peer->evidence.outer_sum = packet->way.tunnel.family && !packet->way.tunnel.no_check;
	peer->way = packet->way;
	memcpy(peer->remote, judged->flow.src, sizeof(peer->remote));
	peer->remote_port = judged->flow.src_port;
	if (!tcp) {
		if (!peer->has_sent)
			send_messages(peer);
		return;
	}
	if (judged->tcp_flags & TH_RST)
		return;
	peer->ack =
		judged->seq + judged->payload_len + (judged->tcp_flags & (TH_SYN | TH_FIN) ? 1 : 0);
	if (judged->tcp_flags & TH_SYN) {
		send_syn_ack(peer);
	} else if (!peer->has_sent) {
		send_messages(peer);
	}
}

static void take_payload(struct peer *peer, const uint8_t got[PAYLOAD_LEN])
{
	unsigned int number = payload_number(got);
	struct peer_evidence *evidence = &peer->evidence;
	uint8_t intact[PAYLOAD_LEN], damaged[PAYLOAD_LEN];
	enum arrival arrival;

	if (peer->check->proto == IPPROTO_TCP)
		number = (unsigned int)((peer->stream_len - 1) / PAYLOAD_LEN);
	if (number >= peer->message_count)
		return;
	payload_write(number, peer->port, intact);
	memcpy(damaged, intact, sizeof(damaged));
	payload_damage(peer->check->messages[number], damaged);
	arrival = !memcmp(got, intact, PAYLOAD_LEN)    ? ARRIVED_INTACT
		  : !memcmp(got, damaged, PAYLOAD_LEN) ? ARRIVED_DAMAGED
						       : ARRIVED_OTHER;
	/* A message may arrive twice, damaged and intact: then the damaged one counts. */
	if (arrival > evidence->arrived[number])
		evidence->arrived[number] = arrival;
	if (arrival >= ARRIVED_DAMAGED && payload_is_noticeable(peer->check->messages[number]) &&
	    !evidence->has_damaged) {
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
	if (peer->check->proto == IPPROTO_TCP)
		read_stream(peer);
	else
		read_datagrams(peer);
}

/* Sends the datagram that opens the way back over UDP. */
static void send_request(struct peer *peer)
{
	peer->asked_ns = clock_ns();
	if (send(peer->fd, "truesum probe", 13, 0) < 0 && errno != EAGAIN) {
		peer->evidence.error = errno;
		peer->done = true;
	}
}

/* The first packet may have been lost. The target repeats a SYN by itself, a datagram not. */
static void repeat_request(struct peer *peer)
{
	if (peer->check->proto == IPPROTO_UDP) {
		send_request(peer);
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
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(peer->port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(peer->port) };
	int rc;

	if (peer->family == AF_INET) {
		memcpy(&v4.sin_addr, own_address(peer), 4);
		rc = connect(peer->fd, (struct sockaddr *)&v4, sizeof(v4));
	} else {
		memcpy(&v6.sin6_addr, own_address(peer), 16);
		rc = connect(peer->fd, (struct sockaddr *)&v6, sizeof(v6));
	}
	if (rc < 0 && errno != EINPROGRESS) {
		peer->evidence.error = errno;
		peer->done = true;
	} else if (peer->check->proto == IPPROTO_UDP) {
		send_request(peer);
	}
}

static void limit_hops(const struct peer *peer, unsigned int forwards)
{
	int hops = (int)forwards + 2;

	if (peer->family == AF_INET)
		setsockopt(peer->fd, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
	else
		setsockopt(peer->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops));
}

static int open_target_socket(struct peer *peer, const struct peer_target *target)
{
	_cleanup_(netns_leave) int home = -1;
	struct linger reset = { .l_onoff = 1 }; /* so that closing leaves no TIME_WAIT */
	bool tcp = peer->check->proto == IPPROTO_TCP;
	int rc = netns_enter(target->netns_fd, &home);

	if (rc)
		return rc;
	peer->fd = socket(peer->family,
			  (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (peer->fd < 0) {
		peer->evidence.error = errno;
		peer->done = true;
		return errno == EAFNOSUPPORT ? 0 : fail_errno(-errno, "cannot open a socket");
	}
	if (tcp)
		setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	limit_hops(peer, target->forwards);
	connect_out(peer);
	return 0;
}

int peer_start(const struct gate *gate, const struct peer_target *target, const struct check *check,
	       int family, uint16_t port, struct peer **ret_peer, int *ret_fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int rc;

	if (!peer)
		return fail(-ENOMEM, "out of memory");
	peer->gate = gate;
	peer->check = check;
	peer->family = family;
	peer->port = port;
	peer->fd = -1;
	peer->began_ns = clock_ns();
	while (check->messages[peer->message_count] != MESSAGE_END)
		peer->message_count++;
	rc = open_target_socket(peer, target);
	if (rc) {
		peer_end(peer, NULL);
		return rc;
	}
	*ret_peer = peer;
	*ret_fd = peer->fd;
	return 0;
}

void peer_end(struct peer *peer, struct peer_evidence *ret)
{
	if (!peer)
		return;
	if (ret) {
		*ret = peer->evidence;
		ret->merged = gate_merged(peer->gate, peer->port);
	}
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer);
}
