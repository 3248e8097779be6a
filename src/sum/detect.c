// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the Internet checksum can see: see detect.h.
 *
 * A flip of bit b changes the sum by 2^b or -2^b modulo M = 65535. b is the place (0 .. 15) in the
 * big-endian 16-bit word, its column. The checksum misses a set of flips if these add up to 0.
 *
 * How probable is a sum of 0? Let p(w) be the probability that one flip changes the sum by w, and
 * g(k) the probability that a packet has k flips.
 *
 * Few flips: list the sums of k flips with their probabilities, by adding one flip to each sum of
 * k - 1 flips. Meet in the middle: 2k flips add up to 0 if the last k have the opposite sum of the
 * first k. So the list for 3 flips (at most 5984 sums) answers for 6. All terms are positive:
 * nothing is lost to rounding.
 *
 * More flips: the lists grow too long. With x as a place holder, the change by one flip has the
 * generating function F(x) = sum over w of p(w) x^w, and that by a packet G(F(x)), with G(z) = sum
 * over k of g(k) z^k. Averaging over the M-th roots of unity x = exp(2 pi i j / M) picks the
 * exponents that are multiples of M:
 *
 *	P = 1/M sum over j of G(F(exp(2 pi i j / M)))
 *
 * The term for j = 0 is 1. Doubling j modulo M turns its 16 bits by one place, so that the same 16
 * cosines and sines serve all j of a class. The terms for j and M - j are conjugates, so only their
 * real parts count, and one of the two is computed. All terms are at most 1, so the error of P is
 * that of rounding, below 1e-13.
 */
#include "sum/detect.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "sum/csum.h"

#define MODULUS 65535u
#define ROUNDING 1e-13
#define NEGLIGIBLE_BITS 44
#define LISTED_SUMS 8192

bool detect_add(struct detect_damage *damage, size_t offset, const uint8_t *got,
		const uint8_t *want, size_t len)
{
	int64_t difference = 0;
	uint64_t bits = 0;

	for (size_t i = 0; i < len; i++)
		for (unsigned int bit = 0; bit < 8 && got[i] != want[i]; bit++) {
			unsigned int column = bit + ((offset + i) % 2 ? 0 : 8);
			bool up = got[i] >> bit & 1;

			if (!((got[i] ^ want[i]) >> bit & 1))
				continue;
			damage->flips[column][up]++;
			difference += up ? 1 << column : -(1 << column);
			bits++;
		}
	if (!bits)
		return false;
	damage->packets[bits < DETECT_BITS ? bits : DETECT_BITS]++;
	damage->missed += difference % (int64_t)MODULUS == 0;
	return difference % (int64_t)MODULUS != 0;
}

/*
 * The damage to compute for. `up` and `down` are the p of the comment above, one share for each
 * column and direction. `packets` are the counts that g is made from.
 */
struct kind {
	double up[DETECT_COLUMNS], down[DETECT_COLUMNS]; /* their total is 1 */
	double packets[DETECT_BITS + 1]; /* by their flips */
	int most; /* flips in a packet */
};

/* The sums that some number of flips can have, in no order, each once. */
struct sums {
	unsigned int count;
	uint16_t sum[LISTED_SUMS]; /* 0 .. M - 1 */
	double share[LISTED_SUMS]; /* of the packets that have this number of flips */
};

/* The sums of k flips and of k - 1. */
struct lists {
	struct sums list[2];
	uint16_t place[MODULUS]; /* 1 + a sum's index in the list for k; 0: not in it */
};

/* Lists the sums that are one flip away from `from`. Returns false if these are too many. */
static bool add_flip(const struct kind *kind, const struct sums *from, struct sums *to,
		     uint16_t *place)
{
	for (unsigned int i = 0; i < from->count; i++)
		place[from->sum[i]] = 0;
	to->count = 0;
	for (int flip = 0; flip < 2 * DETECT_COLUMNS; flip++) {
		unsigned int bit = 1u << flip / 2, change = flip % 2 ? bit : MODULUS - bit;
		double share = (flip % 2 ? kind->up : kind->down)[flip / 2];

		for (unsigned int i = 0; share > 0 && i < from->count; i++) {
			unsigned int sum = from->sum[i] + change;

			if (sum >= MODULUS)
				sum -= MODULUS;
			if (!place[sum]) {
				if (to->count == LISTED_SUMS)
					return false;
				to->sum[to->count] = (uint16_t)sum;
				to->share[to->count] = 0;
				place[sum] = (uint16_t)++to->count;
			}
			to->share[place[sum] - 1] += share * from->share[i];
		}
	}
	return true;
}

/*
 * The probability that a sum of one list is the opposite of one of the other. `place` belongs to
 * `other`.
 */
static double opposites(const struct sums *sums, const struct sums *other, const uint16_t *place)
{
	double share = 0;

	for (unsigned int i = 0; i < sums->count; i++) {
		unsigned int found = place[sums->sum[i] ? MODULUS - sums->sum[i] : 0];

		if (found)
			share += sums->share[i] * other->share[found - 1];
	}
	return share;
}

