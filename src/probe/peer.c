// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A conversation: see talk.h.
 *
 * TCP: the peer answers the SYN, and when the handshake is done writes every letter, each a segment of its
 * own. A damaged letter is followed at once by an intact copy: if the target verifies, TCP drops the
 * first and takes the second; if it does not, it takes the first, and the second is old news to it. So the
 * verdict needs no timeout. A compensated letter has no copy: it must arrive. What stalls is sent again,
 * intact, after a while.
 *
 * UDP: the target says a word, so that the way back is open; the peer's datagrams say which letter they are.
 * The last one, intact, says that the others had their time.
 */
#include "probe/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "net/netns.h"
#include "packet/build.h"
#include "sum/csum.h"

#define FRAME_MAX 600
#define SEGMENT_FIRST_SEQ UINT32_C(0x74730000) /* the peer's initial sequence number */
#define PATIENCE_NS UINT64_C(3200000000) /* for a sign of life: SYNs come again after 1 s and 3 s */
#define STALL_NS UINT64_C(100000000) /* then what did not arrive is sent again */
#define STALLS_MAX 10

struct talk {
	const struct gate *gate;
	const struct check *check;
	int family, fd;
	uint16_t port; /* the peer's */
	unsigned int letter_count;
	uint64_t began_ns, asked_ns,
		spoke_ns; /* the start; when the word, the letters were last sent */
	unsigned int stalls;
	bool done, spoke;
	struct gate_way way; /* back to the target, as its packets came */
	uint8_t remote[16]; /* the target as the peer sees it, behind NAT perhaps */
	uint16_t remote_port;
	uint32_t heard; /* TCP: the next sequence number of the target's */
	uint16_t id;
	size_t stream_len; /* TCP: bytes read so far */
	uint8_t partial[LETTER_LEN]; /* TCP: the letter being read */
	struct talk_evidence evidence;
};

static void begin_frame(struct talk *talk, struct build *build)
{
	size_t len = talk->family == AF_INET ? 4 : 16;

	*build = (struct build){
		.family = talk->family,
		.proto = talk->check->proto,
		.src_port = talk->port,
		.dst_port = talk->remote_port,
		.id = talk->id++,
		.ack = talk->heard,
		.no_check = talk->check->shape == SHAPE_NO_CHECK,
	};
	memcpy(build->src_mac, talk->way.own_mac, 6);
	memcpy(build->dst_mac, talk->way.remote_mac, 6);
	memcpy(build->src, gate_peer(talk->gate, talk->family), len);
	memcpy(build->dst, talk->remote, len);
}

/* Cuts the same two fragments out of the intact frame and of the one to be sent. */
static void send_in_fragments(struct talk *talk, const uint8_t *intact, const uint8_t *sent,
			      const struct built *built)
{
	size_t all = built->len - built->transport, half = (all / 2 + 7) & ~(size_t)7, len;
	uint8_t fragment[FRAME_MAX], before[FRAME_MAX];
	uint32_t id = (uint32_t)talk->port << 8 | talk->id;

	for (size_t start = 0; start < all; start += half) {
		size_t take = start ? all - half : half;

		if (build_fragment(intact, built, start, take, id, before, FRAME_MAX, &len) ||
		    build_fragment(sent, built, start, take, id, fragment, FRAME_MAX, &len))
			return;
		gate_send(talk->gate, &talk->way, before, fragment, len);
	}
}

static bool is_last(const struct talk *talk, unsigned int number)
{
	return number + 1 == talk->letter_count;
}

