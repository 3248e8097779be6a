/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text into HTML and SVG. Everything that was not written in this source goes through here. */
#ifndef TRUESUM_CMD_LAB_HTML_H
#define TRUESUM_CMD_LAB_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The text with what HTML gives a meaning escaped, good for element content and quoted attributes.
 * Control characters and whatever is not UTF-8 become U+FFFD.
 */
void html_text(FILE *out, const char *text);

/* One received byte: itself where it is printable ASCII, else as \xNN. */
void html_byte(FILE *out, uint8_t byte);

#endif
