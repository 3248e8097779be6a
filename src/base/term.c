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

/* Two ways to quote: '...', and "$(printf '...')", whose output a shell takes as one word. */
static const struct quotes {
	const char *before, *after;
} in_quotes = { "'", "'" }, by_printf = { "\"$(printf '", "')\"" };

/*
 * How a byte is written between them. An interactive bash would expand the ! of the second way, and
 * printf would take a first - for an option.
 */
static int quote_byte(char ret_text[8], char byte, bool printf_reads, bool first)
{
	if (!printf_reads)
		return snprintf(ret_text, 8, byte == '\'' ? "'\\''" : "%c", byte);
	if (byte == '%')
		return snprintf(ret_text, 8, "%%%%");
	if (!is_printable(byte) || strchr("\\'\"!`$", byte) || (first && byte == '-'))
		return snprintf(ret_text, 8, "\\%03o", (unsigned char)byte);
	return snprintf(ret_text, 8, "%c", byte);
}

bool term_shell_quote(char *ret_text, size_t size, const char *name)
{
	static const char bare[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ._/@+-:";
	bool quoted = !*name || *name == '-' || strspn(name, bare) != strlen(name), odd = false;
	size_t len = strlen(name), used = 0;
	const struct quotes *quotes;
	char part[8];

	for (const char *at = name; *at; at++)
		odd |= !is_printable(*at);
	quotes = odd ? &by_printf : &in_quotes;
	*ret_text = '\0';
	/* $(...) takes newlines off the end. */
	if (size < TERM_QUOTED_SIZE(0) || (len && name[len - 1] == '\n'))
		return false;
	if (quoted)
		used = (size_t)snprintf(ret_text, size, "%s", quotes->before);
	for (size_t i = 0; i < len; i++) {
		size_t part_len = quoted ? (size_t)quote_byte(part, name[i], odd, !i)
					 : (size_t)snprintf(part, sizeof(part), "%c", name[i]);

		if (used + part_len + strlen(quotes->after) + 1 > size) {
			*ret_text = '\0';
			return false;
		}
		memcpy(ret_text + used, part, part_len);
		used += part_len;
	}
	snprintf(ret_text + used, size - used, "%s", quoted ? quotes->after : "");
	return true;
}
