// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the Internet checksum can see: see detect.h.
 *
 * A flip of bit b changes the sum by 2^b or -2^b modulo M = 65535, b being 0..15 for the place in
 * the big-endian 16-bit word (its column). The checksum sees a set of flips unless these add up to
 * 0.
 *
 * How probable is a sum of 0? Let p(w) be the probability that one flip changes the sum by w, and
 * g(k) the probability that a packet has k flips. With x as a place holder, the change by one flip
 * has the generating function F(x) = sum over w of p(w) x^w, and that by a packet G(F(x)), with
 * G(z) = sum over k of g(k) z^k. Averaging over the M-th roots of unity x = exp(2 pi i j / M) picks
 * the exponents that are multiples of M:
 *
 *	P = 1/M sum over j of G(F(exp(2 pi i j / M)))
 *
 * The term for j = 0 is 1. Doubling j modulo M turns its 16 bits by one place, so that the same 16
 * cosines and sines serve all j of a class. The terms for j and M - j are conjugates, so that only
 * the real parts count, and both are in one class. All terms are at most 1, so the error of P is
 * that of rounding, below 1e-13.
 */
#include "sum/detect.h"

#include <math.h>

#include "sum/csum.h"

#define MODULUS 65535u
#define ROUNDING 1e-13
#define NEGLIGIBLE_BITS 44

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

/* How often flips fall on a column (`any`), and how much more often they go up than down (`up`). */
struct column {
	double any, up;
};

/* What is asked about: the columns' shares, and G without its factor 1/packets. */
struct kind {
	struct column column[DETECT_COLUMNS];
	double packets[DETECT_BITS + 1]; /* by their flips */
	int most; /* flips in a packet */
};

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

	for (int b = 0; b < DETECT_COLUMNS; b++, j = doubled(j)) {
		cosine[b] = cosine[b + DETECT_COLUMNS] = cos(2 * M_PI * j / MODULUS);
		sine[b] = sine[b + DETECT_COLUMNS] = sin(2 * M_PI * j / MODULUS);
	}
	for (int turn = 0; turn < DETECT_COLUMNS; turn++) {
		double real = 0, imaginary = 0;

		for (int b = 0; b < DETECT_COLUMNS; b++) {
			real += kind->column[b].any * cosine[turn + b];
			imaginary += kind->column[b].up * sine[turn + b];
		}
		sum += by_packet(kind, real, imaginary);
	}
	return sum / DETECT_COLUMNS;
}

double detect_missed_share(const struct detect_damage *damage)
{
	struct kind kind = { 0 };
	double flips = 0, packets = 0, sum;

	for (int b = 0; b < DETECT_COLUMNS; b++)
		flips += (double)damage->flips[b][0] + (double)damage->flips[b][1];
	for (int b = 0; b < DETECT_COLUMNS; b++) {
		double down = (double)damage->flips[b][0], up = (double)damage->flips[b][1];

		kind.column[b] = (struct column){ (up + down) / flips, (up - down) / flips };
	}
	for (int k = 1; k <= DETECT_BITS; k++) {
		kind.packets[k] = (double)damage->packets[k];
		packets += kind.packets[k];
		if (damage->packets[k])
			kind.most = k;
	}
	if (kind.most < 2) /* a single flip is always seen */
		return 0;
	sum = packets;
	for (unsigned int j = 1; j <= MODULUS / 2; j++) {
		unsigned int size = class_size(j);

		if (size)
			sum += size * mean_of_class(&kind, j);
	}
	sum /= packets * MODULUS;
	return sum < ROUNDING ? 0 : sum;
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
