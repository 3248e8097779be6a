/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A received line shown beside what belongs there: wrong characters stand out, everything that is
 * right may be shortened.
 *
 * One column a byte. Where colour is not to be had, a second line with carets marks the wrong bytes.
 */
#ifndef TRUESUM_LAB_MARKED_H
#define TRUESUM_LAB_MARKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A line of at most MARKED_MAX bytes: `got` as received, `want` as it should be. */
#define MARKED_MAX 128

struct marked {
	const uint8_t *got, *want;
	size_t len;
};

/*
 * Prints the line without its newline (a wrong one is shown) and returns how many columns that took.
 * To keep within `columns`, runs of undamaged letters become "…"; a wrong byte or the counter never
 * does, so that a line with little else may come out wider. Bytes that are not printable ASCII are
 * shown as "·".
 */
unsigned int marked_print(FILE *out, const struct marked *line, unsigned int columns, bool color);

/* Prints carets where marked_print() with the same `columns` put wrong bytes; nothing where none is. */
unsigned int marked_carets(FILE *out, const struct marked *line, unsigned int columns);

/* "0x61→0x21 at offset 12 (bit 6 1→0)" for one wrong byte. */
void marked_describe(FILE *out, size_t offset, uint8_t got, uint8_t want);

#endif
