/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminals: colour, only on a terminal that supports it and if NO_COLOR (no-color.org) is not set,
 * and width. Names that somebody else chose: how they are shown, and quoted for the shell.
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
 * How a name is shown that a container chose, in every kind of output (text, log, HTML, DOT, TAP,
 * JSON, whose strings must be UTF-8): printable ASCII as it is; each other byte, and a backslash,
 * as \xNN with two hexadecimal digits. So a name cannot control the terminal, and what is shown
 * says what the bytes were. Call it once for a name: what it returns is text, no name any more. A
 * text that does not fit ends before the first byte that has no room.
 */
void term_printable(char *ret_text, size_t size, const char *name);

/* Room for each name that fits into an array of `size` bytes with its NUL. */
#define TERM_PRINTABLE_SIZE(size) (4 * (size))

/*
 * The same for a sentence in which names are printable already, and which may quote other text:
 * backslashes stay.
 */
void term_sentence(char *ret_text, size_t size, const char *sentence);

/*
 * Makes the name one word of a command that a person may copy into any POSIX shell: 'in quotes',
 * or, if there are bytes other than printable ASCII, "$(printf '\ooo')".
 * A word that begins with '-' stays an option: advise --option=WORD, or a place where the command
 * takes no options. Returns false, and "" as the text, if it does not fit, or the name
 * ends with a newline, which no such word can: then advise nothing.
 */
bool term_shell_quote(char *ret_text, size_t size, const char *name);

/* Room for each name that fits into an array of `size` bytes with its NUL. */
#define TERM_QUOTED_SIZE(size) (4 * (size) + 16)

#endif
