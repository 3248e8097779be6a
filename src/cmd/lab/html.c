// SPDX-License-Identifier: GPL-2.0-or-later
/* Escaping: see html.h. */
#include "cmd/lab/html.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

static const char *escape_of(char c)
{
	static const struct {
		char c;
		const char *escape;
	} rows[] = { { '&', "&amp;" },
		     { '<', "&lt;" },
		     { '>', "&gt;" },
		     { '"', "&quot;" },
		     { '\'', "&#39;" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].c == c)
			return rows[i].escape;
	return NULL;
}

/* The length of the well-formed UTF-8 sequence (RFC 3629) at text, beyond ASCII; 0 where there is none. */
static size_t utf8_len(const unsigned char *text)
{
	static const struct {
		unsigned char first, last; /* of the leading byte */
		unsigned char second_least, second_most;
		size_t len;
	} rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (text[0] < rows[i].first || text[0] > rows[i].last)
			continue;
		if (text[1] < rows[i].second_least || text[1] > rows[i].second_most)
			return 0;
		for (size_t j = 2; j < rows[i].len; j++)
			if ((text[j] & 0xc0) != 0x80)
				return 0;
		return rows[i].len;
	}
	return 0;
}

void html_text(FILE *out, const char *text)
{
	while (*text) {
		size_t len = utf8_len((const unsigned char *)text);
		const char *escape = escape_of(*text);

		if (escape)
			fputs(escape, out);
		else if (*text >= ' ' && *text < 0x7f)
			fputc(*text, out);
		else if (len)
			fwrite(text, 1, len, out);
		else
			fputs("\xef\xbf\xbd", out);
		text += len ? len : 1;
	}
}

void html_byte(FILE *out, uint8_t byte)
{
	const char text[2] = { (char)byte, '\0' };

	if (byte >= ' ' && byte < 0x7f)
		html_text(out, text);
	else
		fprintf(out, "\\x%02x", byte);
}
