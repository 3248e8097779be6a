// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any lines of /proc/PID/mountinfo, where a tenant chooses the paths: no namespace, or its number
 * and a path that lies within its line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	while (len) {
		const uint8_t *end = memchr(data, '\n', len);
		size_t size = end ? (size_t)(end + 1 - data) : len;
		/* In memory of its own length: what is read beyond the line is seen. */
		char *line = strndup((const char *)data, size), *where = NULL;
		size_t line_len = line ? strlen(line) : 0;
		ino_t ino;

		if (line && netns_search_parse_mount(line, &ino, &where)) {
			expect(where >= line && where < line + line_len);
			expect(*where == '/' || !*where);
			expect(where + strlen(where) <= line + line_len);
		}
		free(line);
		data += size;
		len -= size;
	}
	return 0;
}
