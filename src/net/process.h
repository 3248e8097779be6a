/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says of a process: its name, its container and Kubernetes pod (from its cgroup's
 * name), its age.
 */
#ifndef TRUESUM_NET_PROCESS_H
#define TRUESUM_NET_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/term.h"

#define PROCESS_CONTAINER_SIZE 65
#define PROCESS_POD_SIZE 64

struct process {
	char comm[TERM_PRINTABLE_SIZE(16)]; /* its name, printable: see base/term.h */
	char container[PROCESS_CONTAINER_SIZE]; /* id, for LXC the name; empty: in none */
	char pod[PROCESS_POD_SIZE]; /* the pod's uid; empty: in none */
};

/* Everything is empty if the process is gone or cannot be read. */
void process_read(pid_t pid, struct process *ret_process);

/*
 * When it started, in ticks since boot; UINT64_MAX for a kernel thread, which represents a
 * namespace only if no other process does. False if the process is gone.
 */
bool process_started(pid_t pid, uint64_t *ret_started);

/*
 * Reads the text of /proc/PID/cgroup, of version 1, 2 or both (cgroups(7)), into container and pod;
 * `comm` is empty. For containers in containers it is the innermost one; a runtime's helper process
 * beside a container (conmon, lxc monitor) is in none.
 */
void process_parse_cgroup(const char *text, struct process *ret_process);

#endif
