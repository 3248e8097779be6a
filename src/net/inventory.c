// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An inventory: see inventory.h. First who is there (inventory_proc.c), then what is in each namespace
 * (inventory_link.c), then what joins them (inventory_join.c), last what people call them.
 */
#include "net/inventory.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/docker.h"
#include "net/inventory_part.h"

#define SHORT_ID 12

static void space_release(struct space *space)
{
	close(space->fd);
	free(space->device);
}

void inventory_release(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->space_count; i++)
		space_release(&inventory->space[i]);
	free(inventory->space);
	docker_free(inventory->docker);
	*inventory = (struct inventory){ 0 };
}

static int by_age(const void *one, const void *other)
{
	const struct space *a = one, *b = other;

	if (a->own != b->own)
		return a->own ? -1 : 1;
	if (!a->pid != !b->pid)
		return a->pid ? -1 : 1;
	if (a->started != b->started)
		return a->started < b->started ? -1 : 1;
	return a->pid != b->pid ? (a->pid > b->pid) - (a->pid < b->pid) : strcmp(a->path, b->path);
}

static int look(struct space *space)
{
	struct contents contents;
	int rc = contents_read(space, &contents);

	if (rc)
		return rc;
	free(space->device);
	space->id.cookie = contents.cookie;
	space->device = contents.device;
	space->device_count = contents.device_count;
	space->default_v4 = contents.default_v4;
	space->default_v6 = contents.default_v6;
	return 0;
}

/* Others than the own space may be out of reach; to run out of something is another matter. */
static bool may_be_left_out(const struct space *space, int rc)
{
	return !space->own && rc != -ENOMEM && rc != -EMFILE && rc != -ENFILE;
}

/* Keeps the spaces that can be looked at. */
static int look_at_all(struct inventory *inventory)
{
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < inventory->space_count; i++) {
		struct space *space = &inventory->space[i];
		bool seen = false;

		if (!rc) {
			rc = look(space);
			seen = !rc;
			if (rc && may_be_left_out(space, rc))
				rc = 0;
		}
		if (seen)
			inventory->space[kept++] = *space;
		else
			space_release(space);
	}
	inventory->space_count = kept;
	return rc;
}

int inventory_look(struct inventory *inventory, size_t space)
{
	int rc = look(&inventory->space[space]);

	if (!rc)
		inventory_join_anew(inventory, space);
	return rc;
}

