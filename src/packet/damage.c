// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/*
 * Damage patterns, for user space and for BPF.
 *
 * A pattern works on a window of at most DAMAGE_WINDOW bytes of the payload. Patterns that hit one
 * place draw which window; stuck bits, which hit everywhere, are applied to one window after
 * another. User space copies the payload through the window, corrupt.bpf.c does the same with an
 * skb.
 *
 * No decision uses a packet's random number directly. Each draws its own value from it, so that
 * these stay independent: where the window lies, what is hit in it, and whether the packet was
 * chosen at all.
 *
 * What BPF runs uses neither libc nor floating point, and is written for the verifier: every index
 * into the window is masked although it is in range already, every loop ends at a constant although
 * it could end at the length, and loops use arithmetic instead of branches, since a branch doubles
 * what the verifier has to walk with each turn, and can be compiled into a loop that the verifier
 * of Linux 6.1 takes for an endless one ("back-edge"). `make bpf-matrix` tries what is changed
 * here.
 */
#include "packet/damage.h"

/* ---- On one window; BPF includes this, too ---- */

#define INDEX(i) ((i) & (DAMAGE_WINDOW - 1))

enum damage_draw {
	DRAW_START = 1,
	DRAW_PLACE,
	DRAW_BIT,
	DRAW_OTHER,
	DRAW_BYTES, /* and the following ones, one for eight bytes */
};

