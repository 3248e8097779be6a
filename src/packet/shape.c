// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What damage looks like: see shape.h. One table by offset mod 64 answers every question,
 * since every smaller width divides 64: a residue's count is the sum of the rows that fall on it.
 */
#include "packet/shape.h"

#include <string.h>

#define LINE_FLIPS_MIN 4
#define BLOCK 64 /* bytes skipped at once if nothing changed */

/* Counts the bits of one changed byte. */
static unsigned int add_byte(struct shape *shape, size_t offset, uint8_t got, uint8_t want)
{
	unsigned int changed = got ^ want, count = 0;

	for (unsigned int bit = 0; bit < 8; bit++) {
		if (!(changed >> bit & 1))
			continue;
		shape->flips[offset % SHAPE_STRIDE][bit][got >> bit & 1]++;
		count++;
	}
	return count;
}

uint64_t shape_add(struct shape *shape, size_t offset, const uint8_t *got, const uint8_t *want,
		   size_t len)
{
	uint64_t count = 0;

	for (size_t from = 0; from < len; from += BLOCK) {
		size_t size = len - from < BLOCK ? len - from : BLOCK;

		if (!memcmp(got + from, want + from, size))
			continue;
		for (size_t i = from; i < from + size; i++)
			if (got[i] != want[i])
				count += add_byte(shape, offset + i, got[i], want[i]);
	}
	return count;
}

void shape_directions(const struct shape *shape, uint64_t *ret_down, uint64_t *ret_up)
{
	uint64_t sums[2] = { 0 };

	for (unsigned int at = 0; at < SHAPE_STRIDE; at++)
		for (unsigned int bit = 0; bit < 8; bit++)
			for (unsigned int up = 0; up < 2; up++)
				sums[up] += shape->flips[at][bit][up];
	*ret_down = sums[0];
	*ret_up = sums[1];
}

void shape_by_offset(const struct shape *shape, unsigned int stride, uint64_t *ret_counts)
{
	memset(ret_counts, 0, stride * sizeof(*ret_counts));
	for (unsigned int at = 0; at < SHAPE_STRIDE; at++)
		for (unsigned int bit = 0; bit < 8; bit++)
			ret_counts[at % stride] +=
				shape->flips[at][bit][0] + shape->flips[at][bit][1];
}

/* The bit and the direction that all flips share. */
static bool same_bit(const struct shape *shape, struct shape_line *line)
{
	unsigned int kinds = 0;

	for (unsigned int bit = 0; bit < 8; bit++) {
		for (unsigned int up = 0; up < 2; up++) {
			uint64_t flips = 0;

			for (unsigned int at = 0; at < SHAPE_STRIDE; at++)
				flips += shape->flips[at][bit][up];
			if (!flips)
				continue;
			kinds++;
			line->bit = bit;
			line->up = up;
			line->flips = flips;
		}
	}
	return kinds == 1;
}

bool shape_stuck_line(const struct shape *shape, struct shape_line *ret_line)
{
	struct shape_line line = { 0 };
	uint64_t counts[SHAPE_STRIDE];

	if (!same_bit(shape, &line) || line.flips < LINE_FLIPS_MIN)
		return false;
	/* At stride 1 there is one residue only, so this ends. */
	for (line.stride = SHAPE_STRIDE;; line.stride /= 2) {
		shape_by_offset(shape, line.stride, counts);
		for (line.phase = 0; line.phase < line.stride; line.phase++) {
			if (counts[line.phase] != line.flips)
				continue;
			*ret_line = line;
			return true;
		}
	}
}
