/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which container, and which Kubernetes pod, a process belongs to, as its cgroup's name tells. */
#ifndef TRUESUM_NET_CGROUP_H
#define TRUESUM_NET_CGROUP_H

#define CGROUP_CONTAINER_SIZE 65
#define CGROUP_POD_SIZE 64

struct cgroup_place {
	char container[CGROUP_CONTAINER_SIZE]; /* id, of LXC the name; empty: in none */
	char pod[CGROUP_POD_SIZE]; /* the pod's uid; empty: in none */
};

/*
 * Reads the text of /proc/PID/cgroup, of version 1, 2 or both (cgroups(7)). Of containers in containers
 * it is the innermost; the helper of one that runs beside it (conmon, lxc monitor) is in none.
 */
void cgroup_parse(const char *text, struct cgroup_place *ret_place);

#endif
