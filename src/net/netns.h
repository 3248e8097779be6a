/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network namespaces. A namespace made here has no name: it lives as long as a descriptor, socket or
 * process holds it, so the kernel itself removes it, and every device, route, filter and sysctl in it,
 * when truesum ends, by SIGKILL too.
 */
#ifndef TRUESUM_NET_NETNS_H
#define TRUESUM_NET_NETNS_H

#include <stddef.h>
#include <sys/types.h>

/* Makes an unnamed namespace; *ret_fd is the caller's to close. */
int netns_new(int *ret_fd);

/* Opens a namespace by name (`ip netns`), path (with a slash) or pid. -ENOENT with a sentence. */
int netns_open(const char *spec, int *ret_fd);

/* Finds a namespace of a living process or of /run/netns by its identity. -ENOENT where it is gone. */
int netns_find(dev_t dev, ino_t ino, int *ret_fd);

/*
 * Moves this thread into the namespace until netns_leave():
 *     _cleanup_(netns_leave) int home = -1;
 *     rc = netns_enter(fd, &home);
 * fd -1 means the namespace the thread is in: nothing happens.
 */
int netns_enter(int fd, int *ret_home);
void netns_leave(const int *home);

/* Reads or writes a sysctl as seen in the namespace; `name` with slashes: "net/ipv4/ip_forward". */
int sysctl_write(int netns_fd, const char *name, const char *value);
int sysctl_read(int netns_fd, const char *name, char *ret_value, size_t size);

#endif
