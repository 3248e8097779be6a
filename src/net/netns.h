/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network namespaces. A namespace made here has no name: it lives as long as a descriptor, socket
 * or process holds it. So when truesum ends, even by SIGKILL, the kernel removes it with every
 * device, route, filter and sysctl in it.
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
 * Opens a namespace by name (`ip netns`), path (with a slash) or pid. -errno with a sentence;
 * -EINVAL if it is no network namespace.
 */
int netns_open(const char *spec, int *ret_fd);

/*
 * Opens the file of a network namespace, and nothing else: whatever the path leads to, also while
 * somebody swaps it, no FIFO blocks and no device is opened. `ino`: the namespace that is expected;
 * 0: any. Returns a descriptor or -errno, without a sentence; -EINVAL: it is no network namespace,
 * -ENOENT: it is another one. netns_open_held() does so with a file that the caller holds by
 * O_PATH and keeps.
 */
int netns_open_file(const char *path, ino_t ino);
int netns_open_held(int held, ino_t ino);

/*
 * Which namespace it is. The kernel reuses the inode numbers of dead namespaces; a cookie
 * (Linux 5.14; before that 0) is never used twice.
 */
struct netns_id {
	dev_t dev;
	ino_t ino;
	uint64_t cookie;
};

/*
 * Device and inode (no cookie) of what the path leads to, from the folder (AT_FDCWD), without
 * waiting for its filesystem. -errno without a sentence.
 */
int netns_look(int folder, const char *path, struct netns_id *ret_id);

/* fd -1: the namespace this thread is in. */
int netns_identify(int fd, struct netns_id *ret_id);
bool netns_same(const struct netns_id *one, const struct netns_id *other);

/*
 * Moves this thread into the namespace until netns_leave():
 *     _cleanup_(netns_leave) int home = -1;
 *     rc = netns_enter(fd, &home);
 * fd -1 means the namespace the thread is in: nothing happens.
 */
int netns_enter(int fd, int *ret_home);
void netns_leave(const int *home);

#define SYSCTL_SIZE 128

/* Reads a sysctl without its newline. -ENOENT if there is none. */
int netns_sysctl_read(int netns_fd, const char *name, char ret_value[SYSCTL_SIZE]);

/* Writes a sysctl as seen in the namespace; `name` with slashes: "net/ipv4/ip_forward". */
int netns_sysctl_write(int netns_fd, const char *name, const char *value);

#endif