static void send_letter(struct talk *talk, unsigned int number, enum treatment treatment)
{
	uint8_t letter[LETTER_LEN], intact[FRAME_MAX], frame[FRAME_MAX];
	bool held = talk->check->shape == SHAPE_MERGED && !is_last(talk, number);
	struct build build;
	struct built built;

	letter_write(number, talk->port, letter);
	begin_frame(talk, &build);
	build.seq = SEGMENT_FIRST_SEQ + 1 + number * LETTER_LEN;
	build.tcp_flags = held ? TH_ACK : TH_ACK | TH_PUSH; /* PSH: GRO lets it through at once */
	/* Datagrams of different hop limits are never merged. */
	if (talk->check->proto == IPPROTO_UDP && talk->check->shape != SHAPE_MERGED)
		build.hops = (uint8_t)(64 - number);
	build.payload = letter;
	build.payload_len = LETTER_LEN;
	if (treatment != TREAT_PAYLOAD)
		letter_damage(treatment, letter);
	if (build_frame(&build, intact, sizeof(intact), &built))
		return;
	memcpy(frame, intact, built.len);
	if (treatment == TREAT_PAYLOAD)
		letter_damage(treatment, frame + built.payload);
	if (treatment == TREAT_FIELD)
		letter_damage_field(frame + built.field);
	if (talk->check->shape == SHAPE_FRAGMENTS)
		send_in_fragments(talk, intact, frame, &built);
	else
		gate_send(talk->gate, &talk->way, intact, frame, built.len);
}

static void send_letters(struct talk *talk)
{
	const enum treatment *letters = talk->check->letters;
	bool tcp = talk->check->proto == IPPROTO_TCP;

	for (unsigned int i = 0; i < talk->letter_count; i++) {
		send_letter(talk, i, letters[i]);
		if (tcp && letter_is_seen(letters[i]) && talk->check->shape == SHAPE_SINGLE)
			send_letter(talk, i, TREAT_INTACT);
	}
	/* Between merged segments a copy would break the run. */
	for (unsigned int i = 0;
	     tcp && talk->check->shape == SHAPE_MERGED && i < talk->letter_count; i++)
		if (letter_is_seen(letters[i]))
			send_letter(talk, i, TREAT_INTACT);
	talk->spoke = true;
	talk->spoke_ns = clock_ns();
}

/* What did not arrive by now, intact: the connection shall come to its end. */
static void send_again(struct talk *talk)
{
	for (unsigned int i = 0; i < talk->letter_count; i++)
		if (talk->evidence.arrived[i] == ARRIVED_NOTHING &&
		    (talk->check->proto == IPPROTO_TCP || is_last(talk, i)))
			send_letter(talk, i, TREAT_INTACT);
	talk->spoke_ns = clock_ns();
}

static void send_syn_ack(struct talk *talk)
{
	uint8_t frame[FRAME_MAX];
	struct build build;
	struct built built;

	begin_frame(talk, &build);
	build.seq = SEGMENT_FIRST_SEQ;
	build.tcp_flags = TH_SYN | TH_ACK;
	build.mss = 1000;
	if (!build_frame(&build, frame, sizeof(frame), &built))
		gate_send(talk->gate, &talk->way, frame, frame, built.len);
}

static void note_sums(struct talk *talk, const struct packet_judgement *judged)
{
	struct talk_evidence *evidence = &talk->evidence;

	switch ((enum sum_verdict)judged->verdict) {
	case SUM_GOOD:
	case SUM_NONE:
		evidence->tx_good++;
		return;
	case SUM_ARTEFACT:
		evidence->tx_unfinished++;
		break;
	case SUM_BAD:
	case SUM_ILLEGAL_NONE:
		evidence->tx_bad++;
		break;
	default:
		return;
	}
	for (unsigned int i = 0; i < judged->layer_count; i++) {
		if (judged->layer[i].verdict != judged->verdict)
			continue;
		evidence->tx_stored = judged->layer[i].stored;
		evidence->tx_computed = judged->layer[i].computed;
	}
}

