/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network namespaces. A namespace made here has no name: it lives as long as a descriptor, socket or
 * process holds it, so the kernel itself removes it, and every device, route, filter and sysctl in it,
 * when truesum ends, by SIGKILL too.
 */
#ifndef TRUESUM_NET_NETNS_H
#define TRUESUM_NET_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes an unnamed namespace; *ret_fd is the caller's to close. */
int netns_new(int *ret_fd);

/*
 * Opens a namespace by name (`ip netns`), path (with a slash) or pid. A sentence where there is none, and
 * -EINVAL where it is something else.
 */
int netns_open(const char *spec, int *ret_fd);

/*
 * Which namespace it is. The kernel gives the numbers of dead ones out again; the cookie (Linux 5.14, 0
 * before) is never used twice.
 */
struct netns_id {
	dev_t dev;
	ino_t ino;
	uint64_t cookie;
};

/* fd -1: the namespace this thread is in. */
int netns_identify(int fd, struct netns_id *ret_id);
bool netns_same(const struct netns_id *one, const struct netns_id *other);

/*
 * Finds a namespace again: one that a thread is in, that a process holds open, or that is mounted
 * somewhere (as `ip netns` and container runtimes do), in another mount namespace too. -ENOENT where
 * nothing of that kind leads there: it is dead, or out of anybody's reach.
 */
int netns_find(const struct netns_id *sought, int *ret_fd);

/*
 * Moves this thread into the namespace until netns_leave():
 *     _cleanup_(netns_leave) int home = -1;
 *     rc = netns_enter(fd, &home);
 * fd -1 means the namespace the thread is in: nothing happens.
 */
int netns_enter(int fd, int *ret_home);
void netns_leave(const int *home);

/* In place: mountinfo has blanks, tabs, newlines and backslashes as three octal digits (proc(5)). */
void mountinfo_unescape(char *text);

#define SYSCTL_SIZE 128

/* Reads a sysctl, without the end of its line. -ENOENT where there is none. */
int netns_sysctl_read(int netns_fd, const char *name, char ret_value[SYSCTL_SIZE]);

/* Writes a sysctl as seen in the namespace; `name` with slashes: "net/ipv4/ip_forward". */
int netns_sysctl_write(int netns_fd, const char *name, const char *value);

#endif
