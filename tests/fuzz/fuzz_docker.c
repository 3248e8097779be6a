// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any answer to the question for Docker's containers, in a buffer of exactly its size: refused with
 * a sentence, or ids and names that hold no surprise for a terminal, a path or a shell.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "net/docker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void check_container(const struct docker *docker, const struct docker_container *container)
{
	expect(strlen(container->id) == 64);
	expect(strspn(container->id, "0123456789abcdef") == 64);
	expect(memchr(container->name, '\0', sizeof(container->name)) != NULL);
	for (const char *at = container->name; *at; at++)
		expect(isalnum((unsigned char)*at) || strchr("_.-", *at));
	expect(docker_find(docker, container->id) != NULL);
	expect(docker_find_prefix(docker, container->id, 12) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct docker *docker = NULL;

	if (docker_parse((const char *)data, len, &docker)) {
		expect(!docker && *fail_text());
		return 0;
	}
	for (size_t i = 0; i < docker->count; i++)
		check_container(docker, &docker->container[i]);
	docker_free(docker);
	return 0;
}