void talk_frame(struct talk *talk, const struct gate_packet *packet)
{
	const struct packet_judgement *judged = &packet->judged;
	bool tcp = talk->check->proto == IPPROTO_TCP;

	note_sums(talk, judged);
	if (talk->done || judged->flow.proto != talk->check->proto ||
	    judged->flow.family != talk->family || judged->verdict == SUM_BAD)
		return;
	talk->evidence.met = true;
	talk->evidence.outer_sum = packet->way.tunnel.family && !packet->way.tunnel.no_check;
	talk->way = packet->way;
	memcpy(talk->remote, judged->flow.src, sizeof(talk->remote));
	talk->remote_port = judged->flow.src_port;
	if (!tcp) {
		if (!talk->spoke)
			send_letters(talk);
		return;
	}
	if (judged->tcp_flags & TH_RST)
		return;
	talk->heard =
		judged->seq + judged->payload_len + (judged->tcp_flags & (TH_SYN | TH_FIN) ? 1 : 0);
	if (judged->tcp_flags & TH_SYN) {
		send_syn_ack(talk);
	} else if (!talk->spoke) {
		talk->evidence.greeted = true;
		send_letters(talk);
	}
}

static void take_letter(struct talk *talk, const uint8_t got[LETTER_LEN])
{
	unsigned int number = letter_number(got);
	struct talk_evidence *evidence = &talk->evidence;
	uint8_t intact[LETTER_LEN], damaged[LETTER_LEN];
	enum arrival arrival;

	if (talk->check->proto == IPPROTO_TCP)
		number = (unsigned int)((talk->stream_len - 1) / LETTER_LEN);
	if (number >= talk->letter_count)
		return;
	letter_write(number, talk->port, intact);
	memcpy(damaged, intact, sizeof(damaged));
	letter_damage(talk->check->letters[number], damaged);
	arrival = !memcmp(got, intact, LETTER_LEN)    ? ARRIVED_INTACT
		  : !memcmp(got, damaged, LETTER_LEN) ? ARRIVED_DAMAGED
						      : ARRIVED_OTHER;
	/* A datagram may come twice, damaged and intact: the damaged one counts. */
	if (arrival > evidence->arrived[number])
		evidence->arrived[number] = arrival;
	if (arrival >= ARRIVED_DAMAGED && letter_is_seen(talk->check->letters[number]) &&
	    !evidence->has_damaged) {
		evidence->has_damaged = true;
		evidence->damaged_letter = (uint8_t)number;
		memcpy(evidence->sent, intact, LETTER_LEN);
		memcpy(evidence->read, got, LETTER_LEN);
	}
	if (is_last(talk, number))
		talk->done = true;
}

static void read_stream(struct talk *talk)
{
	for (;;) {
		size_t have = talk->stream_len % LETTER_LEN;
		ssize_t len = recv(talk->fd, talk->partial + have, LETTER_LEN - have, 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != EAGAIN)
			talk->evidence.error = errno;
		if (len == 0 || talk->evidence.error)
			talk->done = true;
		if (len <= 0)
			return;
		talk->stream_len += (size_t)len;
		if (talk->stream_len % LETTER_LEN == 0)
			take_letter(talk, talk->partial);
	}
}

static void read_datagrams(struct talk *talk)
{
	uint8_t letter[LETTER_LEN + 1];

	for (;;) {
		ssize_t len = recv(talk->fd, letter, sizeof(letter), 0);

		if (len == LETTER_LEN)
			take_letter(talk, letter);
		else if (len < 0 && errno != EINTR && errno != EAGAIN)
			talk->evidence.error = errno;
		if (len < 0 && errno != EINTR)
			return;
	}
}

void talk_socket(struct talk *talk)
{
	if (talk->done || talk->fd < 0)
		return;
	if (talk->check->proto == IPPROTO_TCP)
		read_stream(talk);
	else
		read_datagrams(talk);
}

/* What opens the way back over UDP, where nobody sends anything again by itself. */
static void say_word(struct talk *talk)
{
	talk->asked_ns = clock_ns();
	if (send(talk->fd, "truesum probe", 13, 0) < 0 && errno != EAGAIN) {
		talk->evidence.error = errno;
		talk->done = true;
	}
}

/* What opens the conversation was lost, perhaps. A SYN the target repeats by itself. */
static void ask_again(struct talk *talk)
{
	if (talk->check->proto == IPPROTO_UDP) {
		say_word(talk);
	} else if (talk->evidence.met) {
		talk->asked_ns = clock_ns();
		send_syn_ack(talk);
	}
}

