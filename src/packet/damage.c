// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/*
 * Damage patterns on one window of a payload, for user space and for BPF.
 *
 * A packet's random number is never used itself: each decision draws its own value from it, so that
 * where the window lies, what is hit in it and whether the packet was chosen at all stay independent.
 * BPF's verifier shapes the rest: every index into the window is masked although it is already in
 * range, every loop ends at a constant although it could end at the length, and what a branch in a
 * loop could do, arithmetic does: each turn would double what the verifier has to walk.
 */
#include "packet/damage.h"

#define INDEX(i) ((i) & (DAMAGE_WINDOW - 1))

enum damage_draw {
	DRAW_START = 1,
	DRAW_PLACE,
	DRAW_BIT,
	DRAW_OTHER,
	DRAW_BYTES, /* and those behind it, one for eight bytes */
};

/* The step and the finaliser of splitmix64 (Steele, Lea, Flood: OOPSLA 2014). */
static __u64 damage_mix(__u64 z)
{
	z += 0x9e3779b97f4a7c15ull;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* The seed is mixed alone first: neighbouring seeds must not give shifted copies of one sequence. */
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
 * Aligned windows, each as likely as it is long, make every byte of the payload equally likely. Only
 * a short last one is moved back, so that patterns that need room find it.
 */
DAMAGE_API __u32 damage_window_start(const struct damage_spec *spec, __u64 random,
				     __u32 payload_len)
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

DAMAGE_API int damage_everywhere(const struct damage_spec *spec)
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

/* The first bit that is set in a 16-bit word from `bit` on, around its end; without a loop. */
static __u32 damage_one_of(__u32 word, __u32 bit)
{
	word = (word >> bit | word << (16 - bit)) & 0xffff;
	word &= -word;
	return (word << bit | word >> (16 - bit)) & 0xffff;
}

/*
 * Two 16-bit words that differ: the first is drawn, the second the next different one behind a drawn
 * place. What differs is what swapping would flip in both, and any one bit of it, flipped in both,
 * goes up in one word and down in the other: the Internet checksum sees neither.
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

/* Bits are counted as they are sent: the highest of a byte first. */
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
	__u32 changed = 0, at, i, byte;
	__u64 bytes = 0;

	at = damage_below(random, DRAW_PLACE, window->len - len + 1);
	for (i = 0; i < DAMAGE_RUN; i++) {
		if (i >= len)
			break;
		if (spec->kind == DAMAGE_RANDOM) {
			if (i % 8 == 0)
				bytes = damage_random(random, DRAW_BYTES + i / 8);
			else
				bytes >>= 8;
		}
		byte = window->byte[INDEX(at + i)];
		changed += damage_ones(byte ^ (bytes & 0xff));
		window->byte[INDEX(at + i)] = bytes;
	}
	return changed;
}

DAMAGE_API __u32 damage_apply(const struct damage_spec *spec, __u64 random,
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
