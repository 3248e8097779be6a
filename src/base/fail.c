// SPDX-License-Identifier: GPL-2.0-or-later
/* The latest failure's sentence: see fail.h. */
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/term.h"

static _Thread_local char text[512] = "no reason was given";

/* It may quote names and text of others. */
static void keep(const char *fresh)
{
	term_sentence(text, sizeof(text), fresh);
}

int fail(int rc, const char *format, ...)
{
	char fresh[sizeof(text)]; /* an argument may be fail_text() itself */
	va_list args;

	va_start(args, format);
	vsnprintf(fresh, sizeof(fresh), format, args);
	va_end(args);
	keep(fresh);
	return rc;
}

int fail_errno(int rc, const char *format, ...)
{
	char fresh[sizeof(text)];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(fresh, sizeof(fresh), format, args);
	va_end(args);
	if (len >= 0 && (size_t)len < sizeof(fresh))
		snprintf(fresh + len, sizeof(fresh) - (size_t)len, ": %s", strerror(-rc));
	keep(fresh);
	return rc;
}

const char *fail_text(void)
{
	return text;
}
