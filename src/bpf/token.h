/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How a probe knows its own packets from all others. Each of its exchanges has a token: a port of
 * the peer's, a secret, and an initial sequence number for each end, all drawn at random. Every
 * message begins with the secret; a TCP segment shows that its sender knows the numbers. Only the
 * two ends see any of them, and who sits on the path between them.
 *
 * The table has a row for each port. It lies in memory that BPF programs share: the filter in front
 * of the peer (gate.bpf.c) and the one that watches drops (drop.bpf.c) look up the same rows.
 */
#ifndef TRUESUM_BPF_TOKEN_H
#define TRUESUM_BPF_TOKEN_H

#include <linux/types.h>

#define TOKEN_SECRET 16 /* bytes */
#define TOKEN_PORTS 65536
#define TOKEN_FIRST_PORT 16384 /* lower ports have meanings: helpers, tunnels */

/* What damage may have flipped of a secret. A guess is that close once in 2^43 times. */
#define TOKEN_FLIPS 24

/* An exchange's sequence numbers lie this close to the initial ones. */
#define TOKEN_WINDOW 4096

struct token {
	__u64 secret[2]; /* as in the packets */
	__u32 target_isn, peer_isn; /* host order, never 0 */
	__u32 number; /* of the exchange */
	__u32 used; /* 0: this port has had no exchange */
	/*
	 * The namespace that a bridge's port has to lead to so that packets may leave by it, as in
	 * drop.h's ports. 0: any may be.
	 */
	__u32 leads_to;
	__u32 pad;
};

static inline __attribute__((always_inline)) __u32 token_bits(__u64 word)
{
	word -= word >> 1 & 0x5555555555555555ULL;
	word = (word & 0x3333333333333333ULL) + (word >> 2 & 0x3333333333333333ULL);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (__u32)(word * 0x0101010101010101ULL >> 56);
}

/* Whether these bytes are the token's secret, possibly damaged. */
static inline __attribute__((always_inline)) int token_is_secret(const struct token *token,
								 const __u64 bytes[2])
{
	return token->used &&
	       token_bits(token->secret[0] ^ bytes[0]) + token_bits(token->secret[1] ^ bytes[1]) <=
		       TOKEN_FLIPS;
}

/* Whether a segment to the peer comes from one who knows the numbers; a SYN has `seq` only. */
static inline __attribute__((always_inline)) int token_is_to_peer(const struct token *token,
								  int is_syn, __u32 seq, __u32 ack)
{
	if (is_syn)
		return token->used && seq == token->target_isn;
	return token->used && seq - token->target_isn <= TOKEN_WINDOW &&
	       ack - token->peer_isn <= TOKEN_WINDOW;
}

static inline __attribute__((always_inline)) int token_is_from_peer(const struct token *token,
								    __u32 seq, __u32 ack)
{
	return token->used && seq - token->peer_isn <= TOKEN_WINDOW &&
	       ack - token->target_isn <= TOKEN_WINDOW;
}

#ifdef __bpf__
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TOKEN_PORTS);
	__type(key, __u32);
	__type(value, struct token);
} tokens SEC(".maps"); /* by the peer's port */
#else
#include <stdint.h>

struct token_table;

/* Without BPF the table is in ordinary memory, and token_table_fd() is why, as -errno. */
int token_table_new(struct token_table **ret_table);
void token_table_free(struct token_table *table);

/* The map's descriptor, for programs that are about to be loaded; the table's own. */
int token_table_fd(const struct token_table *table);

/*
 * Draws a token with a port that no open exchange has, and enters it in the table. -EAGAIN if
 * all ports are taken.
 */
int token_open(struct token_table *table, uint32_t number, uint32_t leads_to, uint16_t *ret_port,
	       struct token *ret_token);

/*
 * The port may be drawn again, though only after those that have had no exchange. Until then
 * the table knows it, as packets may come late.
 */
void token_close(struct token_table *table, uint16_t port);
#endif

#endif
