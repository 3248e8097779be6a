// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the Internet checksum can see.
 *
 * A flip of bit b changes the sum by 2^b or -2^b modulo M = 65535, b being 0..15 for the place in the
 * big-endian 16-bit word (its column). The checksum sees a set of flips unless these add up to 0.
 *
 * How probable is that for k different bits of N words of random data? Count the choices of k bits and
 * their directions by a generating function: in y, its power is the number of bits; in x, the change of
 * the sum:
 *
 *	F(x, y) = product over b of (1 + y (x^(2^b) + x^(-2^b)))^N
 *
 * The exponents of x that are multiples of M are picked by averaging over the M-th roots of unity
 * x = exp(2 pi i j / M), which makes x^w + x^-w into 2 cos(2 pi j w / M). Divided by the number of all
 * choices, 2^k times "16 N choose k":
 *
 *	P = 1/M sum over j of E_j
 *	E_j = [y^k] product over b of (1 + y c_jb)^N / (16 N choose k),  c_jb = cos(2 pi j 2^b / M)
 *
 * E_j is the mean product of k cosines drawn without replacement; E_0 = 1. Doubling j modulo M only
 * rotates the columns and -j changes no cosine, so each class of up to 32 values of j is computed once
 * and weighed with its size.
 *
 * To stay within floating point, both parts of E_j are weighed by p^n (1 - p)^(N - n), p = k / 16 N:
 * the factors become binomial distributions, and E_j the end of 15 convolutions of k + 1 terms. All
 * terms are at most 1 and so are their absolute sums; the error is that of rounding, below 1e-13.
 *
 * Many bits: by Maclaurin's inequality |E_j| <= m_j^k, where m_j is the mean of |c_jb| over b. Classes
 * for which that is below 1e-20 are left out (all of them together: less than 65535 * 1e-20 beside
 * E_0 = 1). The largest m_j is 0.913 (j = 1), so that over 500 bits nothing is left but E_0, and P
 * is 1/65535.
 */
#include "sum/detect.h"

#include <math.h>

#include "sum/csum.h"

#define MODULUS 65535u
#define COLUMNS 16
#define MANY_BITS 500
#define NEGLIGIBLE 1e-20
#define ROUNDING 1e-13

uint16_t detect_difference(const struct bit_flip *flips, size_t count)
{
	uint16_t difference = 0;

	for (size_t i = 0; i < count; i++) {
		uint16_t by = (uint16_t)(1u << (flips[i].bit + (flips[i].offset % 2 ? 0 : 8)));

		difference = flips[i].up ? csum_plus(difference, by) : csum_minus(difference, by);
	}
	return difference;
}

bool detect_csum_sees(const struct bit_flip *flips, size_t count)
{
	return detect_difference(flips, count) % MODULUS != 0;
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

/* The cosines of class j; returns the mean of their absolute values. */
static double cosines(unsigned int j, double ret_cosine[COLUMNS])
{
	double mean = 0;

	for (int b = 0; b < COLUMNS; b++, j = doubled(j)) {
		ret_cosine[b] = cos(2 * M_PI * j / MODULUS);
		mean += fabs(ret_cosine[b]) / COLUMNS;
	}
	return mean;
}

/* The probabilities of 0..k hits in n trials of probability p. */
static void binomial(double n, double p, unsigned int k, double ret_weight[])
{
	ret_weight[0] = p < 1 ? exp(n * log1p(-p)) : 0;
	for (unsigned int i = 0; i < k; i++)
		ret_weight[i + 1] =
			i < n && p < 1 ? ret_weight[i] * (n - i) / (i + 1) * p / (1 - p) : 0;
	if (p == 1)
		ret_weight[(unsigned int)n] = 1; /* all of them: n <= k */
}

/* The coefficient of y^k of the product over b of the sums over n of weight[n] (cosine[b] y)^n. */
static double mean_product(const double cosine[COLUMNS], const double weight[], unsigned int k)
{
	double product[MANY_BITS + 1] = { 1 }, factor[MANY_BITS + 1];

	for (int b = 0; b < COLUMNS; b++) {
		double power = 1;

		for (unsigned int n = 0; n <= k; n++, power *= cosine[b])
			factor[n] = weight[n] * power;
		for (unsigned int i = k + 1; i-- > 0;) {
			double sum = 0;

			for (unsigned int n = 0; n <= i; n++)
				sum += factor[n] * product[i - n];
			product[i] = sum;
		}
	}
	return product[k];
}

double detect_passes(unsigned int bits, size_t words)
{
	double weight[MANY_BITS + 1], all[MANY_BITS + 1], cosine[COLUMNS], sum = 1;
	double p = bits / (16.0 * (double)words);

	if (!bits || p > 1)
		return NAN;
	if (bits > MANY_BITS)
		return 1.0 / MODULUS;
	binomial((double)words, p, bits, weight);
	binomial(16.0 * (double)words, p, bits, all);
	for (unsigned int j = 1; j < MODULUS; j++) {
		unsigned int size = class_size(j);

		if (size && pow(cosines(j, cosine), bits) > NEGLIGIBLE)
			sum += size * mean_product(cosine, weight, bits) / all[bits];
	}
	return fabs(sum) < ROUNDING * MODULUS ? 0 : sum / MODULUS;
}

bool detect_single(uint16_t difference, unsigned int *ret_column, bool *ret_up)
{
	for (unsigned int column = 0; column < COLUMNS; column++) {
		uint16_t up = (uint16_t)(1u << column), down = csum_minus(0, up);

		if (difference != up && difference != down)
			continue;
		*ret_column = column;
		*ret_up = difference == up;
		return true;
	}
	return false;
}