void talk_tick(struct talk *talk, uint64_t now_ns)
{
	if (talk->done)
		return;
	if (!talk->spoke) {
		if (now_ns - talk->began_ns > PATIENCE_NS)
			talk->done = true;
		else if (now_ns > talk->asked_ns + STALL_NS)
			ask_again(talk);
		return;
	}
	if (now_ns < talk->spoke_ns + STALL_NS)
		return;
	if (talk->stalls++ < STALLS_MAX)
		send_again(talk);
	else
		talk->done = true;
}

/* Connects; for UDP says the word that opens the way back. */
static void connect_out(struct talk *talk)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(talk->port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(talk->port) };
	bool is_v4 = talk->family == AF_INET;
	int rc;

	memcpy(&v4.sin_addr, gate_peer(talk->gate, AF_INET), 4);
	memcpy(&v6.sin6_addr, gate_peer(talk->gate, AF_INET6), 16);
	rc = is_v4 ? connect(talk->fd, (struct sockaddr *)&v4, sizeof(v4))
		   : connect(talk->fd, (struct sockaddr *)&v6, sizeof(v6));
	if (rc < 0 && errno != EINPROGRESS) {
		talk->evidence.error = errno;
		talk->done = true;
	} else {
		socklen_t size = sizeof(talk->evidence.local);

		getsockname(talk->fd, (struct sockaddr *)&talk->evidence.local, &size);
		if (talk->check->proto == IPPROTO_UDP)
			say_word(talk);
	}
}

static void limit_hops(const struct talk *talk, unsigned int forwards)
{
	int hops = (int)forwards + 2;

	if (talk->family == AF_INET)
		setsockopt(talk->fd, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
	else
		setsockopt(talk->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops));
}

static int open_socket(struct talk *talk, const struct talk_place *place)
{
	_cleanup_(netns_leave) int home = -1;
	struct linger reset = { .l_onoff = 1 }; /* closing leaves no TIME_WAIT behind */
	bool tcp = talk->check->proto == IPPROTO_TCP;
	int rc = netns_enter(place->netns_fd, &home);

	if (rc)
		return rc;
	talk->fd = socket(talk->family,
			  (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (talk->fd < 0) {
		talk->evidence.error = errno;
		talk->done = true;
		return errno == EAFNOSUPPORT ? 0 : fail_errno(-errno, "cannot open a socket");
	}
	if (tcp)
		setsockopt(talk->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	limit_hops(talk, place->forwards);
	connect_out(talk);
	return 0;
}

int talk_new(const struct gate *gate, const struct talk_place *place, const struct check *check,
	     int family, uint16_t port, struct talk **ret_talk)
{
	struct talk *talk = calloc(1, sizeof(*talk));
	int rc;

	if (!talk)
		return fail(-ENOMEM, "out of memory");
	talk->gate = gate;
	talk->check = check;
	talk->family = family;
	talk->port = port;
	talk->fd = -1;
	talk->began_ns = clock_ns();
	while (check->letters[talk->letter_count] != TREAT_END)
		talk->letter_count++;
	rc = open_socket(talk, place);
	if (rc)
		talk_free(talk);
	else
		*ret_talk = talk;
	return rc;
}

void talk_free(struct talk *talk)
{
	if (!talk)
		return;
	if (talk->fd >= 0)
		close(talk->fd);
	free(talk);
}

int talk_fd(const struct talk *talk)
{
	return talk->fd;
}

uint16_t talk_port(const struct talk *talk)
{
	return talk->port;
}

const struct check *talk_check(const struct talk *talk)
{
	return talk->check;
}

int talk_family(const struct talk *talk)
{
	return talk->family;
}

bool talk_done(const struct talk *talk)
{
	return talk->done;
}

void talk_evidence(const struct talk *talk, struct talk_evidence *ret)
{
	*ret = talk->evidence;
	ret->merged = gate_merged(talk->gate, talk->port);
}
