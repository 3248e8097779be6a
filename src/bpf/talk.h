/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How a probe knows its own packets from everybody else's. Each of its conversations has a port of
 * the peer's, a secret, and an initial sequence number for each end, all drawn at random. Every
 * message begins with the secret; a TCP segment shows that its sender knows the numbers. Nobody
 * but the two ends sees any of them, unless he sits on the path between them.
 *
 * The table has a row for each port. It lies in memory that BPF programs share: the filter in front
 * of the peer (gate.bpf.c) and the one that watches drops (drop.bpf.c) look up the same rows.
 */
#ifndef TRUESUM_BPF_TALK_H
#define TRUESUM_BPF_TALK_H

#include <linux/types.h>

#define TALK_SECRET 16 /* bytes */
#define TALK_PORTS 65536
#define TALK_FIRST_PORT 16384 /* lower ports have meanings: helpers, tunnels */

/* What damage may have flipped of a secret. A guess is that close once in 2^43 times. */
#define TALK_FLIPS 24

/* A conversation's sequence numbers lie this close to the initial ones. */
#define TALK_WINDOW 4096

struct talk {
	__u64 secret[2]; /* as in the packets */
	__u32 target_isn, peer_isn; /* host order, never 0 */
	__u32 number; /* of the exchange */
	__u32 used; /* 0: this port has had no conversation */
};

static inline __attribute__((always_inline)) __u32 talk_bits(__u64 word)
{
	word -= word >> 1 & 0x5555555555555555ULL;
	word = (word & 0x3333333333333333ULL) + (word >> 2 & 0x3333333333333333ULL);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (__u32)(word * 0x0101010101010101ULL >> 56);
}

/* Whether these bytes are the talk's secret, possibly damaged. */
static inline __attribute__((always_inline)) int talk_is_secret(const struct talk *talk,
								const __u64 bytes[2])
{
	return talk->used &&
	       talk_bits(talk->secret[0] ^ bytes[0]) + talk_bits(talk->secret[1] ^ bytes[1]) <=
		       TALK_FLIPS;
}

/* Whether a segment to the peer comes from one who knows the numbers; a SYN has `seq` only. */
static inline __attribute__((always_inline)) int talk_is_to_peer(const struct talk *talk,
								 int is_syn, __u32 seq, __u32 ack)
{
	if (is_syn)
		return talk->used && seq == talk->target_isn;
	return talk->used && seq - talk->target_isn <= TALK_WINDOW &&
	       ack - talk->peer_isn <= TALK_WINDOW;
}

static inline __attribute__((always_inline)) int talk_is_from_peer(const struct talk *talk,
								   __u32 seq, __u32 ack)
{
	return talk->used && seq - talk->peer_isn <= TALK_WINDOW &&
	       ack - talk->target_isn <= TALK_WINDOW;
}

#ifndef __bpf__
#include <stdint.h>

struct talk_table;

/* Without BPF the table is in ordinary memory, and talk_table_fd() is why, as -errno. */
int talk_table_new(struct talk_table **ret_table);
void talk_table_free(struct talk_table *table);

/* The map's descriptor, for programs that are about to be loaded; the table's own. */
int talk_table_fd(const struct talk_table *table);

/*
 * Draws a conversation with a port that no open one has, and enters it in the table. -EAGAIN if
 * all ports are taken.
 */
int talk_open(struct talk_table *table, uint32_t number, uint16_t *ret_port, struct talk *ret_talk);

/*
 * The port may be drawn again, though only after those that have had no conversation. Until then
 * the table knows it, as packets may come late.
 */
void talk_close(struct talk_table *table, uint16_t port);
#endif

#endif
