/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of an inventory do for each other; for everybody else there is inventory.h. */
#ifndef TRUESUM_NET_INVENTORY_PART_H
#define TRUESUM_NET_INVENTORY_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net/cgroup.h"
#include "net/inventory.h"

/*
 * Every namespace that a process is in or that is mounted: id (without its cookie), fd, own, pid, started
 * and path. The own one first, the others as found. What was found is the inventory's on failure, too.
 */
int spaces_find(struct inventory *inventory);

/* Whose it is: comm, hostname, container, pod. What its process cannot tell any more stays empty. */
void space_describe(struct space *space);

/* The cgroup's container and pod; empty where the process is gone or out of reach. */
void process_place(pid_t pid, struct cgroup_place *ret_place);

/* -ENOENT: no such process; -EACCES. Without a sentence. */
int process_netns(pid_t pid, struct netns_id *ret_id);

/* Hands every process to `fn` until that returns something else than 0, which is returned. */
int process_each(int (*fn)(pid_t pid, void *data), void *data);

/* What is in a namespace, read by one enter. */
struct contents {
	uint64_t cookie;
	struct device *device; /* by index; link_space is not known yet: -1 */
	size_t device_count;
	bool default_v4, default_v6;
};

int contents_read(const struct space *space, struct contents *ret_contents);
void contents_free(struct contents *contents);

/* By index, in an array sorted by it; NULL: none. */
struct device *device_find(struct device *device, size_t count, int index);

/*
 * Finds out where lower devices and peers are: link_space of all devices just read, and of one space's
 * that was read anew, while what is known of the others is old.
 */
void inventory_join(struct inventory *inventory);
void inventory_join_anew(struct inventory *inventory, size_t space);

/*
 * Gives the space its name. `container`: the container's, where known, or NULL; `host`: the own space's
 * hostname, which is no pod's.
 */
void space_name(struct space *space, const char *container, const char *host);

#endif
