/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Damage patterns: which bits of a payload change.
 *
 * The same code damages frames in the lab's switch (user space) and packets on a live device
 * (`truesum corrupt`, whose BPF program includes damage.c). No pattern touches a checksum.
 */
#ifndef TRUESUM_PACKET_DAMAGE_H
#define TRUESUM_PACKET_DAMAGE_H

#include <linux/types.h>

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

/* Where in a packet. Damage outside the payload may hit lengths, ports and the checksums. */
enum damage_where {
	DAMAGE_PAYLOAD, /* after the TCP or UDP header */
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
	__u64 seed; /* the same seed damages the same packets in the same way */
};

/* Part of a packet's payload. Bytes from `len` on are 0 and stay so. */
struct damage_window {
	__u32 start; /* payload offset of byte[0]; even */
	__u32 len; /* 0 .. DAMAGE_WINDOW */
	__u8 byte[DAMAGE_WINDOW];
};

/* In BPF the functions are part of the one object that includes damage.c. */
#ifdef __bpf__
#define DAMAGE_API static
#else
#define DAMAGE_API
#endif

/*
 * The random number of the n-th packet that is damaged under a seed: 64 bits that depend on seed
 * and n only (splitmix64 of their combination).
 */
DAMAGE_API __u64 damage_random(__u64 seed, __u64 n);

#ifndef __bpf__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The patterns' names, and what each does; NULL-terminated. */
extern const char *const damage_names[], *const damage_meanings[];

/* Whether damage of this kind leaves the Internet checksum right: no checksum can see it. */
extern const bool damage_unseen[DAMAGE_KINDS];

/* The names of enum damage_where, and what each means; NULL-terminated. */
extern const char *const damage_where_names[], *const damage_where_meanings[];

/*
 * Damages `payload` (len bytes) as the n-th packet under the spec's seed. Returns how many bits
 * changed, which is 0 if the pattern changes nothing here: the stuck bit has that value already, no
 * two words differ, the fixed offset lies outside. Bytes outside the payload are never touched.
 */
unsigned int damage_payload(const struct damage_spec *spec, uint64_t n, uint8_t *payload,
			    size_t len);
#endif

#endif
