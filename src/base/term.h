/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminals: colour, only on a terminal that supports it and if NO_COLOR (no-color.org) is not set,
 * and width.
 */
#ifndef TRUESUM_BASE_TERM_H
#define TRUESUM_BASE_TERM_H

#include <stdbool.h>
#include <stdio.h>

#include "base/vocabulary.h"

enum term_style {
	TERM_PLAIN, /* back to normal */
	TERM_BAD, /* damaged, delivers-corrupt: red */
	TERM_GOOD, /* verified: green */
	TERM_WARN, /* blocked, differs, the damage window: yellow */
	TERM_DIM, /* what matters less */
	TERM_BOLD,
	TERM_STYLES
};

/* Whether the stream is a terminal that can move its cursor (TERM is not "dumb"). */
bool term_is(FILE *stream);

/* Whether to colour what is written to the stream. */
bool term_color(FILE *stream);

/* The terminal's width; 80 if the stream is no terminal. */
unsigned int term_columns(FILE *stream);

/*
 * The escape sequence for a style, or "" without colour: printf("%s", term_style(color, TERM_BAD)).
 */
const char *term_style(bool color, enum term_style style);

/* The style of a verdict. TERM_DIM for VERDICTS, the value that stands for "no verdict". */
enum term_style term_verdict_style(enum verdict verdict);

/*
 * Copies the text with '?' for all but printable ASCII: a name that a container chose must not
 * control the terminal.
 */
void term_printable(char *ret_text, size_t size, const char *text);

#endif
