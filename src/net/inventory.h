/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is on this host: its network namespaces, their processes and containers, their devices, and
 * which devices join them. Only reads /proc, /run and netlink: it changes nothing and runs no
 * program of a container.
 */
#ifndef TRUESUM_NET_INVENTORY_H
#define TRUESUM_NET_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/term.h"
#include "net/device.h"
#include "net/netns.h"

/* A network namespace. */
struct space {
	struct netns_id id;
	int fd; /* open as long as the inventory exists */
	bool own; /* the one truesum runs in; to all others it is the host */
	/* the oldest process in it; 0: none (it is mounted, or something holds it open) */
	pid_t pid;
	uint64_t started; /* when that process started: process_started() */
	char comm[TERM_PRINTABLE_SIZE(16)]; /* its name, printable: see base/term.h */
	char hostname[TERM_PRINTABLE_SIZE(65)]; /* as that process sees it; printable */
	char container[65]; /* container id, from the process's cgroup; empty: unknown */
	char pod[64]; /* Kubernetes pod uid, from the cgroup; empty: unknown */
	/*
	 * "host", the container's name if known, a pod's hostname, the container id's first 12
	 * digits, the last part of `path`, or "comm[pid]". Printable.
	 */
	char name[TERM_PRINTABLE_SIZE(65)];
	/* /run/netns/NAME or where else it is mounted, any bytes; empty: not mounted */
	char path[256];
	struct device *device; /* by index */
	size_t device_count;
	bool default_v4, default_v6; /* it has a default route */
};

struct inventory {
	struct space
		*space; /* first the own one; the others by age of their process, then by path */
	size_t space_count;
	struct docker *docker; /* running containers, as the engine says; NULL: it did not answer */
};

/*
 * Takes the inventory. -EPERM with a sentence if /proc/PID/ns cannot be read at all; leaves out
 * single namespaces that vanish meanwhile or cannot be entered. `docker`: path of the engine's API
 * socket, which is asked for the containers' names (NULL: /run/docker.sock). A socket that is
 * missing or does not answer within a second is no error.
 */
int inventory_take(const char *docker, struct inventory *ret_inventory);
void inventory_release(struct inventory *inventory);

/*
 * The space with that process; with that netns name or path; with the container of that name, id or
 * beginning of an id. -ENOENT (-EINVAL if several match) with a sentence that says what to do.
 */
int inventory_by_pid(const struct inventory *inventory, pid_t pid, size_t *ret_space);
int inventory_by_netns(const struct inventory *inventory, const char *spec, size_t *ret_space);
int inventory_by_container(const struct inventory *inventory, const char *name, size_t *ret_space);

/* A device of the space, by name, or by index if `name` is NULL. NULL: none, or `space` is NULL. */
struct device *inventory_device(const struct space *space, const char *name, int index);

/*
 * The device at the other end: a veth's peer, a macvlan's or VLAN's lower device. NULL: not known.
 */
const struct device *inventory_link(const struct inventory *inventory, const struct device *device,
				    size_t *ret_space);

/*
 * Sets space->name. `container`: the container's name, NULL if unknown; `host`: this host's
 * hostname.
 */
void inventory_name_space(struct space *space, const char *container, const char *host);

#endif
