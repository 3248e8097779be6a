// SPDX-License-Identifier: GPL-2.0-or-later
/* Terminals: see term.h. */
#include "base/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 20 /* narrower is taken for a terminal that does not know its size */

bool term_is(FILE *stream)
{
	const char *kind = getenv("TERM");

	return isatty(fileno(stream)) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool term_color(FILE *stream)
{
	const char *no_color = getenv("NO_COLOR");

	return term_is(stream) && !(no_color && *no_color);
}

unsigned int term_columns(FILE *stream)
{
	struct winsize size;

	if (!isatty(fileno(stream)) || ioctl(fileno(stream), TIOCGWINSZ, &size) < 0 ||
	    size.ws_col < COLUMNS_MIN)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

const char *term_style(bool color, enum term_style style)
{
	static const char *const sequences[TERM_STYLES] = {
		[TERM_PLAIN] = "\033[0m", [TERM_BAD] = "\033[1;31m", [TERM_GOOD] = "\033[32m",
		[TERM_WARN] = "\033[33m", [TERM_DIM] = "\033[2m",    [TERM_BOLD] = "\033[1m",
	};

	return color ? sequences[style] : "";
}

enum term_style term_verdict_style(enum verdict verdict)
{
	static const enum term_style styles[VERDICTS] = {
		[VERDICT_UNKNOWN] = TERM_WARN,
		[VERDICT_VERIFIED] = TERM_GOOD,
		[VERDICT_DELIVERS_CORRUPT] = TERM_BAD,
		[VERDICT_BLOCKED] = TERM_WARN,
	};

	return verdict < VERDICTS ? styles[verdict] : TERM_DIM;
}

void term_printable(char *ret_text, size_t size, const char *text)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < size; i++)
		ret_text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	ret_text[i] = '\0';
}
