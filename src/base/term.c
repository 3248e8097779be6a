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

static bool is_printable(char byte)
{
	return byte >= ' ' && byte <= '~';
}

/* Bytes that are not printable, and those in `also`, become \xNN. */
static void escape(char *ret_text, size_t size, const char *text, const char *also)
{
	size_t used = 0;

	for (; *text; text++) {
		bool plain = is_printable(*text) && !strchr(also, *text);
		size_t len = plain ? 1 : 4;

		if (used + len >= size)
			break;
		if (plain)
			ret_text[used] = *text;
		else
			snprintf(ret_text + used, size - used, "\\x%02x", (unsigned char)*text);
		used += len;
	}
	ret_text[used] = '\0';
}

void term_printable(char *ret_text, size_t size, const char *name)
{
	escape(ret_text, size, name, "\\");
}

void term_sentence(char *ret_text, size_t size, const char *sentence)
{
	escape(ret_text, size, sentence, "");
}

/* How a byte is written in a word: as it is, in '...' (a quote as '\''), or in $'...'. */
static int quote_byte(char ret_text[8], char byte, bool dollar)
{
	if (!dollar && byte == '\'')
		return snprintf(ret_text, 8, "'\\''");
	if (!is_printable(byte))
		return snprintf(ret_text, 8, "\\%03o", (unsigned char)byte);
	return snprintf(ret_text, 8, "%s%c", dollar && (byte == '\'' || byte == '\\') ? "\\" : "",
			byte);
}

bool term_shell_quote(char *ret_text, size_t size, const char *name)
{
	static const char bare[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ._/@+-:";
	bool quoted = !*name || *name == '-' || strspn(name, bare) != strlen(name), dollar = false;
	size_t used = 0;
	char part[8];

	for (const char *at = name; *at; at++)
		dollar |= !is_printable(*at);
	*ret_text = '\0';
	if (size < 4)
		return false;
	if (quoted)
		used = (size_t)snprintf(ret_text, size, "%s'", dollar ? "$" : "");
	for (; *name; name++) {
		size_t len = (size_t)quote_byte(part, *name, dollar);

		if (used + len + 2 > size) { /* a quote and the NUL */
			*ret_text = '\0';
			return false;
		}
		memcpy(ret_text + used, part, len);
		used += len;
	}
	if (quoted)
		ret_text[used++] = '\'';
	ret_text[used] = '\0';
	return true;
}