/* The netns's name, or the end of the path where it is mounted. */
static const char *path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void space_name(struct space *space, const char *container, const char *host)
{
	char *at;
	int size = (int)sizeof(space->name);

	if (space->own)
		snprintf(space->name, sizeof(space->name), "host");
	else if (container && *container)
		snprintf(space->name, sizeof(space->name), "%s", container);
	else if (*space->pod && *space->hostname && strcmp(space->hostname, host))
		snprintf(space->name, sizeof(space->name), "%s", space->hostname);
	else if (*space->container)
		snprintf(space->name, sizeof(space->name), "%.*s",
			 strlen(space->container) == 64 ? SHORT_ID : size - 1, space->container);
	else if (*path_name(space->path))
		snprintf(space->name, sizeof(space->name), "%.*s", size - 1,
			 path_name(space->path));
	else
		snprintf(space->name, sizeof(space->name), "%s[%d]", space->comm, (int)space->pid);
	for (at = space->name; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

/* Docker gives a container its id's beginning as hostname: a second way to it where no cgroup tells. */
static const struct docker_container *docker_knows(const struct docker *docker,
						   const struct space *space)
{
	if (*space->container)
		return docker_find(docker, space->container);
	if (strlen(space->hostname) != SHORT_ID)
		return NULL;
	return docker_find_prefix(docker, space->hostname, SHORT_ID);
}

static void name_all(struct inventory *inventory)
{
	char host[65] = "";

	gethostname(host, sizeof(host) - 1);
	for (size_t i = 0; i < inventory->space_count; i++) {
		struct space *space = &inventory->space[i];
		const struct docker_container *container = NULL;

		if (!space->own)
			container = docker_knows(inventory->docker, space);
		if (container)
			memcpy(space->container, container->id, sizeof(space->container));
		space_name(space, container ? container->name : NULL, host);
	}
}

int inventory_take(const char *docker, struct inventory *ret_inventory)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	int rc = spaces_find(&inventory);

	if (rc)
		return rc;
	for (size_t i = 0; i < inventory.space_count; i++)
		space_describe(&inventory.space[i]);
	qsort(inventory.space, inventory.space_count, sizeof(*inventory.space), by_age);
	rc = look_at_all(&inventory);
	if (rc)
		return rc;
	inventory_join(&inventory);
	/* Without an engine there are no names, which is no error. */
	docker_ask(docker ? docker : DOCKER_SOCKET, &inventory.docker);
	name_all(&inventory);
	*ret_inventory = TAKE(inventory, (struct inventory){ 0 });
	return 0;
}

static int find_id(const struct inventory *inventory, const struct netns_id *id, size_t *ret_space)
{
	for (size_t i = 0; i < inventory->space_count; i++) {
		if (inventory->space[i].id.dev != id->dev || inventory->space[i].id.ino != id->ino)
			continue;
		*ret_space = i;
		return 0;
	}
	return -ENOENT;
}

int inventory_by_pid(const struct inventory *inventory, pid_t pid, size_t *ret_space)
{
	struct netns_id id;
	int rc = process_netns(pid, &id);

	if (rc == -ENOENT || rc == -ESRCH)
		return fail(-ENOENT, "no process %d", (int)pid);
	if (rc)
		return fail_errno(rc,
				  "cannot tell which network namespace process %d is in (run "
				  "as root)",
				  (int)pid);
	if (find_id(inventory, &id, ret_space))
		return fail(-ENOENT,
			    "process %d is in network namespace %lu, which is out of "
			    "reach (run as root, or try again)",
			    (int)pid, (unsigned long)id.ino);
	return 0;
}

int inventory_by_netns(const struct inventory *inventory, const char *spec, size_t *ret_space)
{
	_cleanup_close_ int fd = -1;
	struct netns_id id = { 0 };
	struct stat st;
	int rc = netns_open(spec, &fd);

	if (rc)
		return rc;
	if (fstat(fd, &st) < 0)
		return fail_errno(-errno, "cannot identify network namespace '%s'", spec);
	id.dev = st.st_dev;
	id.ino = st.st_ino;
	if (find_id(inventory, &id, ret_space))
		return fail(-ENOENT,
			    "network namespace '%s' is out of reach (run as root, or try "
			    "again)",
			    spec);
	return 0;
}

/* The spaces that a beginning of an id leads to. */
struct match {
	const struct inventory *inventory;
	const char *prefix;
	size_t spaces, space;
	char id[2][CGROUP_CONTAINER_SIZE]; /* of the first two */
	bool out_of_reach;
};

static void add_match(struct match *match, const char *id, size_t space)
{
	if (match->spaces && match->space == space)
		return;
	if (match->spaces < ARRAY_SIZE(match->id))
		memcpy(match->id[match->spaces], id, sizeof(match->id[0]));
	match->spaces++;
	match->space = space;
}

/* A space is shared by containers of which it bears one's id only: every process is asked. */
static int match_process(pid_t pid, void *data)
{
	struct match *match = data;
	struct cgroup_place place;
	struct netns_id id;
	size_t space;

	process_place(pid, &place);
	if (!*place.container || strncmp(place.container, match->prefix, strlen(match->prefix)) ||
	    process_netns(pid, &id))
		return 0;
	if (find_id(match->inventory, &id, &space))
		match->out_of_reach = true;
	else
		add_match(match, place.container, space);
	return 0;
}

static void match_whole(struct match *match, const char *name, bool is_id)
{
	for (size_t i = 0; i < match->inventory->space_count; i++) {
		const struct space *space = &match->inventory->space[i];

		if (*space->container && (!strcmp(space->container, match->prefix) ||
					  (!is_id && !strcmp(space->name, name))))
			add_match(match, space->container, i);
	}
}

static int match_prefix(struct match *match)
{
	const struct inventory *inventory = match->inventory;

	for (size_t i = 0; i < inventory->space_count; i++)
		if (!strncmp(inventory->space[i].container, match->prefix, strlen(match->prefix)))
			add_match(match, inventory->space[i].container, i);
	return process_each(match_process, match);
}

int inventory_by_container(const struct inventory *inventory, const char *name, size_t *ret_space)
{
	const struct docker_container *known = docker_find(inventory->docker, name);
	struct match match = { .inventory = inventory, .prefix = known ? known->id : name };
	int rc = 0;

	if (*name)
		match_whole(&match, name, known);
	if (*name && !match.spaces)
		rc = match_prefix(&match);
	if (rc)
		return rc;
	if (match.spaces > 1)
		return fail(-EINVAL,
			    "'%s' may be one of several containers (%.16s, %.16s): give "
			    "more of its id",
			    name, match.id[0], match.id[1]);
	if (!match.spaces && (match.out_of_reach || known))
		return fail(-ENOENT, "container '%s' is out of reach (run as root, or try again)",
			    name);
	if (!match.spaces)
		return fail(-ENOENT, "no container '%s' (%s)", name,
			    inventory->docker ? "docker runs no such container"
					      : "docker is not running here, or knows no such "
						"container");
	*ret_space = match.space;
	return 0;
}

const struct device *inventory_link(const struct inventory *inventory, const struct device *device,
				    size_t *ret_space)
{
	const struct space *space;
	const struct device *far;

	if (!device->link || device->link_space < 0 ||
	    (size_t)device->link_space >= inventory->space_count)
		return NULL;
	space = &inventory->space[device->link_space];
	far = device_find(space->device, space->device_count, device->link);
	if (far && ret_space)
		*ret_space = (size_t)device->link_space;
	return far;
}

const uint8_t *device_global_address(const struct device *device, int family)
{
	for (size_t i = 0; i < device->address_count; i++)
		if (device->address[i].family == family && device->address[i].scope < RT_SCOPE_LINK)
			return device->address[i].address;
	return NULL;
}
