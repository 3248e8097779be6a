/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * Damage patterns: which bits of a payload change.
 *
 * The same code damages frames in the lab's switch (user space) and packets on a live device
 * (`truesum corrupt`, whose BPF program includes damage.c). It therefore works on a window of at most
 * DAMAGE_WINDOW bytes, uses neither libc nor floating point, and every loop has a constant bound. It
 * never touches a checksum.
 */
#ifndef TRUESUM_PACKET_DAMAGE_H
#define TRUESUM_PACKET_DAMAGE_H

#include <linux/types.h>

/* In BPF these are part of the one object that includes damage.c. */
#ifdef __bpf__
#define DAMAGE_API static __attribute__((unused))
#else
#define DAMAGE_API
#endif

#define DAMAGE_WINDOW 256
#define DAMAGE_RUN 64 /* bytes that `zero` and `random` replace; bits `burst` may flip */

enum damage_kind {
	DAMAGE_FLIP, /* one bit, chosen by the seed or fixed */
	DAMAGE_STUCK0, /* a bit at offset mod stride always reads 0 */
	DAMAGE_STUCK1, /* ... always reads 1 */
	DAMAGE_SWAP16, /* two 16-bit words swapped: the Internet checksum cannot see it */
	DAMAGE_COMPENSATE, /* two flips that cancel in the checksum */
	DAMAGE_BURST, /* N bits in a row flipped */
	DAMAGE_ZERO, /* up to DAMAGE_RUN bytes read 0 */
	DAMAGE_RANDOM, /* up to DAMAGE_RUN bytes replaced */
	DAMAGE_KINDS
};

/* Where in a packet. Damage outside the payload may hit lengths, ports and the checksums themselves. */
enum damage_where {
	DAMAGE_PAYLOAD, /* behind the TCP or UDP header */
	DAMAGE_TRANSPORT, /* from the TCP or UDP header on */
	DAMAGE_NETWORK, /* from the IP header on */
	DAMAGE_WHERES
};

/* One pattern with its parameters. Shared with BPF: fixed layout, host byte order. */
struct damage_spec {
	__u32 kind; /* enum damage_kind */
	__u32 stride; /* stuck0/stuck1: bytes; 1 .. DAMAGE_WINDOW */
	__u32 phase; /* stuck0/stuck1: offset mod stride, < stride */
	__u32 bit; /* stuck0/stuck1 and fixed flip: 0 (0x01) .. 7 (0x80) */
	__u32 burst; /* burst: bits, 1 .. DAMAGE_RUN */
	__s32 offset; /* flip: payload byte offset; -1: chosen by the seed */
	__u32 where; /* enum damage_where: what "payload" means to the functions below */
	__u32 pad;
	__u64 seed; /* equal seeds damage equal packets equally */
};

/* Part of a packet's payload. Bytes behind `len` are 0 and stay so. */
struct damage_window {
	__u32 start; /* payload offset of byte[0]; even */
	__u32 len; /* 0 .. DAMAGE_WINDOW */
	__u8 byte[DAMAGE_WINDOW];
};

/*
 * A 64-bit value that depends on seed and n only (splitmix64 of their combination): the n-th packet
 * damaged under a seed.
 */
DAMAGE_API __u64 damage_random(__u64 seed, __u64 n);

/*
 * Where the window of the n-th damaged packet begins in a payload of `payload_len` bytes, for the
 * patterns that damage one place: an even offset such that the window covers what the pattern needs
 * (for a fixed flip, the byte at spec->offset). Patterns that damage everywhere (stuck0, stuck1) are
 * applied to every window of the payload in turn instead: see damage_everywhere().
 */
DAMAGE_API __u32 damage_window_start(const struct damage_spec *spec, __u64 random,
				     __u32 payload_len);

/* True where the pattern applies to every window of a payload, not to a chosen one. */
DAMAGE_API int damage_everywhere(const struct damage_spec *spec);

/*
 * Damages the window by the pattern. `random` is damage_random() of this packet. Returns how many
 * bits changed; 0 where the pattern changes nothing here (the stuck bit already has that value,
 * no two words differ, the fixed offset lies outside).
 */
DAMAGE_API __u32 damage_apply(const struct damage_spec *spec, __u64 random,
			      struct damage_window *window);

#endif
