// SPDX-License-Identifier: GPL-2.0-or-later
/* Trace lines: see trace.h. The first call reads the environment variable. */
#include "base/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define VARIABLE "TRUESUM_DEBUG"
#define LINE_SIZE 512

bool trace_may_be_on = true;

static struct {
	const char *name;
	bool on;
} areas[] = { { "netlink", false }, { "bpf", false },	{ "probe", false },
	      { "guard", false },   { "links", false }, { "pcap", false } };

static bool have_read;

static void warn_unknown(const char *name, size_t len)
{
	fprintf(stderr, "truesum: " VARIABLE ": unknown area '%.*s'; known:", (int)len, name);
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
		fprintf(stderr, " %s,", areas[i].name);
	fprintf(stderr, " all\n");
}

static bool turn_on(const char *name, size_t len)
{
	bool all = len == 3 && !memcmp(name, "all", 3), known = all;

	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		if (!all && (strlen(areas[i].name) != len || memcmp(areas[i].name, name, len) != 0))
			continue;
		areas[i].on = known = true;
	}
	return known;
}

static void read_variable(void)
{
	const char *name = secure_getenv(VARIABLE);
	bool any = false, warned = false;

	have_read = true;
	while (name && *name) {
		size_t len = strcspn(name, ",");

		if (turn_on(name, len)) {
			any = true;
		} else if (len && !warned) {
			warn_unknown(name, len);
			warned = true;
		}
		name += len + (name[len] == ',');
	}
	trace_may_be_on = any;
}

static bool is_on(const char *area)
{
	if (!have_read)
		read_variable();
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
		if (areas[i].on && !strcmp(areas[i].name, area))
			return true;
	return false;
}

void trace_write(const char *area, const char *format, ...)
{
	int former_errno = errno;
	char line[LINE_SIZE];
	uint64_t now;
	va_list args;

	if (is_on(area)) {
		now = clock_ns();
		va_start(args, format);
		vsnprintf(line, sizeof(line), format, args);
		va_end(args);
		/* One write: lines of several processes do not mix. */
		dprintf(STDERR_FILENO, "%" PRIu64 ".%06" PRIu64 " %s: %s\n", now / 1000000000,
			now / 1000 % 1000000, area, line);
	}
	errno = former_errno;
}
