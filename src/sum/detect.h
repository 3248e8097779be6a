/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a checksum can see. The Internet checksum is a sum modulo 65535: damage is invisible exactly
 * where the changes it makes to the 16-bit words add up to a multiple of 65535 (Stone, Partridge:
 * "When the CRC and TCP checksum disagree", 2000).
 */
#ifndef TRUESUM_SUM_DETECT_H
#define TRUESUM_SUM_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One bit that changed. */
struct bit_flip {
	size_t offset; /* byte offset from where the checksum's words are counted */
	uint8_t bit; /* 0 (0x01) .. 7 (0x80) */
	bool up; /* from 0 to 1 */
};

/* By how much the flips change the one's complement sum, folded; 0 and 0xffff both mean: by nothing. */
uint16_t detect_difference(const struct bit_flip *flips, size_t count);

/* Whether the Internet checksum can see these flips, wherever they fall (distinct bits). */
bool detect_csum_sees(const struct bit_flip *flips, size_t count);

/*
 * The probability that `bits` different bits, chosen evenly among `words` 16-bit words of evenly
 * distributed data, flip without changing the checksum. 0 for one bit; 1/32 for two in a long
 * message; 1/65535 for many. Exact but for rounding. Returns NAN where bits is 0 or over 16 * words.
 */
double detect_passes(unsigned int bits, size_t words);

/*
 * Which single flip would explain that the stored and the computed sum differ by `difference`
 * (computed - stored, one's complement): column 0 (least significant) .. 15 of a big-endian word and
 * its direction. False where no single flip does.
 */
bool detect_single(uint16_t difference, unsigned int *ret_column, bool *ret_up);

#endif
