/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What damage looks like: which bits changed, in which direction, at which offsets modulo the
 * widths of memories and buses. A bad data line shows as one bit at one residue, always in one
 * direction.
 */
#ifndef TRUESUM_PACKET_SHAPE_H
#define TRUESUM_PACKET_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHAPE_STRIDE 64 /* bytes: the widest memory looked for; 1, 2 .. 32 divide it */

struct shape {
	uint64_t flips[SHAPE_STRIDE][8][2]; /* by offset mod 64, bit (0 = 0x01), 1: from 0 to 1 */
};

/*
 * Compares two byte strings of equal length that begin at `offset`; returns how many bits differ.
 */
uint64_t shape_add(struct shape *shape, size_t offset, const uint8_t *got, const uint8_t *want,
		   size_t len);

/* Bits that changed from 1 to 0, and from 0 to 1. */
void shape_directions(const struct shape *shape, uint64_t *ret_down, uint64_t *ret_up);

/* Flips by offset mod `stride` (2, 4, ... 64), into stride counters. */
void shape_by_offset(const struct shape *shape, unsigned int stride, uint64_t *ret_counts);

/*
 * One bad data line: every flip is this bit, at offset mod `stride` == `phase`, in this direction.
 */
struct shape_line {
	unsigned int stride, phase, bit;
	bool up;
	uint64_t flips;
};

/*
 * The widest memory (stride 64 .. 1) in which all flips so far hit a single line. False if they
 * do not, or if there are fewer than 4, which could be chance.
 */
bool shape_stuck_line(const struct shape *shape, struct shape_line *ret_line);

#endif
