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
 * The term for j = 0 is 1, and those for j and M - j are conjugates, so that their sum is twice the
 * real part. All terms are at most 1, so the error of P is that of rounding, below 1e-13.
 */
#include "sum/detect.h"

#include <complex.h>
#include <math.h>

#include "sum/csum.h"

#define MODULUS 65535u
#define ROUNDING 1e-13

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

/* F at the j-th root of unity. Multiplying j by 2 modulo 65535 turns its 16 bits by one place. */
static double complex by_one_flip(const struct detect_damage *damage, double flips, unsigned int j)
{
	double real = 0, imaginary = 0;

	for (int b = 0; b < DETECT_COLUMNS; b++, j = (j << 1 | j >> 15) & 0xffff) {
		double down = (double)damage->flips[b][0], up = (double)damage->flips[b][1];
		double angle = 2 * M_PI * j / MODULUS;

		if (down + up == 0)
			continue;
		real += (up + down) / flips * cos(angle);
		imaginary += (up - down) / flips * sin(angle);
	}
	return real + imaginary * I;
}

/* G at z, times the number of packets. */
static double complex by_packet(const struct detect_damage *damage, double complex z)
{
	double complex sum = 0;

	for (int k = DETECT_BITS; k > 0; k--)
		sum = (sum + (double)damage->packets[k]) * z;
	return sum;
}

double detect_missed_share(const struct detect_damage *damage)
{
	double flips = 0, packets = 0, sum;

	for (int b = 0; b < DETECT_COLUMNS; b++)
		flips += (double)damage->flips[b][0] + (double)damage->flips[b][1];
	for (int k = 1; k <= DETECT_BITS; k++)
		packets += (double)damage->packets[k];
	if (!packets)
		return 0;
	sum = packets;
	for (unsigned int j = 1; j <= MODULUS / 2; j++)
		sum += 2 * creal(by_packet(damage, by_one_flip(damage, flips, j)));
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
