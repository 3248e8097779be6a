/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the peer writes to a target: letters of LETTER_LEN bytes, some of them damaged on purpose, in the
 * order of a check's row. Pure: bytes only.
 */
#ifndef TRUESUM_PROBE_PAYLOAD_H
#define TRUESUM_PROBE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LETTER_LEN 128
#define LETTERS_MAX 8

/* What the peer does to a letter. */
enum treatment {
	TREAT_END, /* no letter: the list ends */
	TREAT_INTACT,
	TREAT_PAYLOAD, /* one payload bit flipped under the original's checksum */
	TREAT_FIELD, /* another content with its right checksum, of which one bit is flipped */
	TREAT_PAIR, /* two flips that cancel: no checksum sees it, so this must arrive */
};

enum check_shape { SHAPE_SINGLE, SHAPE_MERGED, SHAPE_NO_CHECK, SHAPE_FRAGMENTS };

/* One check, as a row of a table. */
struct check {
	const char *name; /* "tcp", "tcp-merged", ... */
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	enum check_shape shape;
	bool v4, v6; /* the families it exists for */
	enum treatment letters[LETTERS_MAX + 1];
};

extern const struct check check_rows[];
extern const size_t check_row_count;

/* The intact letter of this number, which the peer writes from this port. */
void letter_write(unsigned int number, uint16_t port, uint8_t letter[LETTER_LEN]);

/* The number that a letter says it has. */
unsigned int letter_number(const uint8_t letter[LETTER_LEN]);

/* What the treatment does to a letter's bytes. */
void letter_damage(enum treatment treatment, uint8_t letter[LETTER_LEN]);

/* Flips one bit of a checksum field; a UDP one never becomes 0: "there is none" (RFC 768). */
void letter_damage_field(uint8_t field[2]);

/* Whether a checksum sees what the treatment does. */
bool letter_is_seen(enum treatment treatment);

#endif