/* The step and the finaliser of splitmix64 (Steele, Lea, Flood: OOPSLA 2014). */
static __u64 damage_mix(__u64 z)
{
	z += 0x9e3779b97f4a7c15ull;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Mixes the seed alone first: neighbouring seeds must not give shifted copies of one sequence. */
DAMAGE_API __u64 damage_random(__u64 seed, __u64 n)
{
	return damage_mix(damage_mix(seed) ^ n);
}

/* A draw from 0 .. bound - 1; bound is not 0. */
static __u32 damage_below(__u64 random, __u32 draw, __u32 bound)
{
	return (__u32)((damage_random(random, draw) >> 32) % bound);
}

static __u32 damage_ones(__u32 byte)
{
	byte = byte - ((byte >> 1) & 0x55);
	byte = (byte & 0x33) + ((byte >> 2) & 0x33);
	return (byte + (byte >> 4)) & 0xf;
}

/*
 * Where the window begins in a payload of `payload_len` bytes, for the patterns that damage one
 * place: an even offset; for a fixed flip, one such that the window covers the byte at
 * spec->offset.
 *
 * Windows are aligned and each is as likely as it is long, so that every byte of the payload is
 * equally likely. Only a short last one is moved back, so that patterns that need room find it.
 */
static __u32 damage_window_start(const struct damage_spec *spec, __u64 random, __u32 payload_len)
{
	__u32 start, last;

	if (payload_len <= DAMAGE_WINDOW)
		return 0;
	if (spec->kind == DAMAGE_FLIP && spec->offset >= 0)
		return (__u32)spec->offset < payload_len ? (__u32)spec->offset & ~1u : 0;
	start = damage_below(random, DRAW_START, payload_len) & ~(DAMAGE_WINDOW - 1u);
	last = (payload_len - DAMAGE_WINDOW + 1) & ~1u;
	return start < last ? start : last;
}

/* Whether the pattern applies to every window of a payload, not to a chosen one. */
static int damage_everywhere(const struct damage_spec *spec)
{
	return spec->kind == DAMAGE_STUCK0 || spec->kind == DAMAGE_STUCK1;
}

static __u32 damage_flip(const struct damage_spec *spec, __u64 random, struct damage_window *window)
{
	__u32 at, bit;

	if (spec->offset >= 0) {
		at = (__u32)spec->offset - window->start;
		bit = spec->bit;
	} else {
		at = damage_below(random, DRAW_PLACE, window->len);
		bit = damage_below(random, DRAW_BIT, 8);
	}
	if (at >= window->len)
		return 0;
	window->byte[INDEX(at)] ^= 1u << (bit & 7);
	return 1;
}

static __u32 damage_stuck(const struct damage_spec *spec, struct damage_window *window)
{
	__u32 stride = spec->stride, bit = spec->bit & 7;
	__u32 level = spec->kind == DAMAGE_STUCK1;
	__u32 changed = 0, at, i, byte;

	if (!stride || stride > DAMAGE_WINDOW || spec->phase >= stride)
		return 0;
	at = (spec->phase + stride - window->start % stride) % stride;
	for (i = 0; i < DAMAGE_WINDOW; i++, at += stride) {
		if (at >= window->len)
			break;
		byte = window->byte[INDEX(at)];
		changed += ((byte >> bit) & 1) ^ level;
		window->byte[INDEX(at)] = (byte & ~(1u << bit)) | level << bit;
	}
	return changed;
}

static __u32 damage_word(const struct damage_window *window, __u32 i)
{
	return (__u32)window->byte[INDEX(2 * i)] << 8 | window->byte[INDEX(2 * i + 1)];
}

static void damage_word_xor(struct damage_window *window, __u32 i, __u32 flips)
{
	window->byte[INDEX(2 * i)] ^= flips >> 8;
	window->byte[INDEX(2 * i + 1)] ^= flips;
}

/* The first set bit of a 16-bit word from `bit` on, wrapping around; without a loop. */
static __u32 damage_one_of(__u32 word, __u32 bit)
{
	word = (word >> bit | word << (16 - bit)) & 0xffff;
	word &= -word;
	return (word << bit | word >> (16 - bit)) & 0xffff;
}

/*
 * Picks two 16-bit words that differ: draws the first, and takes the next different one from a
 * drawn place on as the second. Swapping them flips the bits in which they differ. Any one of these
 * bits, flipped in both, goes up in one word and down in the other. The Internet checksum sees
 * neither.
 */
static __u32 damage_two_words(const struct damage_spec *spec, __u64 random,
			      struct damage_window *window)
{
	__u32 words = window->len / 2, one, other, differ, i;

	if (words < 2)
		return 0;
	one = damage_below(random, DRAW_PLACE, words);
	other = damage_below(random, DRAW_OTHER, words);
	differ = 0;
	for (i = 0; i < DAMAGE_WINDOW / 2; i++) {
		differ = damage_word(window, one) ^ damage_word(window, other);
		if (differ || i >= words)
			break;
		other = (other + 1) % words;
	}
	if (!differ)
		return 0;

	if (spec->kind == DAMAGE_COMPENSATE)
		differ = damage_one_of(differ, damage_below(random, DRAW_BIT, 16));
	damage_word_xor(window, one, differ);
	damage_word_xor(window, other, differ);
	return 2 * (damage_ones(differ >> 8) + damage_ones(differ & 0xff));
}

/* Bits are counted in the order of the wire: the highest of a byte first. */
static __u32 damage_burst(const struct damage_spec *spec, __u64 random,
			  struct damage_window *window)
{
	__u32 bits = spec->burst, at, i;

	if (bits > DAMAGE_RUN)
		bits = DAMAGE_RUN;
	if (bits > window->len * 8)
		bits = window->len * 8;
	at = damage_below(random, DRAW_PLACE, window->len * 8 - bits + 1);
	for (i = 0; i < DAMAGE_RUN; i++) {
		if (i >= bits)
			break;
		window->byte[INDEX((at + i) >> 3)] ^= 0x80u >> ((at + i) & 7);
	}
	return bits;
}

static __u32 damage_run(const struct damage_spec *spec, __u64 random, struct damage_window *window)
{
	__u32 len = window->len < DAMAGE_RUN ? window->len : DAMAGE_RUN;
	__u64 keep = -(__u64)(spec->kind == DAMAGE_RANDOM), drawn;
	__u32 changed = 0, at, i, byte;

	at = damage_below(random, DRAW_PLACE, window->len - len + 1);
	for (i = 0; i < DAMAGE_RUN; i++) {
		if (i >= len)
			break;
		drawn = damage_random(random, DRAW_BYTES + i / 8) >> i % 8 * 8 & keep;
		byte = window->byte[INDEX(at + i)];
		changed += damage_ones(byte ^ (drawn & 0xff));
		window->byte[INDEX(at + i)] = drawn;
	}
	return changed;
}

/*
 * Damages the window by the pattern. `random` is damage_random() of this packet. Returns how many
 * bits changed.
 */
static __u32 damage_apply(const struct damage_spec *spec, __u64 random,
			  struct damage_window *window)
{
	if (!window->len || window->len > DAMAGE_WINDOW)
		return 0;

	switch (spec->kind) {
	case DAMAGE_FLIP:
		return damage_flip(spec, random, window);
	case DAMAGE_STUCK0:
	case DAMAGE_STUCK1:
		return damage_stuck(spec, window);
	case DAMAGE_SWAP16:
	case DAMAGE_COMPENSATE:
		return damage_two_words(spec, random, window);
	case DAMAGE_BURST:
		return damage_burst(spec, random, window);
	case DAMAGE_ZERO:
	case DAMAGE_RANDOM:
		return damage_run(spec, random, window);
	}
	return 0;
}

/* ---- Names, and a whole payload: user space only ---- */

#ifndef __bpf__
#include <errno.h>
#include <string.h>

const char *const damage_names[] = { "flip",  "stuck0", "stuck1", "swap16", "compensate",
				     "burst", "zero",	"random", NULL };

const char *const damage_meanings[] = {
	"one bit flipped, anywhere or at --offset and --bit",
	"--bit reads 0 at every offset mod --stride = --phase",
	"--bit reads 1 at every offset mod --stride = --phase",
	"two 16-bit words swapped: no checksum sees it",
	"two flips that cancel: no checksum sees it",
	"--bits in a row flipped, at most 64 (or burst:N)",
	"up to 64 bytes in a row read 0",
	"up to 64 bytes in a row replaced by random ones",
	NULL,
};

const bool damage_unseen[DAMAGE_KINDS] = { [DAMAGE_SWAP16] = true, [DAMAGE_COMPENSATE] = true };

const char *const damage_where_names[] = { "payload", "transport", "network", NULL };

const char *const damage_where_meanings[] = {
	"the data after the TCP or UDP header",
	"from the TCP or UDP header on",
	"from the IP header on",
	NULL,
};

static uint32_t damage_at(const struct damage_spec *spec, uint64_t random, uint8_t *payload,
			  size_t len, uint32_t start)
{
	struct damage_window window = { .start = start };
	uint32_t changed;

	window.len = len - start < DAMAGE_WINDOW ? len - start : DAMAGE_WINDOW;
	memcpy(window.byte, payload + start, window.len);
	changed = damage_apply(spec, random, &window);
	if (changed)
		memcpy(payload + start, window.byte, window.len);
	return changed;
}

unsigned int damage_payload(const struct damage_spec *spec, uint64_t n, uint8_t *payload,
			    size_t len)
{
	uint64_t random = damage_random(spec->seed, n);
	unsigned int changed = 0;

	if (!len)
		return 0;
	if (!damage_everywhere(spec))
		return damage_at(spec, random, payload, len,
				 damage_window_start(spec, random, len));
	for (size_t start = 0; start < len; start += DAMAGE_WINDOW)
		changed += damage_at(spec, random, payload, len, start);
	return changed;
}
#endif