/* How many packets have a sum of 0, from lists. False if these are too long or memory is short. */
static bool missed_by_lists(const struct kind *kind, double *ret)
{
	_cleanup_free_ struct lists *lists = calloc(1, sizeof(*lists));
	struct sums *last, *now;
	double missed = 0;

	if (!lists)
		return false;
	last = &lists->list[0];
	now = &lists->list[1];
	now->count = 1; /* no flip: the sum is 0 */
	now->share[0] = 1;
	lists->place[0] = 1;
	for (int flips = 1; flips <= kind->most; flips++) {
		if (flips % 2) {
			struct sums *next = last;

			last = now;
			now = next;
			if (!add_flip(kind, last, now, lists->place))
				return false;
		}
		if (kind->packets[flips] > 0)
			missed += kind->packets[flips] *
				  opposites(flips % 2 ? last : now, now, lists->place);
	}
	*ret = missed;
	return true;
}

/* j as 16 bits, turned by one place: 2 j modulo 65535. */
static unsigned int doubled(unsigned int j)
{
	return (j << 1 | j >> 15) & 0xffff;
}

/* How many j are in the class of this one; 0 unless it is the smallest of them. */
static unsigned int class_size(unsigned int j)
{
	unsigned int turned = j, size = 0;
	bool mirrored = false;

	do {
		if (turned < j || MODULUS - turned < j)
			return 0;
		if (MODULUS - turned == j)
			mirrored = true;
		size++;
		turned = doubled(turned);
	} while (turned != j);
	return mirrored ? size : 2 * size;
}

/*
 * The real part of G at z = (real, imaginary), by Goertzel's recurrence. Leaves out powers of z
 * below 2^-44.
 */
static double by_packet(const struct kind *kind, double real, double imaginary)
{
	double norm = real * real + imaginary * imaginary, one = 0, two = 0;
	int exponent, last = kind->most;

	frexp(norm, &exponent); /* norm < 2^exponent */
	if (exponent < 0 && 2 * NEGLIGIBLE_BITS / -exponent < last)
		last = 2 * NEGLIGIBLE_BITS / -exponent;
	for (int k = last; k > 0; k--) {
		double next = kind->packets[k] + 2 * real * one - norm * two;

		two = one;
		one = next;
	}
	return real * one - norm * two;
}

/* The mean over the class of j of the real part of G(F(exp(2 pi i j / M))). */
static double mean_of_class(const struct kind *kind, unsigned int j)
{
	double cosine[2 * DETECT_COLUMNS], sine[2 * DETECT_COLUMNS], sum = 0;
	double real[DETECT_COLUMNS] = { 0 }, imaginary[DETECT_COLUMNS] = { 0 };

	for (int b = 0; b < DETECT_COLUMNS; b++, j = doubled(j)) {
		cosine[b] = cosine[b + DETECT_COLUMNS] = cos(2 * M_PI * j / MODULUS);
		sine[b] = sine[b + DETECT_COLUMNS] = sin(2 * M_PI * j / MODULUS);
	}
	for (int b = 0; b < DETECT_COLUMNS; b++) {
		double any = kind->up[b] + kind->down[b], up = kind->up[b] - kind->down[b];

		for (int turn = 0; turn < DETECT_COLUMNS; turn++) {
			real[turn] += any * cosine[turn + b];
			imaginary[turn] += up * sine[turn + b];
		}
	}
	for (int turn = 0; turn < DETECT_COLUMNS; turn++)
		sum += by_packet(kind, real[turn], imaginary[turn]);
	return sum / DETECT_COLUMNS;
}

/* How many of the `packets` have a sum of 0, from roots of unity. */
static double missed_by_roots(const struct kind *kind, double packets)
{
	double sum = packets, missed;

	for (unsigned int j = 1; j <= MODULUS / 2; j++) {
		unsigned int size = class_size(j);

		if (size)
			sum += size * mean_of_class(kind, j);
	}
	missed = sum / MODULUS;
	return missed < ROUNDING * packets ? 0 : missed;
}

double detect_missed_share(const struct detect_damage *damage)
{
	struct kind kind = { 0 };
	double flips = 0, packets = 0, missed;

	for (int b = 0; b < DETECT_COLUMNS; b++)
		flips += (double)damage->flips[b][0] + (double)damage->flips[b][1];
	for (int b = 0; b < DETECT_COLUMNS; b++) {
		kind.down[b] = (double)damage->flips[b][0] / flips;
		kind.up[b] = (double)damage->flips[b][1] / flips;
	}
	for (int k = 1; k <= DETECT_BITS; k++) {
		kind.packets[k] = (double)damage->packets[k];
		packets += kind.packets[k];
		if (damage->packets[k])
			kind.most = k;
	}
	if (kind.most < 2) /* a single flip is always seen */
		return 0;
	if (!missed_by_lists(&kind, &missed))
		missed = missed_by_roots(&kind, packets);
	return missed / packets;
}

bool detect_single(uint16_t difference, unsigned int *ret_column, bool *ret_up)
{
	for (unsigned int column = 0; column < DETECT_COLUMNS; column++) {
		uint16_t up = (uint16_t)(1u << column), down = csum_minus(0, up);

		if (difference != up && difference != down)
			continue;
		*ret_column = column;
		*ret_up = difference == up;
		return true;
	}
	return false;
}
