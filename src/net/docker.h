/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of running containers, from the Docker engine's API on a unix socket (Podman has it,
 * too).
 */
#ifndef TRUESUM_NET_DOCKER_H
#define TRUESUM_NET_DOCKER_H

#include <stddef.h>

#include "base/cleanup.h"

#define DOCKER_SOCKET "/run/docker.sock"
#define DOCKER_ANSWER_MAX (16 << 20) /* bytes */
#define DOCKER_TIMEOUT_MS 1000

struct docker_container {
	char id[65]; /* 64 hexadecimal digits */
	char name[128]; /* letters, digits and "_.-"; empty: it has none that could be shown */
};

struct docker {
	size_t count;
	struct docker_container container[];
};

/*
 * Asks the engine at the socket and waits DOCKER_TIMEOUT_MS at most. -ENOENT or -ECONNREFUSED if
 * none listens, -ETIMEDOUT, -EMSGSIZE, else as docker_parse(); with a sentence. *ret_docker is for
 * docker_free().
 */
int docker_ask(const char *socket_path, struct docker **ret_docker);
void docker_free(struct docker *docker);
DEFINE_CLEANUP(struct docker *, docker, docker_free)

/*
 * Reads a whole HTTP answer to GET /containers/json. -EBADMSG if it is something else, is cut off
 * or not JSON, -EPROTO if the status is not 200. Leaves out containers without a valid id.
 */
int docker_parse(const char *answer, size_t len, struct docker **ret_docker);

/* By name or whole id; by the first `len` characters of an id. NULL: none; `docker` may be NULL. */
const struct docker_container *docker_find(const struct docker *docker, const char *name);
const struct docker_container *docker_find_prefix(const struct docker *docker, const char *prefix,
						  size_t len);

#endif
