/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints a received message so that its wrong bytes stand out: in red, or with carets on a line of
 * their own if there is no colour. Right bytes may be left out to save columns.
 */
#ifndef TRUESUM_CMD_COMMON_MARKED_H
#define TRUESUM_CMD_COMMON_MARKED_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lab/message.h"

enum marked_as {
	MARKED_PLAIN, /* the message */
	MARKED_COLORED, /* the message, its wrong bytes in red */
	MARKED_CARETS, /* for the next line: a caret below each wrong byte, if any */
};

/*
 * Prints the message, one column a byte, and returns how many columns that took (for carets: up to
 * the last). A right newline at the end is left out. To keep within `columns`, runs of undamaged
 * letters become "…"; wrong bytes and the counter stay, so a message with little else may take
 * more. Bytes that are not printable ASCII are shown as "·". Carets stand below their bytes if
 * `columns` is the same.
 */
unsigned int marked_print(FILE *out, const struct message_line *line, unsigned int columns,
			  enum marked_as as);

/* Names one wrong byte: "0x61→0x21 at offset 12 (bit 6 1→0)". */
void marked_describe(FILE *out, size_t offset, uint8_t got, uint8_t want);

#endif
