// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any /proc/PID/cgroup, which a tenant can choose the names in: a container's and a pod's id come
 * out as they are there, or nothing.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = strndup((const char *)data, len);
	struct process process;

	if (!text)
		return 0;
	process_parse_cgroup(text, &process);
	expect(memchr(process.container, '\0', sizeof(process.container)) != NULL);
	expect(memchr(process.pod, '\0', sizeof(process.pod)) != NULL);
	expect(strstr(text, process.container) != NULL);
	for (const char *at = process.container; *at; at++)
		expect(isalnum((unsigned char)*at) || strchr("_.-", *at));
	for (const char *at = process.pod; *at; at++)
		expect(isxdigit((unsigned char)*at) || *at == '-');
	free(text);
	return 0;
}
